import Net

/// Matches on the headers of the less common transports, and on what TCP says beside ports and flags.
public enum TransportMatch: Sendable {
    case sctpPorts(source: PortTest, destination: PortTest)
    /// Chunk types as eight words of bits, then a word for each type whose flags matter (type << 16 | mask << 8 | flags).
    case sctpChunks(ChunkMode, words: UInt32, flagCount: UInt32, isNegated: Bool)
    case dccpPorts(source: PortTest, destination: PortTest)
    /// A bit for each packet type.
    case dccpTypes(UInt16, isNegated: Bool)
    case dccpOption(UInt8, isNegated: Bool)
    /// The index by which an IPsec or IPComp header names its association.
    case index(IndexedHeader, first: UInt32, last: UInt32, isNegated: Bool)
    /// Bits of the TCP flags that `ecn` asks for.
    case congestionBits(mask: UInt8, flags: UInt8)
    case segmentSize(first: UInt16, last: UInt16, isNegated: Bool)

    /// How a packet's chunks are compared with those listed: every listed one is there, one of them is, or no other is.
    public enum ChunkMode: UInt8, Sendable { case all, any, only }

    public enum IndexedHeader: UInt8, Sendable {
        /// RFC 4302: the index is the second word of at least three.
        case authentication
        /// RFC 4303: the first word, a sequence number follows.
        case encapsulation
        /// RFC 3173: 16 bits behind next header and flags.
        case compression
    }
}

/// Fixed lengths and places of SCTP (RFC 9260, 3.1 and 3.2), DCCP (RFC 4340, 5) and the IPsec headers, in bytes.
private enum HeaderSize {
    static let sctpHeader = 12
    static let chunkFlags = 1
    static let chunkLength = 2
    static let chunkHeader = 4
    static let dccpHeader = 12
    static let dccpDataOffset = 4
    static let dccpType = 8
    static let authenticationHeader = 12
    static let encapsulationHeader = 8
    static let compressionHeader = 4
}

extension Worker {
    /// - Parameter spoilt: set where the kernel's match says "hotdrop": the header is cut off, or contradicts itself.
    @inline(never)
    func matches(_ match: TransportMatch, _ packet: Packet, _ spoilt: inout DropReason?) -> Bool {
        switch match {
        case .sctpPorts(let source, let destination):
            guard packet.hasHeader(HeaderSize.sctpHeader, &spoilt) else { return false }
            return source.matches(packet.sourcePort) && destination.matches(packet.destinationPort)
        case .sctpChunks(let mode, let words, let flagCount, let isNegated):
            guard packet.hasHeader(HeaderSize.sctpHeader, &spoilt) else { return false }
            return matches(chunksOf: packet, mode, words, flagCount, &spoilt) != isNegated
        case .dccpPorts(let source, let destination):
            guard packet.hasHeader(HeaderSize.dccpHeader, &spoilt) else { return false }
            return source.matches(packet.sourcePort) && destination.matches(packet.destinationPort)
        case .dccpTypes(let types, let isNegated):
            guard packet.hasHeader(HeaderSize.dccpHeader, &spoilt) else { return false }
            return (types & 1 << UInt16(packet.dccpType) != 0) != isNegated
        case .dccpOption(let kind, let isNegated):
            guard packet.hasHeader(HeaderSize.dccpHeader, &spoilt) else { return false }
            return packet.hasDCCPOption(kind, &spoilt) != isNegated
        case .index(let header, let first, let last, let isNegated):
            let index: UInt32
            switch header {
            case .authentication:
                guard packet.hasHeader(HeaderSize.authenticationHeader, &spoilt) else { return false }
                index = packet.transport32(4)
            case .encapsulation:
                guard packet.hasHeader(HeaderSize.encapsulationHeader, &spoilt) else { return false }
                index = packet.transport32(0)
            case .compression:
                guard packet.hasHeader(HeaderSize.compressionHeader, &spoilt) else { return false }
                index = UInt32(packet.transport16(2))
            }
            return (index >= first && index <= last) != isNegated
        case .congestionBits(let mask, let flags):
            // As xt_ecn.c, without asking whether this is a later fragment.
            guard packet.transportLength >= Offset.tcpHeader else { return false }
            return packet.transport8(Offset.tcpFlags) & mask == flags
        case .segmentSize(let first, let last, let isNegated):
            return packet.matches(segmentSize: first, last, isNegated, &spoilt)
        }
    }

