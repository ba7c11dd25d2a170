/// An Ethernet address, in the low 48 bits of a number; the first octet on the wire is the most significant.
public struct MACAddress: Hashable, Sendable {
    public var rawValue: UInt64

    /// - Parameter rawValue: bits above the 48th are dropped.
    @inline(__always)
    public init(rawValue: UInt64) { self.rawValue = rawValue & 0xFFFF_FFFF_FFFF }

    public static let broadcast = MACAddress(rawValue: .max)
    public static let zero = MACAddress(rawValue: 0)

    /// The group bit of the first octet (IEEE 802-2014, 8.2.2): multicast and broadcast.
    @inline(__always)
    public var isGroup: Bool { rawValue >> 40 & 1 == 1 }
}

extension MACAddress: LosslessStringConvertible, CustomStringConvertible {
    /// Six hexadecimal octets with colons.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 6 else { return nil }
        var value: UInt64 = 0
        for part in parts {
            guard (1...2).contains(part.utf8.count), part.allSatisfy(\.isHexDigit), let octet = UInt8(part, radix: 16)
            else { return nil }
            value = value << 8 | UInt64(octet)
        }
        rawValue = value
    }

    public var description: String {
        var text = ""
        for shift in stride(from: 40, through: 0, by: -8) {
            let octet = String(rawValue >> UInt64(shift) & 255, radix: 16)
            text += (text.isEmpty ? "" : ":") + (octet.utf8.count == 1 ? "0" : "") + octet
        }
        return text
    }
}

extension MACAddress: ExpressibleByStringLiteral {
    /// For literals in source text; a malformed one is a programming error.
    public init(stringLiteral text: String) {
        guard let address = MACAddress(text) else { fatalError("not an Ethernet address: \(text)") }
        self = address
    }
}

extension MACAddress: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let address = MACAddress(text) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "not an Ethernet address: \"\(text)\"")
        }
        self = address
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
