/// A stretch of a capture, read front to back in the byte order of whoever wrote it.
struct PcapBytes {
    let bytes: ArraySlice<UInt8>
    var isBigEndian = false
    /// Bytes from the start of the file.
    private(set) var offset: Int
    var end: Int { bytes.endIndex }
    var left: Int { end - offset }

    init(_ bytes: ArraySlice<UInt8>, isBigEndian: Bool = false) {
        self.bytes = bytes
        self.isBigEndian = isBigEndian
        offset = bytes.startIndex
    }

    func fail(_ reason: String, at offset: Int? = nil) -> PcapError {
        PcapError(offset: offset ?? self.offset, reason: reason)
    }

    /// The next bytes.
    /// - Parameter what: names them in the error if there are not so many.
    mutating func take(_ count: Int, _ what: String) throws(PcapError) -> ArraySlice<UInt8> {
        guard count <= left else {
            throw fail("the file ends in \(what): \(count) bytes are needed and \(left) are left")
        }
        defer { offset += count }
        return bytes[offset..<offset + count]
    }

    mutating func u16(_ what: String) throws(PcapError) -> UInt16 { UInt16(truncatingIfNeeded: try number(2, what)) }
    mutating func u32(_ what: String) throws(PcapError) -> UInt32 { UInt32(truncatingIfNeeded: try number(4, what)) }
    mutating func u64(_ what: String) throws(PcapError) -> UInt64 { try number(8, what) }

    private mutating func number(_ count: Int, _ what: String) throws(PcapError) -> UInt64 {
        let part = try take(count, what)
        var value: UInt64 = 0
        if isBigEndian {
            for byte in part { value = value << 8 | UInt64(byte) }
        } else {
            for byte in part.reversed() { value = value << 8 | UInt64(byte) }
        }
        return value
    }
}

/// A unit of time stamps, and their offset.
struct PcapClock {
    /// Units a second: a power of ten or of two, by if_tsresol.
    enum Unit: Equatable {
        case decimal(exponent: Int)
        case binary(exponent: Int)
    }
    /// Microseconds, if nothing is said.
    var unit = Unit.decimal(exponent: 6)
    /// Seconds to be added (if_tsoffset).
    var offset: Int64 = 0

    /// Nanoseconds since 1970, or nil if 64 bits do not hold them.
    func nanoseconds(_ stamp: UInt64) -> UInt64? {
        var value: UInt64
        switch unit {
        case .decimal(let exponent) where exponent <= 9:
            let (product, overflow) = stamp.multipliedReportingOverflow(by: Self.power(9 - exponent))
            guard !overflow else { return nil }
            value = product
        case .decimal(let exponent):
            // 10¹⁹ is the largest power of ten in 64 bits; above it nothing is left of a stamp.
            value = exponent - 9 <= 19 ? stamp / Self.power(exponent - 9) : 0
        case .binary(let exponent):
            let product = stamp.multipliedFullWidth(by: 1_000_000_000)
            if exponent >= 64 {
                value = product.high >> UInt64(exponent - 64)
            } else {
                guard product.high >> UInt64(exponent) == 0 else { return nil }
                value = product.low >> UInt64(exponent)
                if exponent > 0 { value |= product.high << UInt64(64 - exponent) }
            }
        }
        let (shift, overflow) = offset.magnitude.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return nil }
        let (sum, carry) = offset < 0 ? value.subtractingReportingOverflow(shift) : value.addingReportingOverflow(shift)
        return carry ? nil : sum
    }

    private static func power(_ exponent: Int) -> UInt64 {
        var value: UInt64 = 1
        for _ in 0..<exponent { value *= 10 }
        return value
    }
}
