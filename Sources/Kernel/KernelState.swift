import Net

/// What the kernel of one network namespace knows of IPv4, as plain values.
///
/// Order carries meaning in three places, and changes keep it: equal routes (one `RouteKey`), policy rules of one
/// priority, and addresses of one link stand in the order in which the kernel tries them.
public struct KernelState: Sendable, Equatable {
    public var links: [LinkIndex: Link] = [:]
    /// In the kernel's order: of a link's addresses, the first that is not secondary is its source address.
    public var addresses: [LinkAddress] = []
    /// The routes of all tables. Lists hold one route, but for those added with `ip route append` or `prepend`.
    public var routes: [RouteKey: [Route]] = [:]
    /// By priority, and in the kernel's order where priorities are equal.
    public var policy: [PolicyRule] = []
    public var neighbors: [NeighborKey: Neighbor] = [:]

    public init() {}

    /// Carries out one change, as whoever follows the mirror has to: a route, a policy rule and an address take their
    /// place *behind* the equal ones that are there (same `RouteKey`, same priority, same link). What is already
    /// there, or already gone, is left alone.
    public mutating func apply(_ change: KernelChange) {
        switch change {
        case .link(let link): links[link.index] = link
        case .linkRemoved(let index): links[index] = nil
        case .address(let address): addresses.append(address)
        case .addressRemoved(let address):
            if let index = addresses.firstIndex(of: address) { addresses.remove(at: index) }
        case .route(let route): routes[RouteKey(route), default: []].append(route)
        case .routeRemoved(let route):
            let key = RouteKey(route)
            guard let index = routes[key]?.firstIndex(of: route) else { return }
            routes[key]?.remove(at: index)
            if routes[key]?.isEmpty == true { routes[key] = nil }
        case .policy(let rule):
            let index = policy.lastIndex { $0.priority <= rule.priority }.map { $0 + 1 } ?? 0
            policy.insert(rule, at: index)
        case .policyRemoved(let rule):
            if let index = policy.firstIndex(of: rule) { policy.remove(at: index) }
        case .neighbor(let neighbor):
            neighbors[NeighborKey(link: neighbor.link, address: neighbor.address)] = neighbor
        case .neighborRemoved(let link, let address):
            neighbors[NeighborKey(link: link, address: address)] = nil
        }
    }

    public mutating func apply(_ changes: some Sequence<KernelChange>) {
        for change in changes { apply(change) }
    }
}
