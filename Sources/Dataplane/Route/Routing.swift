// Where a packet goes: the reader's side, called by workers within a burst.
//
// What the kernel does, and where it is done here (net/ipv4/fib_trie.c, fib_rules.c, fib_semantics.c, route.c of 6.x):
// - fib_lookup → `find`: while a namespace has only ever had the three rules it started with, tables local and main are
//   one trie there, in which the longer prefix wins whichever table it is of, and at equal length local comes first; then
//   comes table default (which older kernels ask even after a refusal by main). From the first change of the rules on,
//   they are walked in order of priority, table by table.
// - fib_table_lookup → `findIn`: of the longest matching prefix all routes are tried in order (tos descending, metric
//   ascending): one of another tos is passed over; one that says blackhole, unreachable or prohibit ends everything;
//   throw ends this table; else the first hop that lives (and leads out of the egress asked for) is taken. If no route
//   of the prefix serves, the next shorter prefix is tried.
// - fib_select_multipath → `RouteMemory.select`.
//
// Everything reached from here lies in memory that the writer changes by single atomic stores or replaces whole. What is
// replaced stays mapped until every worker has ended its burst; so nothing found here may be kept longer than a burst,
// except under the generation it was found in.
//
// Not modelled: the kernel's choice among several default routes by the state of their gateways for packets of the host
// itself (fib_select_default), groups and real interfaces behind VRF, `dscp` and `uidrange` rules.

import Net
import Synchronization

/// Routes, policy, ports and neighbours as workers see them. A value of pointers: copying costs nothing, and the
/// `RoutingWriter` it came from must outlive it.
public struct Routing: Sendable {
    public let ports: PortTable
    public let neighbors: NeighborTable
    let tables: RouteTables
    let memory: RouteMemory
    let state: Slab<RoutingState>

    /// Whether the policy rules are others than the three that every namespace begins with.
    @inline(__always)
    var hasCustomRules: Bool { state[0].rules.load() != nil }

    /// Grows with each change that can alter a decision. What was decided under a lower number is decided anew.
    @inline(__always)
    public var generation: UInt64 { state[0].generation.load(ordering: .acquiring) }
}

/// The single words that readers share.
struct RoutingState: ~Copyable {
    let generation: Atomic<UInt64>
    /// The rules, once they are not the initial three any more.
    let rules: AtomicSlab<CompiledPolicyRule>
    /// Our numbers of tables local, main and default for the time before that.
    let localTable: Atomic<UInt32>
    let mainTable: Atomic<UInt32>
    let defaultTable: Atomic<UInt32>
    /// Someone other than the kernel put a route into table local.
    let hasCustomLocalRoutes: Atomic<Bool>
    /// Some route or rule names a realm.
    let hasRealms: Atomic<Bool>
}

/// What a search of the tables found.
struct FoundRoute {
    enum Code: UInt8 {
        case found
        /// Nothing here, go on with the next table (EAGAIN).
        case again
        case blackhole, unreachable, prohibit, noRoute
    }
    var code: Code
    /// The route, its first usable hop, and the length of its prefix.
    var entry: UInt32 = 0
    var hop: UInt32 = 0
    var length: UInt32 = 0
    /// What the policy rule that led here says of realms.
    var realm: UInt32 = 0
}

/// Bits of the tos octet that routing looks at (IPTOS_RT_MASK).
let routingTosMask: UInt8 = 0x1C

extension Routing {
    /// Searches rules and tables (fib_lookup).
    @inline(__always)
    func find(_ query: RouteQuery) -> FoundRoute {
        let tos = query.tos & routingTosMask
        guard let rules = state[0].rules.load() else { return findByInitialRules(query, tos: tos) }
        return findByRules(rules, query, tos: tos)
    }

    @inline(__always)
    private func findByInitialRules(_ query: RouteQuery, tos: UInt8) -> FoundRoute {
        let local = state[0].localTable.load(ordering: .relaxed)
        let main = state[0].mainTable.load(ordering: .relaxed)
        var result = findIn(local, merged: main, query, tos: tos)
        if result.code == .again {
            result = findIn(state[0].defaultTable.load(ordering: .relaxed), merged: 0, query, tos: tos)
        }
        if result.code == .again { result.code = .noRoute }
        return result
    }

    private func findByRules(_ rules: Slab<CompiledPolicyRule>, _ query: RouteQuery, tos: UInt8) -> FoundRoute {
        var place = 0
        while place < rules.count {
            let rule = rules[place]
            if rule.action == CompiledPolicyRule.Action.end { break }
            place &+= 1
            guard rule.matches(query, tos: tos) else { continue }
            switch rule.action {
            case CompiledPolicyRule.Action.lookup:
                var result = findIn(rule.target, merged: 0, query, tos: tos)
                if result.code == .again { continue }
                if result.code == .found, Int(result.length) <= Int(rule.suppressPrefixLength) { continue }
                result.realm = rule.realm
                return result
            case CompiledPolicyRule.Action.goto: place = Int(rule.target)
            case CompiledPolicyRule.Action.blackhole: return FoundRoute(code: .blackhole)
            case CompiledPolicyRule.Action.unreachable: return FoundRoute(code: .noRoute)
            case CompiledPolicyRule.Action.prohibit: return FoundRoute(code: .prohibit)
            default: continue
            }
        }
        return FoundRoute(code: .noRoute)
    }

