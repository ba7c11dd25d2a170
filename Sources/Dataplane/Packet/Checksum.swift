/// The Internet checksum (RFC 1071), in the processor's own byte order: sums are order-independent but for one final swap,
/// so bytes are added as they lie in memory, eight at a time.
public struct Checksum {
    /// An unfolded one's complement sum of 16-bit words as they lie in memory.
    @usableFromInline var sum: UInt64

    @inline(__always)
    public init() { sum = 0 }

    /// Adds a 16-bit word in network meaning, as in `add(length)`.
    @inline(__always)
    public mutating func add(_ word: UInt16) { sum &+= UInt64(word.bigEndian) }

    /// Adds a 32-bit word in network meaning, such as an address.
    @inline(__always)
    public mutating func add(_ word: UInt32) { sum &+= UInt64(word.bigEndian) }

    /// Adds `count` bytes; an odd last byte counts as followed by a zero.
    ///
    /// Wrapping is impossible: 64 KiB hold 16,384 words of 32 bits.
    @inline(__always)
    public mutating func add(_ bytes: UnsafeRawPointer, count: Int) {
        var offset = 0
        var low: UInt64 = 0
        var high: UInt64 = 0
        while offset &+ 8 <= count {
            let word = unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            low &+= word & 0xFFFF_FFFF
            high &+= word >> 32
            offset &+= 8
        }
        sum &+= low &+ high
        if offset &+ 4 <= count {
            sum &+= UInt64(unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
            offset &+= 4
        }
        if offset &+ 2 <= count {
            sum &+= UInt64(unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
            offset &+= 2
        }
        if offset < count {
            sum &+= UInt64(UInt16(unsafe bytes.load(fromByteOffset: offset, as: UInt8.self)).littleEndian)
        }
    }

    /// The sum folded to 16 bits, in network meaning, not complemented.
    @inline(__always)
    public var folded: UInt16 {
        var value = (sum & 0xFFFF_FFFF) &+ (sum >> 32)
        value = (value & 0xFFFF_FFFF) &+ (value >> 32)
        value = (value & 0xFFFF) &+ (value >> 16)
        value = (value & 0xFFFF) &+ (value >> 16)
        value = (value & 0xFFFF) &+ (value >> 16)
        return UInt16(truncatingIfNeeded: value).bigEndian
    }

    /// What goes into a checksum field: the complement.
    @inline(__always)
    public var field: UInt16 { ~folded }

    /// A checksum field after a word it covers changed: HC' = ~(~HC + ~m + m') (RFC 1624, equation 3).
    @inline(__always)
    public static func updated(_ field: UInt16, from old: UInt16, to new: UInt16) -> UInt16 {
        var value = UInt32(~field) &+ UInt32(~old) &+ UInt32(new)
        value = (value & 0xFFFF) &+ (value >> 16)
        value = (value & 0xFFFF) &+ (value >> 16)
        return ~UInt16(truncatingIfNeeded: value)
    }

    /// The same for a 32-bit word, such as an address.
    @inline(__always)
    public static func updated(_ field: UInt16, from old: UInt32, to new: UInt32) -> UInt16 {
        updated(
            updated(field, from: UInt16(truncatingIfNeeded: old >> 16), to: UInt16(truncatingIfNeeded: new >> 16)),
            from: UInt16(truncatingIfNeeded: old), to: UInt16(truncatingIfNeeded: new))
    }
}
