import Net

// A packet's bytes, both ways. Written plainly and apart from the data plane's code on purpose: two readings of the
// RFCs that agree are worth more than one that agrees with itself.

/// The ones' complement sum of RFC 1071 over big-endian words; an odd last byte counts as the upper half of a word.
public func internetSum(_ bytes: some Sequence<UInt8>, from start: UInt32 = 0) -> UInt32 {
    var sum = UInt64(start)
    var high = true
    for byte in bytes {
        sum += high ? UInt64(byte) << 8 : UInt64(byte)
        high.toggle()
    }
    while sum >> 16 != 0 { sum = sum & 0xFFFF + sum >> 16 }
    return UInt32(sum)
}

private func big16(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 255)] }
private func big32(_ value: UInt32) -> [UInt8] { big16(UInt16(value >> 16)) + big16(UInt16(value & 0xFFFF)) }

extension [UInt8] {
    fileprivate func word(_ at: Int) -> UInt16 { UInt16(self[at]) << 8 | UInt16(self[at + 1]) }
    fileprivate func double(_ at: Int) -> UInt32 { UInt32(word(at)) << 16 | UInt32(word(at + 2)) }
    fileprivate mutating func set(_ value: UInt16, at: Int) {
        self[at] = UInt8(value >> 8)
        self[at + 1] = UInt8(value & 255)
    }
}

extension TestPacket.Checksum {
    /// What goes into the header, given the right value.
    fileprivate func field(for right: UInt16) -> UInt16 {
        switch self {
        case .computed: right
        case .wrong: right &+ 1  // any other value will do
        case .value(let value): value
        }
    }

    /// The shortest way to say what was found.
    fileprivate init(found: UInt16, right: UInt16) {
        self = found == right ? .computed : found == right &+ 1 ? .wrong : .value(found)
    }
}

extension TestPacket {
    /// The frame from the Ethernet header on; addresses left out are zeroes.
    public var bytes: [UInt8] {
        var frame: [UInt8] = []
        for address in [ethernet?.destination ?? .zero, ethernet?.source ?? .zero] {
            frame += stride(from: UInt64(40), through: 0, by: -8).map { UInt8(address.rawValue >> $0 & 255) }
        }
        for tag in tags {
            frame += big16(tag.etherType) + big16(UInt16(tag.priority) << 13 | tag.id)
        }
        return frame + big16(etherType) + packetBytes
    }

    /// The packet without its Ethernet header.
    public var packetBytes: [UInt8] {
        guard let ip else { return payload }
        let body = transportBytes(ip)
        var header: [UInt8] = [UInt8(0x45 + ip.options.count / 4), ip.tos]
        header += big16(ip.totalLength ?? UInt16(truncatingIfNeeded: 20 + ip.options.count + body.count))
        header += big16(ip.id)
        var fragment = UInt16(truncatingIfNeeded: ip.offset / 8) & 0x1FFF
        if ip.reserved { fragment |= 0x8000 }
        if ip.dontFragment { fragment |= 0x4000 }
        if ip.moreFragments { fragment |= 0x2000 }
        header += big16(fragment) + [ip.ttl, ip.proto.rawValue, 0, 0]
        header += big32(ip.source.rawValue) + big32(ip.destination.rawValue) + ip.options
        header.set(ip.checksum.field(for: ~UInt16(internetSum(header))), at: 10)
        return header + body
    }

    private func transportBytes(_ ip: IP) -> [UInt8] {
        var segment: [UInt8]
        let sumAt: Int
        let sum: Checksum
        var pseudo: UInt32 = 0
        switch transport {
        case .bare: return payload
        case .icmp(let icmp):
            segment = [icmp.type, icmp.code, 0, 0] + big32(icmp.rest) + payload
            (sumAt, sum) = (2, icmp.checksum)
        case .udp(let udp):
            let length = udp.length ?? UInt16(truncatingIfNeeded: 8 + payload.count)
            segment = big16(udp.sourcePort) + big16(udp.destinationPort) + big16(length) + [0, 0] + payload
            (sumAt, sum) = (6, udp.checksum)
            pseudo = pseudoSum(ip, length: Int(length))
        case .tcp(let tcp):
            segment =
                big16(tcp.sourcePort) + big16(tcp.destinationPort) + big32(tcp.sequence) + big32(tcp.acknowledgment)
            segment += [UInt8(5 + tcp.options.count / 4) << 4, tcp.flags] + big16(tcp.window) + [0, 0]
            segment += big16(tcp.urgent) + tcp.options + payload
            (sumAt, sum) = (16, tcp.checksum)
            pseudo = pseudoSum(ip, length: segment.count)
        }
        var right = ~UInt16(internetSum(segment, from: pseudo))
        // RFC 768: a sum of zero is sent as all ones, since zero says that there is none.
        if case .udp = transport, right == 0 { right = 0xFFFF }
        segment.set(sum.field(for: right), at: sumAt)
        return segment
    }

    private func pseudoSum(_ ip: IP, length: Int) -> UInt32 {
        internetSum(
            big32(ip.source.rawValue) + big32(ip.destination.rawValue) + [0, ip.proto.rawValue]
                + big16(UInt16(truncatingIfNeeded: length)))
    }

