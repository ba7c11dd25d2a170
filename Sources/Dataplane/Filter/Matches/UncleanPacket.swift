import Net

// `-m unclean`, which Linux had until 2.6: true for a packet whose headers no sender may produce. The rules are those of its
// documentation: lengths, options, fragments, checksums, ports, flags, and the packet that an ICMP error quotes. Where time
// has found uses for what then had none (the AE bit of TCP, RFC 9768), they are allowed.

extension Packet {
    /// Whether no sender may produce this packet's headers.
    var isUnclean: Bool {
        let view = unsafe HeaderView(start: UnsafeRawPointer(ip), count: totalLength)
        return !view.isCleanPacket(isQuoted: false)
    }
}

/// An IP packet as bytes of known length, whole or as an ICMP error quotes it. Reading outside gives zero.
@safe private struct HeaderView {
    private let start: UnsafeRawPointer
    let count: Int

    init(start: UnsafeRawPointer, count: Int) {
        unsafe self.start = start
        self.count = count
    }

    func byte(_ offset: Int) -> UInt8 {
        guard offset >= 0, offset < count else { return 0 }
        return unsafe start.load(fromByteOffset: offset, as: UInt8.self)
    }

    func word(_ offset: Int) -> UInt16 { UInt16(byte(offset)) << 8 | UInt16(byte(offset + 1)) }

    func view(from offset: Int) -> HeaderView {
        let offset = min(max(offset, 0), count)
        return unsafe HeaderView(start: start + offset, count: count - offset)
    }

    func add(to sum: inout Checksum) { unsafe sum.add(start, count: count) }
}

/// What is known of the IP header in front of a transport header.
private struct Surrounding {
    var isLaterFragment: Bool
    var moreFollow: Bool
    /// Within an ICMP error, which may cut it after eight bytes.
    var isQuoted: Bool
    var pseudoHeader: Checksum
}

/// The least datagram that a link on the way may have: a first fragment is no smaller, and no second one begins before.
private let leastLikelyMTU = 128

extension HeaderView {
    func isCleanPacket(isQuoted: Bool) -> Bool {
        let headerLength = Int(byte(0) & 0x0F) * 4
        guard byte(0) >> 4 == 4, headerLength >= Offset.ipHeader, count >= headerLength,
            hasCleanOptions(from: Offset.ipHeader, to: headerLength, leastLength: 2)
        else { return false }
        let field = word(Offset.ipFragment)
        let moreFollow = field & 0x2000 != 0
        let offset = Int(field & 0x1FFF) * 8
        let length = count - headerLength
        // The first of the three flags is not used (RFC 791, 3.1).
        guard field & 0x8000 == 0 else { return false }
        // Errors quote first fragments only (RFC 792).
        if isQuoted, offset != 0 { return false }
        if moreFollow || offset != 0 {
            guard length > 0, field & 0x4000 == 0 else { return false }
            guard isQuoted || !moreFollow || length % 8 == 0 else { return false }
            // The ping of death.
            guard offset + length <= 0xFFFF else { return false }
            if !isQuoted, offset == 0, count < leastLikelyMTU { return false }
            if offset != 0, offset < leastLikelyMTU - headerLength { return false }
        }
        let ipProtocol = IPProtocol(rawValue: byte(Offset.ipProtocol))
        var pseudoHeader = Checksum()
        for place in stride(from: Offset.ipSource, to: Offset.ipHeader, by: 2) { pseudoHeader.add(word(place)) }
        pseudoHeader.add(UInt16(ipProtocol.rawValue))
        pseudoHeader.add(UInt16(truncatingIfNeeded: length))
        let surrounding = Surrounding(
            isLaterFragment: offset != 0, moreFollow: moreFollow, isQuoted: isQuoted, pseudoHeader: pseudoHeader)
        let transport = view(from: headerLength)
        switch ipProtocol.rawValue {
        // Hop-by-hop options are IPv6's.
        case 0: return false
        case IPProtocol.tcp.rawValue: return transport.isCleanTCP(surrounding)
        case IPProtocol.udp.rawValue: return transport.isCleanUDP(surrounding)
        case IPProtocol.icmp.rawValue: return transport.isCleanICMP(surrounding)
        default: return true
        }
    }

    /// A chain of options as IP and TCP have it: each with a length that stays within the header, nothing behind the end but
    /// padding.
    private func hasCleanOptions(from begin: Int, to end: Int, leastLength: Int) -> Bool {
        var offset = begin
        var hasEnded = false
        while offset < end {
            let kind = byte(offset)
            if kind < 2 {
                if kind == 0 { hasEnded = true }
                offset += 1
                continue
            }
            guard !hasEnded, offset + 1 < end else { return false }
            let length = Int(byte(offset + 1))
            guard length >= leastLength, offset + length <= end else { return false }
            offset += length
        }
        return true
    }

    // MARK: Transports

    private func hasRightChecksum(_ start: Checksum) -> Bool {
        var sum = start
        add(to: &sum)
        return sum.folded == 0xFFFF
    }

