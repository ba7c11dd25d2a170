import Net

/// One rule as the packet path reads it: the tests that every rule may have, and where its matches and its target stand.
public struct CompiledRule: Sendable {
    public struct Flags: OptionSet, Sendable {
        public var rawValue: UInt8
        @inline(__always)
        public init(rawValue: UInt8) { self.rawValue = rawValue }
        public static let notSource = Flags(rawValue: 1 << 0)
        public static let notDestination = Flags(rawValue: 1 << 1)
        public static let notProtocol = Flags(rawValue: 1 << 2)
        /// `-f`: second and further fragments.
        public static let fragment = Flags(rawValue: 1 << 3)
        public static let notFragment = Flags(rawValue: 1 << 4)
    }

    public var source: UInt32 = 0
    public var sourceMask: UInt32 = 0
    public var destination: UInt32 = 0
    public var destinationMask: UInt32 = 0
    /// Ports that `-i` takes, by index; bit 63 stands for "no ingress port". A `!` is already worked in.
    public var ingress: UInt64 = .max
    /// The same for `-o`.
    public var egress: UInt64 = .max
    /// 0 for any.
    public var ipProtocol: UInt8 = 0
    public var flags: Flags = []
    public var target: CompiledTarget = .next
    /// Place and number of the rule's matches.
    public var firstMatch: UInt32 = 0
    public var matchCount: UInt32 = 0

    public init() {}
}

/// What a rule does with a packet that it matches.
public enum CompiledTarget: Sendable, Equatable {
    /// No target: only counts.
    case next
    case accept
    case drop
    /// Back to the calling chain; in a built-in chain, its policy.
    case `return`
    /// On to the rule with this number, and back here after it.
    case jump(UInt32)
    /// On to the rule with this number, and back to where the present chain was called from.
    case goto(UInt32)
    /// A built-in chain's policy.
    case policyAccept
    case policyDrop
    case reject(RejectKind)
    /// SNAT, DNAT, MASQUERADE or REDIRECT to a range, by its number.
    case translate(UInt32)
    /// mark = mark & ~mask ^ value.
    case mark(value: UInt32, mask: UInt32)
    /// NOTRACK, or CT --notrack.
    case noTrack
}

/// REJECT's answers (enum ipt_reject_with), each with its ICMP code but for the reset.
public enum RejectKind: UInt8, Sendable, Equatable {
    case networkUnreachable = 0
    case hostUnreachable = 1
    case protocolUnreachable = 2
    case portUnreachable = 3
    case networkProhibited = 9
    case hostProhibited = 10
    case administrativelyProhibited = 13
    case tcpReset = 255
}

/// A match as the packet path reads it. Every case says which extension it is.
public enum CompiledMatch: Sendable {
    /// A range and whether it is negated. The whole range stands for any.
    public struct PortRange: Sendable {
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
    public struct MaskedAddress: Sendable {
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

    /// Bits of `conntrack --ctstate` (XT_CONNTRACK_STATE_…).
    public struct States: OptionSet, Sendable {
        public var rawValue: UInt8
        @inline(__always)
        public init(rawValue: UInt8) { self.rawValue = rawValue }
        public static let invalid = States(rawValue: 1 << 0)
        public static let established = States(rawValue: 1 << 1)
        public static let related = States(rawValue: 1 << 2)
        public static let new = States(rawValue: 1 << 3)
        public static let untracked = States(rawValue: 1 << 4)
        public static let sourceNAT = States(rawValue: 1 << 5)
        public static let destinationNAT = States(rawValue: 1 << 6)
    }

    /// Which ports of a packet `multiport` looks at.
    public enum PortSide: UInt8, Sendable { case source, destination, either }

    case tcp(source: PortRange, destination: PortRange, mask: UInt8, flags: UInt8, isNegated: Bool)
    case tcpOption(kind: UInt8, isNegated: Bool)
    case udp(source: PortRange, destination: PortRange)
    /// Type 255 stands for any.
    case icmp(type: UInt8, firstCode: UInt8, lastCode: UInt8, isNegated: Bool)
    case states(States, isNegated: Bool)
    /// `conntrack --ctstatus` (IPS_… bits; NONE is 0 and therefore matches nothing, as in the kernel).
    case status(UInt32, isNegated: Bool)
    case flowProtocol(UInt8, isNegated: Bool)
    case flowOriginalSource(MaskedAddress)
    case flowOriginalDestination(MaskedAddress)
    case flowReplySource(MaskedAddress)
    case flowReplyDestination(MaskedAddress)
    case flowOriginalSourcePort(PortRange)
    case flowOriginalDestinationPort(PortRange)
    case flowReplySourcePort(PortRange)
    case flowReplyDestinationPort(PortRange)
    /// In seconds.
    case flowExpiry(first: UInt32, last: UInt32, isNegated: Bool)
    case flowDirection(Direction)
    /// Ranges by place and number in the list of port ranges.
    case multiport(PortSide, first: UInt32, count: UInt32, isNegated: Bool)
    case mark(value: UInt32, mask: UInt32, isNegated: Bool)
}
