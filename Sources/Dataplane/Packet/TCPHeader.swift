/// The control bits of a TCP header (RFC 9293, 3.1).
public struct TCPFlags: OptionSet, Sendable, Hashable {
    public var rawValue: UInt8
    @inline(__always)
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let fin = TCPFlags(rawValue: 0x01)
    public static let syn = TCPFlags(rawValue: 0x02)
    public static let rst = TCPFlags(rawValue: 0x04)
    public static let psh = TCPFlags(rawValue: 0x08)
    public static let ack = TCPFlags(rawValue: 0x10)
    public static let urg = TCPFlags(rawValue: 0x20)
    public static let ece = TCPFlags(rawValue: 0x40)
    public static let cwr = TCPFlags(rawValue: 0x80)
}

extension Packet {
    /// The TCP header in bytes, as it says itself: 0 to 60. Its first 20 bytes must be there.
    @inline(__always)
    var tcpHeaderLength: Int { Int(transport8(Offset.tcpDataOffset) >> 4) &* 4 }

    /// Whether the TCP header is there with all its options.
    @inline(__always)
    var hasWholeTCPHeader: Bool {
        guard transportLength >= Offset.tcpHeader else { return false }
        let length = tcpHeaderLength
        return length >= Offset.tcpHeader && length <= transportLength
    }

    /// Changes a byte of a TCP header, and the checksum with it.
    func setTCPByte(_ offset: Int, _ value: UInt8) {
        let even = offset & ~1
        let old = transport16(even)
        let new = offset == even ? old & 0x00FF | UInt16(value) << 8 : old & 0xFF00 | UInt16(value)
        setTransport16(even, new)
        setTransport16(Offset.tcpChecksum, Checksum.updated(transport16(Offset.tcpChecksum), from: old, to: new))
    }

    /// Changes four bytes of a TCP header, at any offset, and the checksum with them.
    func setTCPWord(_ offset: Int, _ value: UInt32) {
        let old = transport32(offset)
        guard old != value else { return }
        setTransport32(offset, value)
        // At an odd offset the word's bytes stand crosswise to the words that are summed (RFC 1071, 2 B).
        func turned(_ word: UInt32) -> UInt32 { (word & 0x00FF_00FF) << 8 | (word >> 8) & 0x00FF_00FF }
        let (before, now) = offset & 1 == 0 ? (old, value) : (turned(old), turned(value))
        setTransport16(Offset.tcpChecksum, Checksum.updated(transport16(Offset.tcpChecksum), from: before, to: now))
    }
}