    private func isCleanTCP(_ surrounding: Surrounding) -> Bool {
        if surrounding.isLaterFragment { return true }
        let hasPorts = word(Offset.sourcePort) != 0 && word(Offset.destinationPort) != 0
        let headerLength = Int(byte(Offset.tcpDataOffset) >> 4) * 4
        if surrounding.isQuoted, count < Offset.tcpHeader { return hasPorts }
        guard count >= Offset.tcpHeader, headerLength >= Offset.tcpHeader else { return false }
        guard count >= headerLength else { return surrounding.isQuoted && hasPorts }
        if !surrounding.isQuoted, !surrounding.moreFollow, !hasRightChecksum(surrounding.pseudoHeader) { return false }
        // Three bits behind the header length are still without a use (RFC 9293, 3.1; RFC 9768 took the fourth).
        guard hasPorts, byte(Offset.tcpDataOffset) & 0x0E == 0,
            Self.isCleanCombination(TCPFlags(rawValue: byte(Offset.tcpFlags)))
        else { return false }
        return hasCleanOptions(from: Offset.tcpHeader, to: headerLength, leastLength: 1)
    }

    /// What a segment of a connection may say beside the congestion bits.
    private static func isCleanCombination(_ flags: TCPFlags) -> Bool {
        switch flags.subtracting([.ece, .cwr]) {
        // It opens,
        case [.syn], [.syn, .ack]: true
        // it is refused or given up,
        case [.rst], [.rst, .ack], [.rst, .ack, .psh]: true
        // it carries data,
        case [.ack], [.ack, .psh], [.ack, .urg], [.ack, .urg, .psh]: true
        // it ends.
        case [.fin, .ack], [.fin, .ack, .psh], [.fin, .ack, .urg], [.fin, .ack, .urg, .psh]: true
        default: false
        }
    }

    private func isCleanUDP(_ surrounding: Surrounding) -> Bool {
        if surrounding.isLaterFragment { return true }
        guard count >= Offset.udpHeader, word(Offset.destinationPort) != 0 else { return false }
        let length = Int(word(Offset.udpLength))
        if surrounding.moreFollow { return length > count }
        if surrounding.isQuoted { return length >= count }
        return length == count && (word(Offset.udpChecksum) == 0 || hasRightChecksum(surrounding.pseudoHeader))
    }

    private func isCleanICMP(_ surrounding: Surrounding) -> Bool {
        if surrounding.isLaterFragment { return true }
        guard count >= 2 else { return false }
        let type = byte(Offset.icmpType)
        let code = byte(Offset.icmpCode)
        let message = ICMPMessage(type: type)
        if surrounding.isQuoted {
            // No error tells of an error (RFC 1122, 3.2.2).
            guard let message, !message.isError else { return false }
        } else {
            guard surrounding.moreFollow || hasRightChecksum(Checksum()) else { return false }
            if let message {
                guard count >= message.least else { return false }
                if message.isError {
                    let quoted = view(from: Offset.icmpHeader)
                    // The header and eight bytes of what it carries (RFC 792).
                    guard quoted.count >= Int(quoted.byte(0) & 0x0F) * 4 + 8, quoted.isCleanPacket(isQuoted: true) else {
                        return false
                    }
                }
            }
        }
        guard let message else { return true }
        guard code <= message.lastCode, count <= message.most else { return false }
        let rest = UInt32(word(4)) << 16 | UInt32(word(6))
        switch type {
        case ICMPMessage.parameterProblem:
            // Code 0 points at a byte of the quoted header; the rest of the word is not used.
            if code == 0, Int(rest >> 24) >= Int(byte(Offset.icmpHeader) & 0x0F) * 4 { return false }
            return (code == 0 ? rest & 0x00FF_FFFF : rest) == 0
        case ICMPMessage.sourceQuench, ICMPMessage.timeExceeded: return rest == 0
        default: return true
        }
    }
}

/// What may be said of ICMP messages by their type (RFC 792, RFC 950, RFC 1256): lengths from the ICMP header on, in bytes, and the
/// last code.
private struct ICMPMessage {
    var least = 8
    var most = Int.max
    var lastCode: UInt8 = 0
    var isError = false

    static let sourceQuench: UInt8 = 4
    static let timeExceeded: UInt8 = 11
    static let parameterProblem: UInt8 = 12

    /// nil for a type of which nothing is known.
    init?(type: UInt8) {
        switch type {
        // Echo, information.
        case 0, 8, 15, 16: self.init()
        case 3: self.init(errorWithLastCode: 15)
        case Self.sourceQuench: self.init(errorWithLastCode: 0)
        case 5: self.init(errorWithLastCode: 3)
        // Router advertisement: at most 255 addresses; solicitation.
        case 9: self.init(most: 8 + 255 * 8)
        case 10: self.init(most: 8)
        case Self.timeExceeded, Self.parameterProblem: self.init(errorWithLastCode: 1)
        // Timestamp, address mask.
        case 13, 14: self.init(least: 20, most: 20)
        case 17, 18: self.init(least: 12, most: 12)
        default: return nil
        }
    }

    private init(least: Int = 8, most: Int = .max) {
        self.least = least
        self.most = most
    }

    private init(errorWithLastCode code: UInt8) {
        least = Offset.icmpHeader + Offset.ipHeader + 8
        lastCode = code
        isError = true
    }
}
