/// Numbers as iptables reads them: decimal, octal with a leading 0, hexadecimal with a leading 0x.
enum Number {
    /// The number at the start of `text` and what follows it; nil if there is no number or it does not fit 64 bits.
    /// A sign is no part of a number.
    static func prefix(of text: Substring) -> (value: UInt64, rest: Substring)? {
        var digits = text
        while let first = digits.utf8.first, first == 0x20 || (0x09...0x0D).contains(first) {
            digits = digits.dropFirst()
        }
        if digits.utf8.first == UInt8(ascii: "+") { digits = digits.dropFirst() }
        var radix: UInt64 = 10
        if digits.hasPrefix("0x") || digits.hasPrefix("0X"), let first = digits.dropFirst(2).utf8.first,
            hexadecimalValue(first) != nil
        {
            radix = 16
            digits = digits.dropFirst(2)
        } else if digits.hasPrefix("0") {
            radix = 8
        }
        var value: UInt64 = 0
        var count = 0
        var rest = digits
        while let byte = rest.utf8.first, let digit = hexadecimalValue(byte), digit < radix {
            let (product, overflow) = value.multipliedReportingOverflow(by: radix)
            let (sum, carry) = product.addingReportingOverflow(digit)
            guard !overflow, !carry else { return nil }
            value = sum
            count += 1
            rest = rest.dropFirst()
        }
        return count > 0 ? (value, rest) : nil
    }

    /// The whole of `text` as a number within `range`.
    static func parse(_ text: some StringProtocol, in range: ClosedRange<UInt64>) -> UInt64? {
        if let value = plain(text.utf8) { return range.contains(value) ? value : nil }
        guard let (value, rest) = prefix(of: Substring(text)), rest.isEmpty, range.contains(value) else { return nil }
        return value
    }

    /// Decimal digits alone, as nearly all numbers in rules are; nil for whatever needs a closer look.
    static func plain(_ text: some Sequence<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        var count = 0
        for byte in text {
            let digit = byte &- UInt8(ascii: "0")
            guard digit < 10, count < 18, count == 0 || value > 0 else { return nil }
            value = value * 10 + UInt64(digit)
            count += 1
        }
        return count > 0 ? value : nil
    }

    static func hexadecimalValue(_ byte: UInt8) -> UInt64? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }

    /// `0x1f`, without leading zeros unless `digits` asks for them.
    static func hexadecimal(_ value: some BinaryInteger, digits: Int = 1) -> String {
        let text = String(value, radix: 16)
        return "0x" + String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}
