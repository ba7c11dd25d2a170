import FuzzSupport
import Net
import TestSupport

// ICMP errors: about packets that really went by, and about what somebody made of them.

@_cdecl("ICMPErrorFuzzer_main")
public func main(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> CInt {
    unsafe runFuzzer(count, arguments, fuzz)
}

private func fuzz(_ input: inout FuzzInput, _ router: FuzzRouter) {
    var steps = 0
    /// The last packet that left toward each side, from its IP header.
    var seen: [[UInt8]] = [[], []]
    while !input.isEmpty, steps < 32 {
        steps += 1
        let choice = input.byte()
        let side = Int(choice & 1)
        if choice & 2 == 0 || seen[side].isEmpty {
            var packet = TestPacket(ip: .init(source: FuzzRouter.client, destination: FuzzRouter.server, proto: .udp))
            switch input.below(3) {
            case 0: packet.transport = .udp(.init(sourcePort: 1000, destinationPort: UInt16(input.byte())))
            case 1:
                packet.ip?.proto = .tcp
                var tcp = TestPacket.TCP(sourcePort: 1000, destinationPort: UInt16(input.byte()))
                tcp.flags = 2
                packet.transport = .tcp(tcp)
            default:
                packet.ip?.proto = .icmp
                packet.payload = [8, 0, 0, 0, 0, 7, 0, 1]
                let sum = ~UInt16(internetSum(packet.payload[...]))
                packet.payload[2] = UInt8(sum >> 8)
                packet.payload[3] = UInt8(sum & 255)
            }
            router.send(packet, on: FuzzRouter.lan)
        } else {
            var quoted = seen[side]
            for _ in 0..<input.below(4) { quoted[Int(input.short()) % quoted.count] ^= input.byte() }
            quoted = Array(quoted.prefix(choice & 4 == 0 ? 28 : input.below(80)))
            var error: [UInt8] = [[3, 4, 5, 11, 12][input.below(5)], input.byte() % 16, 0, 0] + input.bytes(4)
            while error.count < 8 { error.append(0) }
            error += quoted
            let sum = ~UInt16(internetSum(error[...]))
            error[2] = UInt8(sum >> 8)
            error[3] = UInt8(sum & 255)
            // It comes from beyond the side to which the quoted packet went, and goes to whom that packet names as its source.
            var packet = TestPacket(
                ip: .init(source: side == 1 ? "198.51.100.9" : "10.0.0.9", destination: side == 1 ? "198.51.100.1" : FuzzRouter.server, proto: .icmp))
            packet.payload = error
            if choice & 8 != 0, packet.payload.count > 16 {
                // Cut in two.
                var first = packet
                first.ip?.moreFragments = true
                first.payload = Array(packet.payload.prefix(16))
                router.send(first, on: PortIndex(rawValue: UInt8(side)))
                packet.ip?.offset = 16
                packet.payload = Array(packet.payload.dropFirst(16))
            }
            router.send(packet, on: PortIndex(rawValue: UInt8(side)))
        }
        for departure in router.departures(isCorrect: true) where departure.port.rawValue < 2 {
            seen[Int(departure.port.rawValue)] = Array(departure.bytes.dropFirst(14))
        }
    }
}
