import Net

/// A value that may stand behind `!`.
public struct Negatable<Value: Hashable & Sendable>: Hashable, Sendable {
    public var value: Value
    public var isNegated: Bool

    public init(_ value: Value, isNegated: Bool = false) {
        self.value = value
        self.isNegated = isNegated
    }
}

/// An address and the bits of it that count. The mask need not be a prefix: 10.0.0.1/255.0.0.255 is legal.
public struct AddressMask: Hashable, Sendable {
    /// Bits outside the mask are 0, but for the conntrack and policy matches, which save them as they were written.
    public var address: IPv4Address
    public var mask: IPv4Address

    public init(address: IPv4Address, mask: IPv4Address = .broadcast) {
        self.address = IPv4Address(rawValue: address.rawValue & mask.rawValue)
        self.mask = mask
    }

    init(unmasked address: IPv4Address, mask: IPv4Address) {
        self.address = address
        self.mask = mask
    }

    public init(_ prefix: IPv4Prefix) { self.init(address: prefix.address, mask: prefix.mask) }

    /// The prefix length, or nil if the mask has holes.
    public var prefixLength: UInt8? {
        let ones = (~mask.rawValue).leadingZeroBitCount
        return mask.rawValue == IPv4Prefix.mask(length: UInt8(ones)) ? UInt8(ones) : nil
    }

    /// The same as a prefix, or nil if the mask has holes.
    public var prefix: IPv4Prefix? { prefixLength.map { IPv4Prefix(address, $0) } }

    public func contains(_ other: IPv4Address) -> Bool { (other.rawValue ^ address.rawValue) & mask.rawValue == 0 }
}

extension AddressMask: CustomStringConvertible {
    /// `ADDRESS/LENGTH`, or `ADDRESS/MASK` if the mask has holes; a whole address has its `/32`.
    public var description: String {
        if let prefixLength { "\(address)/\(prefixLength)" } else { "\(address)/\(mask)" }
    }

    /// The same without `/32`, as most matches save it.
    var shortDescription: String { mask == .broadcast ? address.description : description }
}

/// The interface a rule asks for: one name, or every name that begins so.
public struct InterfacePattern: Hashable, Sendable {
    /// Without the `+`; at most 15 bytes.
    public var name: String
    /// Written with a `+` at the end.
    public var isWildcard: Bool

    public init(name: String, isWildcard: Bool = false) {
        self.name = name
        self.isWildcard = isWildcard
    }

    public func matches(_ interface: some StringProtocol) -> Bool {
        isWildcard ? interface.hasPrefix(name) : interface == name
    }
}

extension Negatable<InterfacePattern> {
    /// A bare `+`, which every interface meets.
    public var asksNothing: Bool { value.name.isEmpty && value.isWildcard && !isNegated }
}

extension InterfacePattern: CustomStringConvertible {
    public var description: String { isWildcard ? name + "+" : name }
}

/// A value and the bits of it that count, for marks.
public struct MaskedValue: Hashable, Sendable {
    public var value: UInt32
    public var mask: UInt32

    public init(_ value: UInt32, mask: UInt32 = .max) {
        self.value = value
        self.mask = mask
    }
}

extension MaskedValue: CustomStringConvertible {
    /// `0x1`, with `/0xff` unless all bits count.
    public var description: String {
        mask == .max ? Number.hexadecimal(value) : "\(Number.hexadecimal(value))/\(Number.hexadecimal(mask))"
    }
}

/// How many packets met a rule or a policy, and their bytes (from the IP header on).
public struct RuleCounters: Hashable, Sendable {
    public var packets: UInt64
    public var bytes: UInt64

    public init(packets: UInt64 = 0, bytes: UInt64 = 0) {
        self.packets = packets
        self.bytes = bytes
    }

    public static let zero = RuleCounters()
}

extension RuleCounters: CustomStringConvertible {
    public var description: String { "[\(packets):\(bytes)]" }
}
