import Net

/// The kernel's own network stack behind the data plane, as far as scenarios speak to it: it answers pings, refuses what nobody
/// listens for, and has sockets that send and answer.
///
/// It speaks packets, not frames; whoever runs it puts them on a port.
public struct HostModel {
    /// The host's addresses with their prefixes, to tell its own packets and broadcasts apart.
    public var addresses: [IPv4Prefix]
    private var udp: [UInt16: (source: IPv4Address, sourcePort: UInt16, destination: IPv4Address)?] = [:]
    private var listening: Set<UInt16> = []
    private var nextID: UInt16

    /// - Parameter firstID: IP id of the first packet that the host sends.
    public init(addresses: [IPv4Prefix], firstID: UInt16 = 1) {
        self.addresses = addresses
        nextID = firstID
    }

    // MARK: What arrives

    /// What the host answers to a packet delivered to it; nil if nothing.
    public mutating func receive(_ packet: TestPacket) -> TestPacket? {
        guard let ip = packet.ip else { return nil }
        let isOwn = addresses.contains { $0.address == ip.destination }
        if !packet.isRightForItsReceiver { return nil }
        // What came to everyone on the link is not refused (RFC 1122, 3.2.2).
        let isForAll = packet.ethernet?.destination.isGroup ?? false
        switch packet.transport {
        case .icmp(let icmp) where icmp.type == 8 && isOwn:
            var answer = reply(to: ip, .icmp(TestPacket.ICMP(type: 0, code: 0, rest: icmp.rest)))
            answer.payload = packet.payload
            answer.ip?.tos = ip.tos
            answer.ip?.options = Self.recordedRoute(ip)
            return answer
        case .udp(let datagram) where udp.keys.contains(datagram.destinationPort):
            udp[datagram.destinationPort] = .some((ip.source, datagram.sourcePort, ip.destination))
            return nil
        case .udp where isOwn && !isForAll:
            // RFC 1122, 4.1.3.1.
            var answer = reply(to: ip, .icmp(TestPacket.ICMP(type: 3, code: 3)))
            answer.payload = Array(packet.packetBytes.prefix(548))
            answer.ip?.tos = ip.tos & 0x1E | 0xC0
            return answer
        case .tcp(let segment) where isOwn && !isForAll:
            return answer(segment, of: packet, ip)
        case .bare where isOwn && !isForAll && !Self.knownProtocols.contains(ip.proto.rawValue) && ip.offset == 0:
            // RFC 1122, 3.2.2.1.
            var answer = reply(to: ip, .icmp(TestPacket.ICMP(type: 3, code: 2)))
            answer.payload = Array(packet.packetBytes.prefix(548))
            answer.ip?.tos = ip.tos & 0x1E | 0xC0
            return answer
        default:
            return nil
        }
    }

    /// Protocols that the kernel takes, even if it makes nothing of a packet.
    private static let knownProtocols: Set<UInt8> = [1, 2, 6, 17, 103, 136]

    /// The record route option of an echo request that has no other, as its reply brings it back: with the host's address as often as it has
    /// passed it, there and back (RFC 1122, 3.2.2.6).
    private static func recordedRoute(_ ip: TestPacket.IP) -> [UInt8] {
        guard ip.options.first == 7 else { return [] }
        var option = Array(ip.options.prefix(Int(ip.options[1])))
        let address = ip.destination.rawValue
        for _ in 0..<2 where Int(option[2]) + 3 <= option.count {
            let place = Int(option[2]) - 1
            for byte in 0..<4 { option[place + byte] = UInt8(truncatingIfNeeded: address >> UInt32(24 - 8 * byte)) }
            option[2] += 4
        }
        return option + Array(repeating: 0, count: (4 - option.count % 4) % 4)
    }