    /// Searches one table, or two as if they were one, the first having precedence at equal prefix length.
    @inline(__always)
    func findIn(_ table: UInt32, merged second: UInt32, _ query: RouteQuery, tos: UInt8) -> FoundRoute {
        let address = query.destination.rawValue
        var a = tables.longest(table, address)
        var b = second == 0 ? .none : tables.longest(second, address)
        while a.route != 0 || b.route != 0 {
            let takesFirst = a.route != 0 && (b.route == 0 || a.length >= b.length)
            let result = tryRoutes(of: takesFirst ? a : b, query, tos: tos)
            if let result { return result }
            if takesFirst {
                a = tables.shorter(table, address, than: a)
            } else {
                b = tables.shorter(second, address, than: b)
            }
        }
        return FoundRoute(code: .again)
    }

    /// Tries the routes of one prefix in order; nil if none of them serves.
    @inline(__always)
    private func tryRoutes(of prefix: CoveringPrefix, _ query: RouteQuery, tos: UInt8) -> FoundRoute? {
        var entry = prefix.route
        while entry != 0 {
            let route = memory.entries[entry]
            if route.tos == 0 || route.tos == tos {
                switch route.kind {
                case RouteKind.blackhole.rawValue: return FoundRoute(code: .blackhole)
                case RouteKind.unreachable.rawValue: return FoundRoute(code: .unreachable)
                case RouteKind.prohibit.rawValue: return FoundRoute(code: .prohibit)
                case RouteKind.throw.rawValue: return FoundRoute(code: .again)
                default: break
                }
                var hop = route.firstHop
                while hop != 0 {
                    let state = memory.hops[hop].load()
                    if state.isAlive, query.egress == .none || query.egress == state.port {
                        return FoundRoute(code: .found, entry: entry, hop: hop, length: prefix.length)
                    }
                    hop = memory.hops[hop].next
                }
            }
            entry = route.next
        }
        return nil
    }
}

extension Routing {
    /// Decides where a packet goes, without judging its source: for packets of the host and of the router itself
    /// (ip_route_output_key), and for packets from a port where `receive` is too much.
    public func lookup(_ query: RouteQuery) -> RouteResult {
        let isOutput = query.ingress == .host
        if isOutput, query.egress != .none, !ports.isUp(query.egress) { return RouteResult(.noRoute) }
        if query.destination.isMulticast || query.destination.isLimitedBroadcast {
            let kind: RouteResult.Kind = query.destination.isMulticast ? .multicast : .broadcast
            guard isOutput else { return RouteResult(kind) }
            // Sent on the link that the socket named, else where the tables say.
            if query.egress != .none { return onLink(kind, query) }
        }
        let found = find(query)
        switch found.code {
        case .found: return resolve(found, query)
        case .blackhole: return failure(.blackhole, query)
        case .unreachable: return failure(.unreachable, query)
        case .prohibit: return failure(.prohibit, query)
        case .again, .noRoute: return failure(.noRoute, query)
        }
    }

    /// Without a route, or with one that refuses, a packet bound to an interface is taken to be for a neighbour on it
    /// (ip_route_output_key_hash_rcu: "Apparently, routing tables are wrong").
    private func failure(_ kind: RouteResult.Kind, _ query: RouteQuery) -> RouteResult {
        query.ingress == .host && query.egress != .none ? onLink(.unicast, query) : RouteResult(kind)
    }

    private func onLink(_ kind: RouteResult.Kind, _ query: RouteQuery) -> RouteResult {
        var result = RouteResult(kind)
        result.egress = query.egress
        result.nextHop = query.destination
        result.mtu = ports.mtu(query.egress)
        result.scope = 253
        if kind == .unicast { result.neighbor = neighbors.find(query.egress, query.destination) }
        return result
    }

    @inline(__always)
    private func resolve(_ found: FoundRoute, _ query: RouteQuery) -> RouteResult {
        let route = memory.entries[found.entry]
        var result = RouteResult(.unicast)
        result.prefixLength = UInt8(truncatingIfNeeded: found.length)
        result.scope = route.scope
        result.preferredSource = IPv4Address(rawValue: route.preferredSource)
        let isOutput = query.ingress == .host
        if isOutput { result.realm = found.realm }
        switch route.kind {
        case RouteKind.local.rawValue:
            result.kind = .local
            if isOutput { result.realm = combinedRealms(memory.hops[found.hop].realm, found.realm) }
            result.nextHop = query.destination
            return result
        case RouteKind.broadcast.rawValue:
            result.kind = .broadcast
            if !isOutput { return result }
        case RouteKind.unicast.rawValue: break
        default:
            // Routes of kind anycast and multicast exist for output alone.
            if !isOutput { return RouteResult(.martianDestination) }
        }
        if query.destination.isMulticast { result.kind = .multicast }
        if query.destination.isLimitedBroadcast { result.kind = .broadcast }

        var hop = found.hop
        if route.hopCount > 1, query.egress == .none {
            hop = memory.select(found.entry, first: hop, hash: query.flowHash)
        }
        let port = memory.hops[hop].load().port
        let gateway = memory.hops[hop].gateway
        guard port != .none else {
            result.kind = .egressNotAPort
            return result
        }
        result.egress = port
        result.isGateway = gateway != 0
        result.nextHop = gateway != 0 ? IPv4Address(rawValue: gateway) : query.destination
        result.mtu = route.mtu != 0 ? route.mtu : ports.mtu(port)
        if result.kind == .unicast {
            result.neighbor = neighbors.find(port, result.nextHop)
            result.realm = combinedRealms(memory.hops[hop].realm, found.realm)
        }
        return result
    }

    /// The source address for packets of our own by this route (fib_result_prefsrc): what the route names, else the
    /// address of the egress port that suits the next hop. 0.0.0.0 if there is none.
    public func preferredSource(of result: RouteResult) -> IPv4Address {
        if !result.preferredSource.isUnspecified { return result.preferredSource }
        return ports.selectSource(
            result.egress, toward: result.isGateway ? result.nextHop : .any, scope: result.scope)
    }
}
