import FuzzSupport
import Net
import TestSupport

// TCP tracking: segments of one connection in both directions, with flags, numbers, windows and options that drift away from what
// they should be.

@_cdecl("TCPFuzzer_main")
public func main(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> CInt {
    unsafe runFuzzer(count, arguments, fuzz)
}

private func fuzz(_ input: inout FuzzInput, _ router: FuzzRouter) {
    /// The next number of each side.
    var next: [UInt32] = [input.word(), input.word()]
    /// Where the client's packets come from, as the server sees it.
    var translated: (address: IPv4Address, port: UInt16)?
    var segments = 0
    while !input.isEmpty, segments < 64 {
        segments += 1
        let isReply = input.byte() & 1 == 1
        let side = isReply ? 1 : 0
        var tcp = TestPacket.TCP(sourcePort: isReply ? 80 : 1000, destinationPort: isReply ? 1000 : 80)
        tcp.flags = input.byte()
        tcp.sequence = next[side] &+ UInt32(bitPattern: Int32(Int8(bitPattern: input.byte()))) &* UInt32(input.byte())
        tcp.acknowledgment = next[1 - side] &+ UInt32(bitPattern: Int32(Int8(bitPattern: input.byte()))) &* UInt32(input.byte())
        tcp.window = input.short()
        tcp.options = input.bytes(input.below(11) * 4)
        while tcp.options.count % 4 != 0 { tcp.options.append(0) }
        var packet = TestPacket(
            ip: .init(source: isReply ? FuzzRouter.server : FuzzRouter.client, destination: isReply ? FuzzRouter.client : FuzzRouter.server, proto: .tcp))
        if isReply, let translated {
            packet.ip?.destination = translated.address
            tcp.destinationPort = translated.port
        }
        packet.transport = .tcp(tcp)
        packet.payload = TestPacket.pattern(input.below(64))
        if tcp.sequence == next[side] {
            next[side] &+= UInt32(packet.payload.count) &+ (tcp.flags & 2 != 0 ? 1 : 0) &+ (tcp.flags & 1 != 0 ? 1 : 0)
        }
        router.send(packet, on: isReply ? FuzzRouter.wan : FuzzRouter.lan, after: UInt64(input.byte()))
        for departure in router.departures(isCorrect: true) where departure.port == FuzzRouter.wan {
            if let out = try? TestPacket(frame: departure.bytes), case .tcp(let tcp) = out.transport, let ip = out.ip {
                translated = (ip.source, tcp.sourcePort)
            }
        }
    }
}