    /// match_packet in net/netfilter/xt_sctp.c.
    private func matches(
        chunksOf packet: Packet, _ mode: TransportMatch.ChunkMode, _ words: UInt32, _ flagCount: UInt32,
        _ spoilt: inout DropReason?
    ) -> Bool {
        let operands = snapshot.rules.words
        // Of `all`: the types not yet seen.
        var missing = InlineArray<8, UInt32>(repeating: 0)
        for word in 0..<8 { missing[word] = operands[words &+ UInt32(word)] }
        var offset = HeaderSize.sctpHeader
        repeat {
            guard offset + HeaderSize.chunkHeader <= packet.transportLength else {
                spoilt = .transportCut
                return false
            }
            let type = packet.transport8(offset)
            let flags = packet.transport8(offset + HeaderSize.chunkFlags)
            let length = Int(packet.transport16(offset + HeaderSize.chunkLength))
            guard length > 0 else {
                spoilt = .transportCut
                return false
            }
            offset += (length + 3) & ~3
            let word = Int(type >> 5)
            let bit: UInt32 = 1 << UInt32(type & 31)
            let isListed =
                operands[words &+ UInt32(word)] & bit != 0 && suit(flags, of: type, words &+ 8, flagCount)
            switch mode {
            case .any: if isListed { return true }
            case .all: if isListed { missing[word] &= ~bit }
            case .only: if !isListed { return false }
            }
        } while offset < packet.transportLength
        switch mode {
        case .any: return false
        case .only: return true
        case .all:
            var left: UInt32 = 0
            for word in 0..<8 { left |= missing[word] }
            return left == 0
        }
    }

    /// Whether a chunk's flags are those its type must have; without a word for the type any are.
    private func suit(_ flags: UInt8, of type: UInt8, _ first: UInt32, _ count: UInt32) -> Bool {
        for index in first..<(first &+ count) {
            let word = snapshot.rules.words[index]
            guard UInt8(truncatingIfNeeded: word >> 16) == type else { continue }
            return flags & UInt8(truncatingIfNeeded: word >> 8) == UInt8(truncatingIfNeeded: word)
        }
        return true
    }
}

extension Packet {
    /// Whether a header of so many bytes is there. A later fragment has none; where it should be and is cut off, the packet is
    /// spoilt.
    fileprivate func hasHeader(_ length: Int, _ spoilt: inout DropReason?) -> Bool {
        guard fragmentOffset == 0 else { return false }
        if transportLength >= length { return true }
        spoilt = .transportCut
        return false
    }

    fileprivate var dccpType: UInt8 { transport8(HeaderSize.dccpType) >> 1 & 0x0F }

    /// The header up to its options: the generic one, four bytes more with extended sequence numbers, and what the type adds (RFC 4340,
    /// 5.1 to 5.6).
    private var dccpFixedLength: Int {
        let generic = HeaderSize.dccpHeader + (transport8(HeaderSize.dccpType) & 1 != 0 ? 4 : 0)
        return switch dccpType {
        // Request: a service code.
        case 0: generic + 4
        // Data.
        case 2: generic
        // Ack, DataAck, CloseReq, Close, Sync, SyncAck: an acknowledgement number.
        case 3...6, 8, 9: generic + 8
        // Response and Reset: that and a word more; the kernel takes types there are not for such.
        default: generic + 12
        }
    }

    /// dccp_find_option in net/netfilter/xt_dccp.c.
    fileprivate func hasDCCPOption(_ kind: UInt8, _ spoilt: inout DropReason?) -> Bool {
        let end = Int(transport8(HeaderSize.dccpDataOffset)) * 4
        let start = dccpFixedLength
        guard end >= start, end == start || end <= transportLength else {
            spoilt = .transportCut
            return false
        }
        var options = unsafe OptionWalk(header: UnsafeRawPointer(transport), from: start, to: end)
        while let option = options.nextAsFound() { if option.kind == kind { return true } }
        return false
    }

    /// The first maximum segment size that a TCP header offers; without one, what is negated matches
    /// (net/netfilter/xt_tcpmss.c).
    fileprivate func matches(
        segmentSize first: UInt16, _ last: UInt16, _ isNegated: Bool, _ spoilt: inout DropReason?
    ) -> Bool {
        guard hasWholeTCPHeader else {
            spoilt = .transportCut
            return false
        }
        let end = tcpHeaderLength
        var options = tcpOptions(to: end)
        while let option = options.nextAsFound() {
            guard let size = segmentSize(in: option, endingBy: end) else { continue }
            return (size >= first && size <= last) != isNegated
        }
        return isNegated
    }
}