    /// Reads a frame. Every sequence of at least 14 bytes has a reading, and encoding it again gives the same bytes:
    /// what has no field of its own stays payload.
    public init(frame: [UInt8]) {
        func mac(_ at: Int) -> MACAddress {
            MACAddress(rawValue: frame[at..<at + 6].reduce(0) { $0 << 8 | UInt64($1) })
        }
        guard frame.count >= 14 else {
            self.init(ip: nil, payload: frame)
            return
        }
        var at = 12
        var tags: [Tag] = []
        while [0x8100, 0x88A8].contains(frame.word(at)), frame.count >= at + 6 {
            let word = frame.word(at + 2)
            guard word & 0x1000 == 0 else { break }
            tags.append(Tag(id: word & 0xFFF, priority: UInt8(word >> 13), etherType: frame.word(at)))
            at += 4
        }
        let type = frame.word(at)
        let rest = Array(frame[(at + 2)...])
        self.init(ip: nil, payload: rest)
        if type == 0x0800, let read = TestPacket(packet: rest) { self = read }
        ethernet = Ethernet(source: mac(6), destination: mac(0))
        self.tags = tags
        etherType = type
    }

    /// Reads an IPv4 packet without an Ethernet header; nil if it has no IPv4 header that says what it is.
    ///
    /// - Parameter trustsTransportSum: take the transport's checksum for right whatever it says, as for a packet whose
    ///   sum the sender left to the hardware.
    public init?(packet: [UInt8], trustsTransportSum: Bool = false) {
        guard packet.count >= 20, packet[0] >> 4 == 4 else { return nil }
        let headerLength = Int(packet[0] & 15) * 4
        guard headerLength >= 20, packet.count >= headerLength else { return nil }
        var total = Int(packet.word(2))
        if total < headerLength { total = packet.count }

        var ip = IP(
            source: IPv4Address(rawValue: packet.double(12)), destination: IPv4Address(rawValue: packet.double(16)),
            proto: IPProtocol(rawValue: packet[9]))
        ip.ttl = packet[8]
        ip.tos = packet[1]
        ip.id = packet.word(4)
        ip.reserved = packet[6] & 0x80 != 0
        ip.dontFragment = packet[6] & 0x40 != 0
        ip.moreFragments = packet[6] & 0x20 != 0
        ip.offset = Int(packet.word(6) & 0x1FFF) * 8
        ip.options = Array(packet[20..<headerLength])
        // What follows a complete packet is Ethernet padding to 60 bytes, and no part of it.
        let end = min(total, packet.count)
        if Int(packet.word(2)) != end { ip.totalLength = packet.word(2) }
        var header = Array(packet[..<headerLength])
        header.set(0, at: 10)
        ip.checksum = Checksum(found: packet.word(10), right: ~UInt16(internetSum(header)))

        let body = Array(packet[headerLength..<end])
        self.init(ip: ip, payload: body)
        guard ip.offset == 0, !ip.moreFragments else { return }
        guard var candidate = TestPacket(ip: ip, body: body) else { return }
        if trustsTransportSum { candidate.setChecksum(.computed) }
        if trustsTransportSum || candidate.packetBytes == Array(packet[..<end]) { self = candidate }
    }

    /// Reads TCP, UDP or ICMP; nil where the header is incomplete or of another protocol.
    private init?(ip: IP, body: [UInt8]) {
        switch ip.proto {
        case .tcp:
            guard body.count >= 20, body[12] & 15 == 0 else { return nil }
            let length = Int(body[12] >> 4) * 4
            guard length >= 20, body.count >= length else { return nil }
            var tcp = TCP(sourcePort: body.word(0), destinationPort: body.word(2))
            tcp.sequence = body.double(4)
            tcp.acknowledgment = body.double(8)
            tcp.flags = body[13]
            tcp.window = body.word(14)
            tcp.urgent = body.word(18)
            tcp.options = Array(body[20..<length])
            self.init(ip: ip, transport: .tcp(tcp), payload: Array(body[length...]))
            settleChecksum(found: body.word(16))
        case .udp:
            guard body.count >= 8 else { return nil }
            var udp = UDP(sourcePort: body.word(0), destinationPort: body.word(2))
            if Int(body.word(4)) != body.count { udp.length = body.word(4) }
            self.init(ip: ip, transport: .udp(udp), payload: Array(body[8...]))
            if body.word(6) == 0 { setChecksum(.value(0)) } else { settleChecksum(found: body.word(6)) }
        case .icmp:
            guard body.count >= 8 else { return nil }
            self.init(
                ip: ip, transport: .icmp(ICMP(type: body[0], code: body[1], rest: body.double(4))),
                payload: Array(body[8...]))
            settleChecksum(found: body.word(2))
        default: return nil
        }
    }

    private mutating func settleChecksum(found: UInt16) {
        guard let ip else { return }
        let encoded = transportBytes(ip)
        let at = if case .tcp = transport { 16 } else if case .udp = transport { 6 } else { 2 }
        setChecksum(Checksum(found: found, right: encoded.word(at)))
    }

    mutating func setChecksum(_ sum: Checksum) {
        switch transport {
        case .tcp(var tcp):
            tcp.checksum = sum
            transport = .tcp(tcp)
        case .udp(var udp):
            udp.checksum = sum
            transport = .udp(udp)
        case .icmp(var icmp):
            icmp.checksum = sum
            transport = .icmp(icmp)
        case .bare: break
        }
    }
}
