import Net
import TestSupport

/// A TCP connection through a fuzzed router whose two ends count honestly: what either sends follows on what it sent before, and
/// acknowledges what it has heard. Whatever helpers make of the text, each end must hear one unbroken stream.
public struct FuzzTalk {
    private let router: FuzzRouter
    private let port: UInt16
    /// The client as the server sees it.
    private var outside: (address: IPv4Address, port: UInt16)?
    /// Next numbers, by who has sent them: as they were sent, and as they were heard.
    private var sent: [UInt32] = [1000, 5000]
    private var heard: [UInt32] = [1000, 5000]

    /// Connects from inside to a port of the server outside.
    public init(_ router: FuzzRouter, port: UInt16) {
        self.router = router
        self.port = port
        send(isReply: false, flags: 2, [])
        send(isReply: true, flags: 18, [])
        send(isReply: false, flags: 16, [])
    }

    /// One end says something, in one segment.
    public mutating func say(_ text: [UInt8], isReply: Bool) { send(isReply: isReply, flags: 24, text) }

    private mutating func send(isReply: Bool, flags: UInt8, _ text: [UInt8]) {
        let side = isReply ? 1 : 0
        guard !isReply || outside != nil else { return }
        let client = isReply ? outside ?? (FuzzRouter.client, 1000) : (FuzzRouter.client, 1000)
        var tcp = TestPacket.TCP(sourcePort: isReply ? port : client.1, destinationPort: isReply ? client.1 : port)
        tcp.flags = flags
        tcp.sequence = sent[side]
        tcp.acknowledgment = flags & 16 != 0 ? heard[1 - side] : 0
        var packet = TestPacket(
            ip: .init(
                source: isReply ? FuzzRouter.server : client.0, destination: isReply ? client.0 : FuzzRouter.server, proto: .tcp))
        packet.transport = .tcp(tcp)
        packet.payload = text
        router.send(packet, on: isReply ? FuzzRouter.wan : FuzzRouter.lan, after: 1)
        for departure in router.departures(isCorrect: true) where departure.port == (isReply ? FuzzRouter.lan : FuzzRouter.wan) {
            let out = TestPacket(frame: departure.bytes)
            guard case .tcp(let arrived) = out.transport, let ip = out.ip, !ip.moreFragments, ip.offset == 0 else { continue }
            if !isReply { outside = (ip.source, arrived.sourcePort) }
            precondition(arrived.sequence == heard[side], "the stream is broken: \(arrived.sequence), not \(heard[side])")
            precondition(
                flags & 16 == 0 || arrived.acknowledgment == sent[1 - side], "acknowledged is \(arrived.acknowledgment), not \(sent[1 - side])")
            let length: UInt32 = flags & 2 != 0 ? 1 : 0
            sent[side] &+= UInt32(text.count) &+ length
            heard[side] &+= UInt32(out.payload.count) &+ length
        }
    }

    /// Somebody outside tries a port that may have been announced.
    public func knock(_ port: UInt16, from source: UInt16) {
        var tcp = TestPacket.TCP(sourcePort: source, destinationPort: port)
        tcp.flags = 2
        var packet = TestPacket(ip: .init(source: FuzzRouter.server, destination: "198.51.100.1", proto: .tcp))
        packet.transport = .tcp(tcp)
        router.send(packet, on: FuzzRouter.wan, after: 1)
        _ = router.departures(isCorrect: true)
    }

    /// A stream of text in both directions, cut where the input says: each piece has a byte for direction and length in front.
    public mutating func converse(_ input: inout FuzzInput) {
        var pieces = 0
        while !input.isEmpty, pieces < 64 {
            pieces += 1
            let head = input.byte()
            if head == 0xFF {
                knock(input.short(), from: input.short())
            } else {
                say(input.bytes(Int(head >> 1)), isReply: head & 1 == 1)
            }
        }
    }
}

/// A conversation of datagrams between a client inside and a server outside, each piece with a byte for direction and length in front.
public func exchangeDatagrams(_ router: FuzzRouter, port: UInt16, _ input: inout FuzzInput) {
    var outside: (address: IPv4Address, port: UInt16)?
    var pieces = 0
    while !input.isEmpty, pieces < 64 {
        pieces += 1
        let head = input.byte()
        let isReply = head & 1 == 1
        guard !isReply || outside != nil else { continue }
        let client = isReply ? outside ?? (FuzzRouter.client, 1000) : (FuzzRouter.client, 1000)
        // Answers of TFTP come from another port.
        let server = head == 0xFF ? input.short() : port
        var packet = TestPacket(
            ip: .init(
                source: isReply ? FuzzRouter.server : client.0, destination: isReply ? client.0 : FuzzRouter.server, proto: .udp))
        packet.transport = .udp(.init(sourcePort: isReply ? server : client.1, destinationPort: isReply ? client.1 : server))
        packet.payload = input.bytes(Int(head >> 1))
        router.send(packet, on: isReply ? FuzzRouter.wan : FuzzRouter.lan, after: 1)
        for departure in router.departures(isCorrect: true) where departure.port == FuzzRouter.wan {
            let out = TestPacket(frame: departure.bytes)
            guard case .udp(let udp) = out.transport, let ip = out.ip else { continue }
            outside = (ip.source, udp.sourcePort)
        }
    }
}
