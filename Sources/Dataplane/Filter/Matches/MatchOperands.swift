import Net

/// A range of ports and whether it is negated. The whole range stands for any.
public struct PortTest: Sendable {
    public var first: UInt16
    public var last: UInt16
    public var isNegated: Bool
    public init(first: UInt16 = 0, last: UInt16 = .max, isNegated: Bool = false) {
        self.first = first
        self.last = last
        self.isNegated = isNegated
    }
    @inline(__always)
    func matches(_ port: UInt16) -> Bool { (port >= first && port <= last) != isNegated }
}

/// An address under a mask and whether it is negated.
public struct MaskedAddressTest: Sendable {
    public var address: UInt32
    public var mask: UInt32
    public var isNegated: Bool
    public init(address: UInt32 = 0, mask: UInt32 = 0, isNegated: Bool = false) {
        self.address = address
        self.mask = mask
        self.isNegated = isNegated
    }
    @inline(__always)
    func matches(_ other: IPv4Address) -> Bool { ((other.rawValue & mask) == address) != isNegated }
}

/// A 32-bit value under a mask and whether it is negated.
public struct MaskedValueTest: Sendable {
    public var value: UInt32
    public var mask: UInt32
    public var isNegated: Bool
    public init(value: UInt32, mask: UInt32 = .max, isNegated: Bool = false) {
        self.value = value
        self.mask = mask
        self.isNegated = isNegated
    }
    @inline(__always)
    func matches(_ other: UInt32) -> Bool { (other & mask == value) != isNegated }
}
