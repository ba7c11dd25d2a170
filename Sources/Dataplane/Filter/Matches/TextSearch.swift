/// A search for bytes in an IP packet, header included (net/netfilter/xt_string.c, lib/ts_bm.c, lib/ts_kmp.c).
///
/// The kernel searches a datagram that it put together from fragments piece by piece. Its Knuth-Morris-Pratt search goes on across
/// their borders, its Boyer-Moore search begins anew in each; that is all that an operator can tell them apart by, and so
/// both are carried out by one automaton here, whose worst case is one step a byte.
public struct TextSearch: Sendable {
    /// Where the pattern stands in the rules' bytes, followed by as many bytes of its failure function.
    public var place: UInt32
    /// 1 to 128.
    public var length: UInt8
    /// The pattern lies within these offsets from the start of the IP header, the second not included.
    public var from: UInt16
    public var to: UInt16
    /// Boyer-Moore: not across the borders of pieces.
    public var staysInPiece: Bool
    /// The pattern is in upper case, and the packet's bytes are taken so.
    public var ignoresCase: Bool

    public init(
        place: UInt32, length: UInt8, from: UInt16, to: UInt16, staysInPiece: Bool, ignoresCase: Bool
    ) {
        self.place = place
        self.length = length
        self.from = from
        self.to = to
        self.staysInPiece = staysInPiece
        self.ignoresCase = ignoresCase
    }

    /// What the rules' bytes are to hold for a pattern: the pattern itself and its failure function, which says how much of the pattern
    /// is still found when its next byte is not.
    ///
    /// - Parameter pattern: 1 to 128 bytes.
    public static func operands(_ pattern: [UInt8], ignoresCase: Bool) -> [UInt8] {
        let pattern = ignoresCase ? pattern.map { upperCase($0) } : pattern
        var failure = [UInt8](repeating: 0, count: pattern.count)
        var matched = 0
        for index in pattern.indices.dropFirst() {
            while matched > 0, pattern[matched] != pattern[index] { matched = Int(failure[matched - 1]) }
            if pattern[matched] == pattern[index] { matched += 1 }
            failure[index] = UInt8(truncatingIfNeeded: matched)
        }
        return pattern + failure
    }

    /// As the kernel's toupper, which knows Latin-1 (lib/ctype.c).
    @inline(__always)
    static func upperCase(_ byte: UInt8) -> UInt8 {
        switch byte {
        case 0x61...0x7A, 0xDF...0xF6, 0xF8...0xFF: byte &- 0x20
        default: byte
        }
    }
}

extension Worker {
    func finds(_ search: TextSearch, in packet: Packet) -> Bool {
        let bytes = snapshot.rules.bytes
        let pattern = search.place
        let failure = search.place &+ UInt32(search.length)
        let length = UInt32(search.length)
        let end = min(Int(search.to), packet.totalLength)
        var offset = Int(search.from)
        var piece = 0
        var pieceEnd = search.staysInPiece ? self.pieceEnd(0, after: 0, of: packet) : end
        var matched: UInt32 = 0
        while offset < end {
            while offset >= pieceEnd {
                piece += 1
                pieceEnd = self.pieceEnd(piece, after: pieceEnd, of: packet)
                matched = 0
            }
            var byte = packet.ip8(offset)
            if search.ignoresCase { byte = TextSearch.upperCase(byte) }
            while matched > 0, bytes[pattern &+ matched] != byte {
                matched = UInt32(bytes[failure &+ matched &- 1])
            }
            if bytes[pattern &+ matched] == byte { matched &+= 1 }
            if matched == length { return true }
            offset += 1
        }
        return false
    }

    /// Where a piece of a datagram ends, counted from the IP header; the whole packet is one piece if it was not put together
    /// here.
    private func pieceEnd(_ piece: Int, after begin: Int, of packet: Packet) -> Int {
        guard packet.address == Packet.assembled, piece < geometryCount else { return packet.totalLength }
        return (piece == 0 ? packet.headerLength : begin) + Int(geometry[piece])
    }
}
