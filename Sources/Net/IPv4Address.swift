/// An IPv4 address, held in host byte order so that comparison and arithmetic follow the dotted notation.
public struct IPv4Address: Hashable, Sendable, Comparable {
    public var rawValue: UInt32

    @inline(__always)
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    @inline(__always)
    public init(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8) {
        rawValue = UInt32(a) << 24 | UInt32(b) << 16 | UInt32(c) << 8 | UInt32(d)
    }

    /// 0.0.0.0, which stands for "none" wherever an address may be left out.
    public static let any = IPv4Address(rawValue: 0)
    /// 255.255.255.255, the limited broadcast of RFC 919.
    public static let broadcast = IPv4Address(rawValue: .max)

    @inline(__always)
    public var isUnspecified: Bool { rawValue == 0 }
    /// 224.0.0.0/4 (RFC 5771).
    @inline(__always)
    public var isMulticast: Bool { rawValue >> 28 == 0xE }
    @inline(__always)
    public var isLimitedBroadcast: Bool { rawValue == .max }
    /// 127.0.0.0/8 (RFC 1122, 3.2.1.3).
    @inline(__always)
    public var isLoopback: Bool { rawValue >> 24 == 127 }
    /// 0.0.0.0/8, "this network" (RFC 1122, 3.2.1.3).
    @inline(__always)
    public var isZeroNetwork: Bool { rawValue >> 24 == 0 }
    /// 240.0.0.0/4, reserved, without the limited broadcast (RFC 1112).
    @inline(__always)
    public var isReserved: Bool { rawValue >> 28 == 0xF && rawValue != .max }

    public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

extension IPv4Address: LosslessStringConvertible, CustomStringConvertible {
    /// Four decimal numbers with dots and nothing else, as `inet_pton` takes them.
    public init?(_ text: some StringProtocol) {
        var value: UInt32 = 0
        var octets = 0
        for part in text.split(separator: ".", omittingEmptySubsequences: false) {
            guard octets < 4, (1...3).contains(part.utf8.count), part.utf8.allSatisfy({ (48...57).contains($0) }),
                part.utf8.count == 1 || part.utf8.first != 48, let octet = UInt8(part)
            else { return nil }
            value = value << 8 | UInt32(octet)
            octets += 1
        }
        guard octets == 4 else { return nil }
        rawValue = value
    }

    public var description: String {
        "\(rawValue >> 24).\(rawValue >> 16 & 255).\(rawValue >> 8 & 255).\(rawValue & 255)"
    }
}

extension IPv4Address: ExpressibleByStringLiteral {
    /// For literals in source text; a malformed one is a programming error.
    public init(stringLiteral text: String) {
        guard let address = IPv4Address(text) else { fatalError("not an IPv4 address: \(text)") }
        self = address
    }
}

extension IPv4Address: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let address = IPv4Address(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not an IPv4 address: \"\(text)\"")
        }
        self = address
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
