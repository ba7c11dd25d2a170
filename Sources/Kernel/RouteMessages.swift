import CXDP
import Net

// Routes as rtnetlink writes them (linux/rtnetlink.h; the kernel's writer is `fib_dump_info`, net/ipv4/fib_semantics.c).
//
// A route that names a nexthop object carries that object's content as well, unless net.ipv4.nexthop_compat_mode is
// off; then the number alone is there, and the reader looks it up in the objects it was given.

/// Reads routes. It keeps one copy of each list of hops: in a full Internet table a million routes share a few.
struct RouteReader {
    /// What a message said.
    struct Reading {
        var route: Route
        /// The route names a nexthop object, whose end the kernel does not tell route by route.
        var usesNexthopObject: Bool
        /// Why a hop, or the whole route, cannot be used; nil if it can.
        var problem: String?
    }

    var nexthops = NexthopTable()
    private var hopLists: Set<[RouteHop]> = []

    init() {}

    /// struct rtmsg: family, destination and source length, tos, table, protocol, scope, type, flags (32 bits).
    private static let headerSize = 12
    /// struct rtnexthop: length (16 bits), flags, weight - 1, index.
    private static let hopHeaderSize = 8

    /// - Returns: nil for what is no entry of an IPv4 table: exceptions of the route cache (RTM_F_CLONED), other
    ///   families, malformed messages.
    mutating func read(_ message: NetlinkMessage) -> Reading? {
        let payload = message.payload
        guard payload.uint8(at: 0) == UInt8(AF_INET), let length = payload.uint8(at: 1), length <= 32,
            let tos = payload.uint8(at: 3), let shortTable = payload.uint8(at: 4), let origin = payload.uint8(at: 5),
            let scope = payload.uint8(at: 6), let type = payload.uint8(at: 7), let flags = payload.uint32(at: 8),
            flags & UInt32(RTM_F_CLONED) == 0
        else { return nil }

        var hop = HopFields(flags: UInt8(truncatingIfNeeded: flags))
        var hops: [RouteHop] = []
        var route = Route(
            table: UInt32(shortTable), prefix: IPv4Prefix(.any, length), tos: tos, kind: .unicast, scope: scope,
            origin: origin, hops: [])
        var nexthopObject: UInt32?
        var isExpanded = false
        var problem: String?
        for attribute in payload.attributes(from: Self.headerSize) {
            let value = attribute.value
            switch attribute.kind {
            case Int(RTA_DST.rawValue): route.prefix.address = value.address(at: 0) ?? .any
            case Int(RTA_TABLE.rawValue): route.table = value.uint32(at: 0) ?? route.table
            case Int(RTA_PRIORITY.rawValue): route.metric = value.uint32(at: 0) ?? 0
            case Int(RTA_PREFSRC.rawValue): route.preferredSource = value.address(at: 0)
            case Int(RTA_METRICS.rawValue): route.mtu = Self.mtu(value)
            case Int(RTA_NH_ID.rawValue): nexthopObject = value.uint32(at: 0)
            case Int(RTA_MULTIPATH.rawValue):
                isExpanded = true
                hops = Self.multipath(value, &problem)
            default:
                if attribute.kind == Int(RTA_OIF.rawValue) { isExpanded = true }
                hop.take(attribute)
            }
        }

        if let kind = RouteKind(rawValue: type) {
            route.kind = kind
        } else {
            // RTN_NAT and RTN_XRESOLVE: no kernel of today sets them.
            route.kind = .unreachable
            problem = "route type \(type) is not known and taken for unreachable"
        }
        if let nexthopObject, !isExpanded {
            if let resolved = nexthops.resolve(nexthopObject) {
                hops = resolved.hops
                if resolved.isBlackhole { route.kind = .blackhole }
                problem = resolved.problem ?? problem
            } else {
                problem = "nexthop object \(nexthopObject) is not known, so no hop can be used"
            }
        } else if hops.isEmpty, hop.link != .none {
            hops = [hop.hop(weight: 1)]
            problem = hop.problem ?? problem
        }
        switch route.kind {
        case .blackhole, .unreachable, .prohibit, .throw: route.hops = []
        case .unicast, .local, .broadcast, .anycast, .multicast: route.hops = shared(hops)
        }
        return Reading(route: route, usesNexthopObject: nexthopObject != nil, problem: problem)
    }

    private mutating func shared(_ hops: [RouteHop]) -> [RouteHop] {
        hopLists.insert(hops).memberAfterInsert
    }

    private static func mtu(_ metrics: NetlinkView) -> Int {
        for metric in metrics.attributes() where metric.kind == Int(RTAX_MTU) {
            return Int(metric.value.uint32(at: 0) ?? 0)
        }
        return 0
    }

    /// A list of struct rtnexthop, each followed by its attributes.
    private static func multipath(_ list: NetlinkView, _ problem: inout String?) -> [RouteHop] {
        var hops: [RouteHop] = []
        var rest = list
        while let length = rest.uint16(at: 0).map(Int.init), let flags = rest.uint8(at: 2),
            let weight = rest.uint8(at: 3),
            let index = rest.uint32(at: 4), length >= hopHeaderSize, let one = rest.slice(from: 0, length: length),
            one.count == length
        {
            var hop = HopFields(flags: flags)
            hop.link = LinkIndex(rawValue: Int32(bitPattern: index))
            for attribute in one.attributes(from: hopHeaderSize) { hop.take(attribute) }
            hops.append(hop.hop(weight: Int(weight) + 1))
            problem = hop.problem ?? problem
            rest = rest.slice(from: Netlink.aligned(length)) ?? NetlinkView([])
        }
        return hops
    }
}

/// One hop while it is being read.
struct HopFields {
    var link = LinkIndex.none
    var gateway: IPv4Address?
    var isDead: Bool
    var problem: String?
    var realm: UInt32 = 0

    /// - Parameter flags: RTNH_F_…; the kernel adds DEAD to LINKDOWN itself where `ignore_routes_with_linkdown` says
    ///   so (`fib_nexthop_info`), so DEAD alone decides.
    init(flags: UInt8) { isDead = flags & UInt8(RTNH_F_DEAD) != 0 }

    mutating func take(_ attribute: NetlinkAttribute) {
        switch attribute.kind {
        case Int(RTA_OIF.rawValue):
            link = LinkIndex(rawValue: Int32(bitPattern: attribute.value.uint32(at: 0) ?? 0))
        case Int(RTA_GATEWAY.rawValue):
            gateway = attribute.value.address(at: 0)
        case Int(RTA_FLOW.rawValue):
            realm = attribute.value.uint32(at: 0) ?? 0
        case Int(RTA_VIA.rawValue):
            // struct rtvia: family (16 bits), address. The kernel writes it only for another family than the route's.
            problem = "a hop has a gateway that is not IPv4 and is not used"
        case Int(RTA_ENCAP.rawValue):
            problem = "a hop has an encapsulation and is not used"
        default: break
        }
    }

    /// - Parameter weight: 1 to 256.
    func hop(weight: Int) -> RouteHop {
        RouteHop(link: link, gateway: gateway, weight: weight, isDead: isDead || problem != nil, realm: realm)
    }
}
