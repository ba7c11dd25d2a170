import Net

/// What is known of a packet when a route is looked for (the kernel's flowi4).
public struct RouteQuery: Sendable {
    public var destination: IPv4Address
    /// 0.0.0.0 if not yet chosen.
    public var source: IPv4Address
    public var mark: UInt32
    /// The header's tos octet; the bits that routing looks at (0x1C) are picked here.
    public var tos: UInt8
    /// Where the packet came in; `.host` for what the host or the router itself sends.
    public var ingress: PortIndex
    /// The port that a socket is bound to, or `.none`.
    public var egress: PortIndex
    public var ipProtocol: IPProtocol
    /// 0 for protocols without ports and for later fragments.
    public var sourcePort: UInt16
    public var destinationPort: UInt16
    /// Chooses among the hops of a multipath route.
    public var flowHash: UInt32

    @inline(__always)
    public init(
        destination: IPv4Address, source: IPv4Address = .any, mark: UInt32 = 0, tos: UInt8 = 0,
        ingress: PortIndex = .host, egress: PortIndex = .none, ipProtocol: IPProtocol = IPProtocol(rawValue: 0),
        sourcePort: UInt16 = 0, destinationPort: UInt16 = 0, flowHash: UInt32 = 0
    ) {
        self.destination = destination
        self.source = source
        self.mark = mark
        self.tos = tos
        self.ingress = ingress
        self.egress = egress
        self.ipProtocol = ipProtocol
        self.sourcePort = sourcePort
        self.destinationPort = destinationPort
        self.flowHash = flowHash
    }
}

/// What routing decided.
public struct RouteResult: Sendable, Equatable {
    public enum Kind: UInt8, Sendable {
        /// To be sent out of `egress` to `nextHop`.
        case unicast
        /// For the host itself.
        case local
        /// A broadcast address of ours or the limited broadcast: for the host on input, to everyone on `egress` on output.
        case broadcast
        /// A group: for the host on input (the kernel knows who joined), to the group on output. Groups are not forwarded.
        case multicast
        /// To be dropped without an answer (EINVAL).
        case blackhole
        /// A route of kind unreachable: ICMP host unreachable (EHOSTUNREACH).
        case unreachable
        /// A route or rule of kind prohibit: ICMP communication administratively prohibited (EACCES).
        case prohibit
        /// No route, or a policy rule that says unreachable: ICMP net unreachable (ENETUNREACH).
        case noRoute
        /// The route leads out of an interface that is no port.
        case egressNotAPort
        /// The source cannot be a source, or is one of our own addresses.
        case martianSource
        /// The destination cannot be a destination.
        case martianDestination
        /// The way back does not lead out of the ingress port (`rp_filter`).
        case reversePath

        /// Whether the look-up itself fails and the packet ends there (ip_route_input_noref), whatever else is wrong with it.
        @inline(__always)
        var isMartian: Bool {
            switch self {
            case .martianSource, .martianDestination, .reversePath: true
            default: false
            }
        }
    }

    public var kind: Kind
    public var egress: PortIndex
    /// The gateway, or the destination itself if it is on the link.
    public var nextHop: IPv4Address
    public var isGateway: Bool
    /// What the route names (RTA_PREFSRC), or 0.0.0.0; `Routing.preferredSource(of:)` always gives one.
    public var preferredSource: IPv4Address
    /// Bytes of an IP packet: the route's, or the egress port's. 0 unless the kind is unicast.
    public var mtu: UInt32
    /// The route's RT_SCOPE_….
    public var scope: UInt8
    /// Length of the prefix that matched.
    public var prefixLength: UInt8
    /// The entry of `nextHop` in the neighbour table, or `NeighborTable.unknown`.
    public var neighbor: UInt32
    /// The realms of the route (dst_entry.tclassid): the destination's in the lower half, the source's in the upper; 0 where none is named.
    public var realm: UInt32

    @inline(__always)
    public init(_ kind: Kind) {
        self.kind = kind
        egress = .none
        nextHop = .any
        isGateway = false
        preferredSource = .any
        mtu = 0
        scope = 0
        prefixLength = 0
        neighbor = NeighborTable.unknown
        realm = 0
    }
}
