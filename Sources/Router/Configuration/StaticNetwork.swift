import Net

/// The `static` part of a configuration: what the kernel would have said about interfaces, routes, policy and
/// neighbours, for `replay` and tests.
public struct StaticNetwork: Hashable, Sendable {
    /// An interface. One that `ports` does not name stays the kernel's: routes to it lead out of the router's reach.
    public struct Port: Hashable, Sendable {
        public var name: String
        public var mac: MACAddress
        /// In order; an address in the subnet of an earlier one is secondary, as in the kernel.
        public var addresses: [IPv4Prefix] = []
        /// 68 (RFC 791) to 65,535 bytes of an IP packet.
        public var mtu = 1500
        /// The group it is in, for rules with `devgroup`.
        public var group: UInt32 = 0

        public init(name: String, mac: MACAddress) {
            self.name = name
            self.mac = mac
        }
    }

    /// A way out of a route.
    public struct Hop: Hashable, Sendable {
        public var gateway: IPv4Address?
        /// The interface's name.
        public var port: String
        /// 1 to 256.
        public var weight = 1

        public init(gateway: IPv4Address?, port: String, weight: Int = 1) {
            self.gateway = gateway
            self.port = port
            self.weight = weight
        }
    }

    /// A route beyond those that the addresses bring with them.
    public struct StaticRoute: Hashable, Sendable {
        public var to: IPv4Prefix
        public var kind = RouteKind.unicast
        /// Empty for blackhole, unreachable, prohibit and throw.
        public var hops: [Hop] = []
        public var table = Route.mainTable
        public var metric: UInt32 = 0
        /// As in `RouteHop`, for rules with `realm`.
        public var realm: UInt32 = 0
        public var preferredSource: IPv4Address?

        public init(to: IPv4Prefix) { self.to = to }
    }

    /// A neighbour, known for good.
    public struct StaticNeighbor: Hashable, Sendable {
        public var address: IPv4Address
        public var mac: MACAddress
        /// The interface's name.
        public var port: String

        public init(address: IPv4Address, mac: MACAddress, port: String) {
            self.address = address
            self.mac = mac
            self.port = port
        }
    }

    public var ports: [Port] = []
    public var routes: [StaticRoute] = []
    /// Besides the three rules that every namespace starts with.
    public var policy: [PolicyRule] = []
    public var neighbors: [StaticNeighbor] = []

    public init() {}
}
