import Net
import TestSupport

/// Two ends that talk through the router, each with what it believes of the other: NAT may have told them different things.
struct Dialog {
    enum Kind { case tcp, udp, ping, sctp(SCTPTalk), other(UInt8) }

    /// One end's view: itself and its peer.
    struct View {
        var side: Int
        var own: IPv4Address
        var ownPort: UInt16
        var peer: IPv4Address
        var peerPort: UInt16
    }

    private(set) var kind: Kind
    /// What is said, if a helper may read it.
    var talk: HelperTalk?
    var client: View
    /// What came out at the other end; until something does, what would if nothing were translated.
    var server: View
    /// Next sequence numbers of both.
    var sequence: [UInt32]
    /// What each has sent of its handshake and its end.
    var hasSYN = [false, false]
    /// What each has received of the other's numbers, which a helper may have shifted.
    private var received: [UInt32?] = [nil, nil]
    var count = 0
    /// The last packet each sent, for retransmissions.
    var last: [TestPacket?] = [nil, nil]
    var tos: UInt8 = 0
    var ttl: UInt8 = 64

    init(kind: Kind, client: View, server: View, random: inout SeededRandom) {
        self.kind = kind
        self.client = client
        self.server = server
        sequence = [UInt32(random.number(1...5)) &* 1000, 0xFFFF_FF00 &+ UInt32(random.number(0...2000))]
        if random.chance(20) { tos = random.pick(Pool.tos) }
        if random.chance(10) { ttl = random.pick(Pool.ttls) }
    }

    func view(_ isClient: Bool) -> View { isClient ? client : server }

    /// The far end learns who speaks to it.
    mutating func learn(_ packet: TestPacket, side: Int, sentByClient: Bool) {
        guard let ip = packet.ip, !Pool.groups.contains(ip.destination) else { return }
        var view = View(side: side, own: ip.destination, ownPort: 0, peer: ip.source, peerPort: 0)
        if let ports = packet.ports { (view.peerPort, view.ownPort) = ports }
        if let ports = packet.sctpPorts {
            // A chosen one cannot be written into a packet that is bytes.
            guard Pool.ports.contains(ports.source), Pool.ports.contains(ports.destination) else { return }
            (view.peerPort, view.ownPort) = ports
        }
        if sentByClient { server = view }
        if case .tcp(let tcp) = packet.transport {
            let end = tcp.sequence &+ UInt32(packet.payload.count) &+ UInt32((tcp.flags & 2) >> 1 + tcp.flags & 1)
            let receiver = sentByClient ? 1 : 0
            let step = received[receiver].map { Int32(bitPattern: end &- $0) } ?? 0
            if (0...5000).contains(step) { received[receiver] = end }
        }
    }

    /// The next packet of a life that mostly goes as it should.
    mutating func next(random: inout SeededRandom) -> (isClient: Bool, side: Int, packet: TestPacket) {
        let packet: TestPacket
        let isClient: Bool
        switch kind {
        case .tcp:
            let again = random.number(0...1)
            if random.chance(12), let old = last[again] {
                (isClient, packet) = (again == 0, old)
            } else {
                isClient = !hasSYN[0] || (hasSYN[1] ? random.chance(55) : random.chance(25))
                packet = segment(isClient, random: &random)
            }
        case .udp:
            isClient = count == 0 || random.chance(50)
            packet = datagram(isClient, random: &random)
        case .sctp(var talk):
            isClient = talk.isClientNext(&random)
            let ports = Self.big(view(isClient).ownPort) + Self.big(view(isClient).peerPort)
            packet = TestPacket(ip: ip(isClient, 132), payload: talk.packet(isClient, ports: ports, random: &random))
            kind = .sctp(talk)
        case .ping:
            isClient = count == 0 || random.chance(45)
            packet = echo(isClient)
        case .other(let number):
            isClient = count == 0 || random.chance(60)
            packet = bare(isClient, number, random: &random)
        }
        count += 1
        last[isClient ? 0 : 1] = packet
        var fresh = packet
        fresh.ip?.tos = tos
        if isClient { fresh.ip?.ttl = ttl }
        return (isClient, view(isClient).side, fresh)
    }

    private func ip(_ isClient: Bool, _ number: UInt8) -> TestPacket.IP {
        TestPacket.IP(source: view(isClient).own, destination: view(isClient).peer, proto: IPProtocol(rawValue: number))
    }

