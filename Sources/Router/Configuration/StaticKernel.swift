import Net

/// What the rtnetlink mirror would hold if a kernel had been given a `StaticNetwork`.
public struct StaticKernel: Hashable, Sendable {
    public var links: [Link]
    public var addresses: [LinkAddress]
    public var routes: [Route]
    /// By priority, those of the same priority in the order they were given.
    public var policy: [PolicyRule]
    public var neighbors: [Neighbor]
}

extension StaticNetwork {
    /// The number of an interface: `lo` is 1, as in every namespace, and the others follow in order.
    public func linkIndex(of name: String) -> LinkIndex? {
        ports.firstIndex { $0.name == name }.flatMap { Int32(exactly: $0 + 2) }.map(LinkIndex.init(rawValue:))
    }

    /// The state of a kernel with these interfaces up, these addresses, routes, rules and neighbours, and a loopback.
    public func kernel() -> StaticKernel {
        let loopback = LinkIndex(rawValue: 1)
        var kernel = StaticKernel(
            links: [Link(index: loopback, name: "lo", mac: .zero, mtu: 65536, isUp: true, isRunning: true)],
            addresses: [LinkAddress(link: loopback, prefix: "127.0.0.1/8", scope: 254)],
            routes: [], policy: PolicyRule.initial, neighbors: [])
        for port in ports {
            guard let index = linkIndex(of: port.name) else { continue }
            kernel.links.append(
                Link(index: index, name: port.name, mac: port.mac, mtu: port.mtu, isUp: true, isRunning: true,
                    group: port.group))
            var primaries: Set<IPv4Prefix> = []
            for prefix in port.addresses {
                let isSecondary = !primaries.insert(prefix.network).inserted
                kernel.addresses.append(LinkAddress(link: index, prefix: prefix, isSecondary: isSecondary))
            }
        }
        for address in kernel.addresses {
            kernel.routes += Self.routes(of: address, among: kernel.addresses, isLoopback: address.link == loopback)
        }
        kernel.routes += routes.map { route in
            Route(
                table: route.table, prefix: route.to, metric: route.metric, kind: route.kind,
                scope: route.hops.allSatisfy { $0.gateway == nil } && !route.hops.isEmpty ? Self.linkScope : 0,
                origin: 4, preferredSource: route.preferredSource,
                hops: route.hops.map { hop in
                    RouteHop(link: linkIndex(of: hop.port) ?? .none, gateway: hop.gateway, weight: hop.weight, realm: route.realm)
                })
        }
        for rule in policy {
            // The kernel puts a new rule behind those of the same priority (fib_nl_newrule in net/core/fib_rules.c).
            let place = kernel.policy.firstIndex { $0.priority > rule.priority } ?? kernel.policy.endIndex
            kernel.policy.insert(rule, at: place)
        }
        kernel.neighbors = neighbors.map { neighbor in
            Neighbor(
                link: linkIndex(of: neighbor.port) ?? .none, address: neighbor.address, mac: neighbor.mac,
                state: .permanent)
        }
        return kernel
    }

    private static let linkScope: UInt8 = 253
    private static let hostScope: UInt8 = 254
    /// RTPROT_KERNEL.
    private static let kernelOrigin: UInt8 = 2

    /// The routes the kernel makes for an address of an interface that is up (fib_add_ifaddr in
    /// net/ipv4/fib_frontend.c).
    private static func routes(of address: LinkAddress, among all: [LinkAddress], isLoopback: Bool) -> [Route] {
        let prefix = address.prefix
        let network = prefix.network
        // A secondary address is reached like the primary of its subnet, whose address then is the preferred source.
        let primary =
            all.first { $0.link == address.link && $0.prefix.network == network && !$0.isSecondary } ?? address
        func route(_ kind: RouteKind, _ prefix: IPv4Prefix) -> Route {
            Route(
                table: kind == .unicast ? Route.mainTable : Route.localTable, prefix: prefix, kind: kind,
                scope: kind == .local ? hostScope : linkScope, origin: kernelOrigin,
                preferredSource: primary.prefix.address, hops: [RouteHop(link: address.link)])
        }
        var routes = [route(.local, IPv4Prefix(prefix.address, 32))]
        guard !network.address.isZeroNetwork, !address.isSecondary, prefix.length < 32 else { return routes }
        routes.append(route(isLoopback ? .local : .unicast, network))
        // RFC 3021: a /31 has no broadcast address.
        if prefix.length < 31 { routes.append(route(.broadcast, IPv4Prefix(network.last, 32))) }
        return routes
    }
}
