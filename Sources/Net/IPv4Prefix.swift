/// An address and a prefix length of 0 to 32 (RFC 4632). Host bits are kept as written; `network` clears them.
public struct IPv4Prefix: Hashable, Sendable {
    public var address: IPv4Address
    public var length: UInt8

    /// - Precondition: `length` is at most 32.
    public init(_ address: IPv4Address, _ length: UInt8) {
        precondition(length <= 32)
        self.address = address
        self.length = length
    }

    /// 0.0.0.0/0.
    public static let all = IPv4Prefix(.any, 0)

    /// The netmask, such as 255.255.255.0 for a length of 24.
    public var mask: IPv4Address { IPv4Address(rawValue: Self.mask(length: length)) }
    /// The same prefix without host bits.
    public var network: IPv4Prefix { IPv4Prefix(IPv4Address(rawValue: address.rawValue & mask.rawValue), length) }
    /// The highest address of the prefix.
    public var last: IPv4Address { IPv4Address(rawValue: address.rawValue | ~mask.rawValue) }

    public func contains(_ other: IPv4Address) -> Bool {
        (other.rawValue ^ address.rawValue) & mask.rawValue == 0
    }

    /// The netmask of a prefix length of 0 to 32, as a number.
    public static func mask(length: UInt8) -> UInt32 {
        length == 0 ? 0 : UInt32.max << (32 - UInt32(length))
    }
}

extension IPv4Prefix: LosslessStringConvertible, CustomStringConvertible {
    /// `ADDRESS/LENGTH`, or `ADDRESS` alone for a length of 32.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard let first = parts.first, parts.count <= 2, let address = IPv4Address(first) else { return nil }
        guard parts.count == 2 else {
            self.init(address, 32)
            return
        }
        guard parts[1].utf8.allSatisfy({ (48...57).contains($0) }), let length = UInt8(parts[1]), length <= 32 else {
            return nil
        }
        self.init(address, length)
    }

    public var description: String { "\(address)/\(length)" }
}

extension IPv4Prefix: ExpressibleByStringLiteral {
    /// For literals in source text; a malformed one is a programming error.
    public init(stringLiteral text: String) {
        guard let prefix = IPv4Prefix(text) else { fatalError("not an IPv4 prefix: \(text)") }
        self = prefix
    }
}

extension IPv4Prefix: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let prefix = IPv4Prefix(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not an IPv4 prefix: \"\(text)\"")
        }
        self = prefix
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