    private mutating func segment(_ isClient: Bool, random: inout SeededRandom) -> TestPacket {
        let (fin, syn, rst, psh, ack): (UInt8, UInt8, UInt8, UInt8, UInt8) = (1, 2, 4, 8, 16)
        let (me, other) = isClient ? (0, 1) : (1, 0)
        var tcp = TestPacket.TCP(sourcePort: view(isClient).ownPort, destinationPort: view(isClient).peerPort)
        var payload: [UInt8] = []
        tcp.sequence = sequence[me]
        if hasSYN[other] { tcp.acknowledgment = received[me] ?? sequence[other] }
        if !hasSYN[me] {
            tcp.flags = isClient ? syn : syn | ack
            if random.chance(70) { tcp.options += [2, 4] + Self.big(UInt16(random.pick(Pool.mss))) }
            if random.chance(40) { tcp.options += [1, 3, 3, UInt8(random.number(0...8))] }
            if random.chance(30) { tcp.options += [1, 1, 4, 2] }
            hasSYN[me] = true
            sequence[me] &+= 1
        } else {
            switch random.number(1...20) {
            case 1...9:
                tcp.flags = ack | psh
                payload = said(isClient, random: &random)
                sequence[me] &+= UInt32(payload.count)
            case 10...13: tcp.flags = ack
            case 14...16:
                tcp.flags = ack | fin
                sequence[me] &+= 1
            case 17: tcp.flags = random.chance(50) ? rst : rst | ack
            case 18:
                // Far out of the window, or just outside.
                tcp.flags = ack
                tcp.sequence = sequence[me] &+ UInt32(random.pick([1, 65_000, 70_000, 1_000_000, 0x8000_0000]))
                tcp.acknowledgment = sequence[other] &+ UInt32(random.pick([0, 0, 5, 100_000]))
            case 19: tcp.flags = UInt8(random.number(0...255))
            default:
                tcp.flags = syn
                tcp.sequence = UInt32(random.number(0...Int(UInt32.max)))
            }
        }
        if random.chance(8) { tcp.window = UInt16(random.pick([0, 1, 1000])) }
        if tcp.flags & 32 != 0 { tcp.urgent = 1 }
        if random.chance(5) { tcp.options += [8, 10, 0, 0, 0, 9, 0, 0, 0, 7, 1, 1] }
        while tcp.options.count % 4 != 0 { tcp.options.append(0) }
        return TestPacket(ip: ip(isClient, 6), transport: .tcp(tcp), payload: payload)
    }

    private func datagram(_ isClient: Bool, random: inout SeededRandom) -> TestPacket {
        var udp = TestPacket.UDP(sourcePort: view(isClient).ownPort, destinationPort: view(isClient).peerPort)
        if random.chance(10) { udp.checksum = .value(0) }
        return TestPacket(ip: ip(isClient, 17), transport: .udp(udp), payload: said(isClient, random: &random))
    }

    private func echo(_ isClient: Bool) -> TestPacket {
        let id = view(isClient).ownPort
        let icmp = TestPacket.ICMP(type: isClient ? 8 : 0, code: 0, rest: UInt32(id) << 16 | UInt32(count & 7))
        return TestPacket(ip: ip(isClient, 1), transport: .icmp(icmp), payload: TestPacket.pattern(count % 3 * 20))
    }

    /// Other protocols, with heads that their matches find something in.
    private func bare(_ isClient: Bool, _ number: UInt8, random: inout SeededRandom) -> TestPacket {
        let ports = Self.big(view(isClient).ownPort) + Self.big(view(isClient).peerPort)
        var body: [UInt8]
        switch number {
        // GRE (RFC 2784), version 0 without options.
        case 47: body = [0, 0, 8, 0] + TestPacket.pattern(20)
        // ESP: index and sequence number (RFC 4303).
        case 50: body = [0, 0, random.pick([0, 1]), random.pick([1, 3, 0]), 0, 0, 0, 1] + TestPacket.pattern(16)
        // AH: next header, length, reserved, index, sequence, value (RFC 4302).
        case 51: body = [17, 4, 0, 0, 0, 0, random.pick([0, 1]), random.pick([1, 3, 0]), 0, 0, 0, 1] + TestPacket.pattern(12)
        // SCTP: ports, tag, checksum, then a chunk (RFC 9260); INIT or DATA.
        case 132:
            body = ports + [0, 0, 0, random.chance(50) ? 0 : 5, 0, 0, 0, 0]
            body += random.chance(50) ? [1, 0, 0, 20] + [UInt8](repeating: 1, count: 16) : [0, 3, 0, 20] + TestPacket.pattern(16)
        // DCCP: ports, offset, …, type (RFC 4340).
        case 33: body = ports + [4, 0, 0, 0, UInt8(random.number(0...9)) << 1 | 1, 0, 0, 0, 0, 0, 0, 1]
        // UDP-Lite: ports, coverage of the whole, checksum (RFC 3828).
        case 136: body = ports + [0, 0, 0xAB, 0xCD] + TestPacket.pattern(8)
        default: body = TestPacket.pattern(random.pick([0, 4, 20, 60]))
        }
        return TestPacket(ip: ip(isClient, number), payload: body)
    }

    private func said(_ isClient: Bool, random: inout SeededRandom) -> [UInt8] {
        guard let talk, random.chance(85) else { return Self.payload(&random) }
        return talk.line(isClient, view(isClient), random: &random)
    }

    private static func payload(_ random: inout SeededRandom) -> [UInt8] {
        random.chance(60) ? Array(random.pick(Pool.payloads).utf8) : TestPacket.pattern(random.pick(Pool.lengths))
    }

    static func big(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 255)] }
}
