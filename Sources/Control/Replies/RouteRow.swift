import Net

/// A route as the router has it from the kernel.
public struct RouteRow: Hashable, Sendable, Codable {
    /// "main", "local", "default" or a number.
    public var table: String
    public var prefix: IPv4Prefix
    /// "unicast", "local", "blackhole" … as `ip route` calls them.
    public var kind: String
    public var metric: UInt32
    public var preferredSource: IPv4Address?
    public var hops: [RouteHopRow]

    public init(
        table: String, prefix: IPv4Prefix, kind: String, metric: UInt32, preferredSource: IPv4Address? = nil,
        hops: [RouteHopRow]
    ) {
        self.table = table
        self.prefix = prefix
        self.kind = kind
        self.metric = metric
        self.preferredSource = preferredSource
        self.hops = hops
    }
}

/// A way out of a route.
public struct RouteHopRow: Hashable, Sendable, Codable {
    /// The interface's name.
    public var link: String
    public var gateway: IPv4Address?
    /// 1 to 256.
    public var weight: Int
    /// Not chosen, because its link is down.
    public var isDead: Bool
    /// Whether the interface is a port. What is routed to another is dropped as "egress-not-a-port".
    public var isPort: Bool

    public init(link: String, gateway: IPv4Address? = nil, weight: Int, isDead: Bool, isPort: Bool) {
        self.link = link
        self.gateway = gateway
        self.weight = weight
        self.isDead = isDead
        self.isPort = isPort
    }
}

/// A neighbour as the router has it from the kernel.
public struct NeighborRow: Hashable, Sendable, Codable {
    public var address: IPv4Address
    /// nil until it is known.
    public var mac: MACAddress?
    /// The interface's name.
    public var link: String
    /// In the words of `ip neigh`, lower case.
    public var state: String

    public init(address: IPv4Address, mac: MACAddress? = nil, link: String, state: String) {
        self.address = address
        self.mac = mac
        self.link = link
        self.state = state
    }
}
