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
        /// It stands in a long segment and is found by the index.
        static let indexed = Flags(rawValue: 1 << 5)
    }

    public var source: UInt32 = 0
    public var sourceMask: UInt32 = 0
    public var destination: UInt32 = 0
    public var destinationMask: UInt32 = 0
    /// Ports that `-i` takes, by their bits. A `!` is already worked in.
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

extension PortIndex {
    /// Its place in a rule's set of ports; `.host` is `lo` there, and `.none` has one of its own.
    @inline(__always)
    public var bit: UInt64 { 1 << UInt64(rawValue & 63) }
}
