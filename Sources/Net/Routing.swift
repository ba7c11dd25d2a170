// What the kernel knows of links, addresses, routes, policy and neighbours, as values. The rtnetlink mirror produces
// them, the configuration's `static:` part does too, and the data plane's tables are built from them.

/// An interface as the kernel sees it (RTM_NEWLINK).
public struct Link: Hashable, Sendable, Codable {
    public var index: LinkIndex
    public var name: String
    public var mac: MACAddress
    /// Bytes of an IP packet, without the Ethernet header.
    public var mtu: Int
    /// IFF_UP: set by the operator.
    public var isUp: Bool
    /// IFF_RUNNING: has carrier.
    public var isRunning: Bool
    /// IFLA_GROUP: the group that the operator put it into; 0 is "default".
    public var group: UInt32

    public init(
        index: LinkIndex, name: String, mac: MACAddress, mtu: Int, isUp: Bool, isRunning: Bool, group: UInt32 = 0
    ) {
        self.index = index
        self.name = name
        self.mac = mac
        self.mtu = mtu
        self.isUp = isUp
        self.isRunning = isRunning
        self.group = group
    }
}

/// An address on an interface (RTM_NEWADDR). Its local and broadcast routes come from the kernel's `local` table.
public struct LinkAddress: Hashable, Sendable, Codable {
    public var link: LinkIndex
    /// The address itself and the length of its on-link prefix.
    public var prefix: IPv4Prefix
    public var broadcast: IPv4Address?
    /// RT_SCOPE_…: 0 global, 253 link, 254 host.
    public var scope: UInt8
    /// IFA_F_SECONDARY: not chosen as source on its own.
    public var isSecondary: Bool

    public init(
        link: LinkIndex, prefix: IPv4Prefix, broadcast: IPv4Address? = nil, scope: UInt8 = 0, isSecondary: Bool = false
    ) {
        self.link = link
        self.prefix = prefix
        self.broadcast = broadcast
        self.scope = scope
        self.isSecondary = isSecondary
    }
}

/// What a route does with a packet (RTN_…).
public enum RouteKind: UInt8, Sendable, Codable {
    case unicast = 1
    case local = 2
    case broadcast = 3
    case anycast = 4
    case multicast = 5
    case blackhole = 6
    case unreachable = 7
    case prohibit = 8
    /// Go on with the next policy rule.
    case `throw` = 9
}

/// One way out of a route: a gateway on a link, or the link alone for an on-link destination.
public struct RouteHop: Hashable, Sendable, Codable {
    public var link: LinkIndex
    public var gateway: IPv4Address?
    /// 1 to 256; how often this hop is chosen in relation to its siblings.
    public var weight: Int
    /// RTNH_F_DEAD or RTNH_F_LINKDOWN with `ignore_routes_with_linkdown`: not chosen.
    public var isDead: Bool
    /// RTA_FLOW: the realm of what lies behind this hop in the lower half, that of where packets come from in the upper. 0 is none.
    public var realm: UInt32

    public init(
        link: LinkIndex, gateway: IPv4Address? = nil, weight: Int = 1, isDead: Bool = false, realm: UInt32 = 0
    ) {
        self.realm = realm
        self.link = link
        self.gateway = gateway
        self.weight = weight
        self.isDead = isDead
    }
}

/// A route (RTM_NEWROUTE). Two routes are the same entry if table, prefix, tos and metric are equal.
public struct Route: Hashable, Sendable, Codable {
    /// RT_TABLE_…: 253 default, 254 main, 255 local, or any other number.
    public var table: UInt32
    public var prefix: IPv4Prefix
    /// 0 for any.
    public var tos: UInt8
    public var metric: UInt32
    public var kind: RouteKind
    /// RT_SCOPE_…: 0 global (by a gateway), 253 link, 254 host.
    public var scope: UInt8
    /// RTPROT_…: 2 kernel, 3 boot, 4 static, 186 BGP …; shown, not used.
    public var origin: UInt8
    /// RTA_PREFSRC.
    public var preferredSource: IPv4Address?
    /// RTAX_MTU, or 0 for the link's.
    public var mtu: Int
    /// Empty for blackhole, unreachable, prohibit and throw.
    public var hops: [RouteHop]

    public init(
        table: UInt32 = Route.mainTable, prefix: IPv4Prefix, tos: UInt8 = 0, metric: UInt32 = 0,
        kind: RouteKind = .unicast, scope: UInt8 = 0, origin: UInt8 = 3, preferredSource: IPv4Address? = nil,
        mtu: Int = 0, hops: [RouteHop]
    ) {
        self.table = table
        self.prefix = prefix
        self.tos = tos
        self.metric = metric
        self.kind = kind
        self.scope = scope
        self.origin = origin
        self.preferredSource = preferredSource
        self.mtu = mtu
        self.hops = hops
    }