    /// RFC 9293, 3.5.2 and 3.10.7: a listener answers a SYN, nobody else anything but with a reset.
    private mutating func answer(_ segment: TestPacket.TCP, of packet: TestPacket, _ ip: TestPacket.IP) -> TestPacket? {
        let (fin, syn, rst, ack): (UInt8, UInt8, UInt8, UInt8) = (1, 2, 4, 16)
        if segment.flags & rst != 0 { return nil }
        let isOpen = listening.contains(segment.destinationPort)
        if isOpen, segment.flags & syn == 0 { return nil }
        var answer = TestPacket.TCP(sourcePort: segment.destinationPort, destinationPort: segment.sourcePort)
        if segment.flags & ack != 0, !isOpen {
            answer.flags = rst
            answer.sequence = segment.acknowledgment
            answer.window = 0
        } else {
            let length = UInt32(packet.payload.count) + (segment.flags & syn != 0 ? 1 : 0) + (segment.flags & fin != 0 ? 1 : 0)
            answer.acknowledgment = segment.sequence &+ length
            answer.flags = isOpen ? syn | ack : rst | ack
            answer.sequence = isOpen ? 7_000 : 0
            answer.window = isOpen ? 65_535 : 0
            // MSS 1460.
            if isOpen { answer.options = [2, 4, 0x05, 0xB4] }
        }
        var whole = reply(to: ip, .tcp(answer))
        // Without what says congestion (RFC 3168, 6.1.1).
        whole.ip?.tos = ip.tos & 0xFC
        whole.ip?.dontFragment = true
        return whole
    }

    private mutating func reply(to ip: TestPacket.IP, _ transport: TestPacket.Transport) -> TestPacket {
        packet(from: ip.destination, to: ip.source, transport)
    }

    private mutating func packet(
        from source: IPv4Address, to destination: IPv4Address, _ transport: TestPacket.Transport
    ) -> TestPacket {
        let proto: IPProtocol =
            switch transport {
            case .tcp: .tcp
            case .udp: .udp
            case .icmp, .bare: .icmp
            }
        var ip = TestPacket.IP(source: source, destination: destination, proto: proto)
        ip.id = nextID
        nextID &+= 1
        return TestPacket(ip: ip, transport: transport)
    }

    // MARK: What the host does by itself

    /// Carries an action out.
    ///
    /// - Parameter sourceToward: the address the kernel would choose for packets to another.
    /// - Returns: what the host sends; nil if nothing.
    public mutating func carryOut(_ action: HostAction, sourceToward: (IPv4Address) -> IPv4Address) throws -> TestPacket? {
        var made: TestPacket
        switch action {
        case .listen(let proto, let port):
            if proto == .tcp { listening.insert(port) } else { udp[port] = .some(nil) }
            return nil
        case .udp(let from, let to, let port, let text):
            udp[from] = .some(nil)
            made = packet(
                from: sourceToward(to), to: to, .udp(TestPacket.UDP(sourcePort: from, destinationPort: port)))
            made.payload = Array(text.utf8)
        case .answer(let port, let text):
            guard let last = udp[port] ?? nil else { throw LabError("no datagram to answer on \(port)") }
            made = packet(
                from: last.destination, to: last.source,
                .udp(TestPacket.UDP(sourcePort: port, destinationPort: last.sourcePort)))
            made.payload = Array(text.utf8)
        case .ping(let to, let id):
            made = packet(
                from: sourceToward(to), to: to, .icmp(TestPacket.ICMP(type: 8, code: 0, rest: UInt32(id) << 16 | 1)))
            made.payload = TestPacket.pattern(8)
        case .tcp(let from, let to, let port):
            listening.insert(from)
            var segment = TestPacket.TCP(sourcePort: from, destinationPort: port)
            segment.flags = 2
            segment.sequence = 7_000
            segment.options = [2, 4, 0x05, 0xB4]
            made = packet(from: sourceToward(to), to: to, .tcp(segment))
        }
        made.ip?.dontFragment = true
        return made
    }
}

extension TestPacket {
    /// Whether lengths and checksums are such that the transport protocol takes the packet.
    fileprivate var isRightForItsReceiver: Bool {
        switch transport {
        case .tcp(let tcp): return tcp.checksum == .computed
        case .icmp(let icmp): return icmp.checksum == .computed
        case .udp(let udp):
            if let length = udp.length, Int(length) < 8 || Int(length) > 8 + payload.count { return false }
            return udp.checksum == .value(0) || udp.checksum == .computed && udp.length == nil
        case .bare: return true
        }
    }
}
