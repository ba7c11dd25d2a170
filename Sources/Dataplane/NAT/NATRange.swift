import Net

/// To what SNAT, DNAT, MASQUERADE, REDIRECT and NETMAP may translate (struct nf_nat_range2).
public struct NATRange: Sendable {
    public struct Options: OptionSet, Sendable {
        public var rawValue: UInt16
        @inline(__always)
        public init(rawValue: UInt16) { self.rawValue = rawValue }
        /// `first` and `last` are given; else any address is left as it is.
        public static let addresses = Options(rawValue: 1 << 0)
        /// `firstPort` and `lastPort` are given.
        public static let ports = Options(rawValue: 1 << 1)
        /// `--random`: the port is chosen at random even where the old one is free.
        public static let random = Options(rawValue: 1 << 2)
        /// `--random-fully`.
        public static let fullyRandom = Options(rawValue: 1 << 3)
        /// `--persistent`: a client gets the same address for all its destinations.
        public static let persistent = Options(rawValue: 1 << 4)
        /// MASQUERADE: the address is the egress port's.
        public static let masquerade = Options(rawValue: 1 << 5)
        /// REDIRECT: the address is the ingress port's, or loopback for the host's own packets.
        public static let redirect = Options(rawValue: 1 << 6)
        /// DNAT: the port keeps its distance from `basePort` within the ports.
        public static let shifted = Options(rawValue: 1 << 7)
        /// NETMAP: `first` is a network and `last` its mask; the host part stays as it is.
        public static let network = Options(rawValue: 1 << 8)
    }

    public var options: Options
    public var first: IPv4Address
    public var last: IPv4Address
    public var firstPort: UInt16
    public var lastPort: UInt16
    public var basePort: UInt16

    public init(
        options: Options, first: IPv4Address = .any, last: IPv4Address = .any, firstPort: UInt16 = 0,
        lastPort: UInt16 = 0, basePort: UInt16 = 0
    ) {
        self.options = options
        self.first = first
        self.last = last
        self.firstPort = firstPort
        self.lastPort = lastPort
        self.basePort = basePort
    }

    /// What leaves everything as it is, but for a source port that clashes (nf_nat_alloc_null_binding).
    @inline(__always)
    static func null(_ address: IPv4Address) -> NATRange {
        NATRange(options: .addresses, first: address, last: address)
    }

    /// NETMAP's only choice for an address (netmap_tg4 in net/netfilter/xt_NETMAP.c).
    func mapped(_ address: IPv4Address) -> NATRange {
        .null(IPv4Address(rawValue: first.rawValue & last.rawValue | address.rawValue & ~last.rawValue))
    }

    @inline(__always)
    func contains(port: UInt16) -> Bool {
        !options.contains(.ports) || (port >= firstPort && port <= lastPort)
    }

    @inline(__always)
    func contains(_ address: IPv4Address) -> Bool {
        !options.contains(.addresses) || (address >= first && address <= last)
    }
}