    public static let defaultTable: UInt32 = 253
    public static let mainTable: UInt32 = 254
    public static let localTable: UInt32 = 255
}

/// A policy rule (RTM_NEWRULE): which table a packet is looked up in. Lower priorities come first.
public struct PolicyRule: Hashable, Sendable, Codable {
    /// What a matching rule does (FR_ACT_…).
    public enum Action: Hashable, Sendable, Codable {
        case lookup(table: UInt32)
        case goto(priority: UInt32)
        case nop
        case blackhole
        case unreachable
        case prohibit
    }

    public var priority: UInt32
    public var source: IPv4Prefix
    public var destination: IPv4Prefix
    /// Name of the ingress interface, or nil for any. `lo` means packets of the host itself.
    public var ingress: String?
    /// Name of the egress interface that a socket is bound to, or nil for any.
    public var egress: String?
    public var tos: UInt8
    public var mark: UInt32
    public var markMask: UInt32
    /// 0 for any.
    public var ipProtocol: UInt8
    public var sourcePorts: ClosedRange<UInt16>?
    public var destinationPorts: ClosedRange<UInt16>?
    /// FIB_RULE_INVERT: the rule applies to what does not match.
    public var isInverted: Bool
    /// FRA_SUPPRESS_PREFIXLEN: a result of this prefix length or shorter counts as none; nil for no such limit.
    public var suppressPrefixLength: Int?
    /// FRA_FLOW: realms that a route found by this rule has unless it names its own; as in `RouteHop`.
    public var realm: UInt32
    public var action: Action

    public init(
        priority: UInt32, source: IPv4Prefix = .all, destination: IPv4Prefix = .all, ingress: String? = nil,
        egress: String? = nil, tos: UInt8 = 0, mark: UInt32 = 0, markMask: UInt32 = 0, ipProtocol: UInt8 = 0,
        sourcePorts: ClosedRange<UInt16>? = nil, destinationPorts: ClosedRange<UInt16>? = nil, isInverted: Bool = false,
        suppressPrefixLength: Int? = nil, realm: UInt32 = 0, action: Action
    ) {
        self.realm = realm
        self.priority = priority
        self.source = source
        self.destination = destination
        self.ingress = ingress
        self.egress = egress
        self.tos = tos
        self.mark = mark
        self.markMask = markMask
        self.ipProtocol = ipProtocol
        self.sourcePorts = sourcePorts
        self.destinationPorts = destinationPorts
        self.isInverted = isInverted
        self.suppressPrefixLength = suppressPrefixLength
        self.action = action
    }

    /// The three rules every namespace starts with.
    public static let initial = [
        PolicyRule(priority: 0, action: .lookup(table: Route.localTable)),
        PolicyRule(priority: 32766, action: .lookup(table: Route.mainTable)),
        PolicyRule(priority: 32767, action: .lookup(table: Route.defaultTable)),
    ]
}

/// A neighbour (RTM_NEWNEIGH): an on-link address and the Ethernet address behind it.
public struct Neighbor: Hashable, Sendable, Codable {
    /// NUD_… in the words of `ip neigh`.
    public enum State: UInt8, Sendable, Codable {
        case none, incomplete, reachable, stale, delay, probe, failed, permanent, noarp

        /// NUD_VALID: the Ethernet address may be used.
        public var isUsable: Bool {
            switch self {
            case .reachable, .stale, .delay, .probe, .permanent, .noarp: true
            case .none, .incomplete, .failed: false
            }
        }
    }

    public var link: LinkIndex
    public var address: IPv4Address
    /// nil until it is known.
    public var mac: MACAddress?
    public var state: State

    public init(link: LinkIndex, address: IPv4Address, mac: MACAddress?, state: State) {
        self.link = link
        self.address = address
        self.mac = mac
        self.state = state
    }
}

/// One step by which the kernel's state changed.
public enum KernelChange: Hashable, Sendable {
    case link(Link)
    case linkRemoved(LinkIndex)
    case address(LinkAddress)
    case addressRemoved(LinkAddress)
    case route(Route)
    /// `hops` say which of several equal entries went, as far as the kernel told.
    case routeRemoved(Route)
    case policy(PolicyRule)
    case policyRemoved(PolicyRule)
    case neighbor(Neighbor)
    case neighborRemoved(link: LinkIndex, address: IPv4Address)
}
