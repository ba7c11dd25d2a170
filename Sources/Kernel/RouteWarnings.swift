import Net

/// A route that leads out of a link that is no port: what it should carry is dropped (`egress-not-a-port`).
public struct RouteBesidePorts: Hashable, Sendable, CustomStringConvertible {
    public var route: Route
    /// The names of the links that are no ports, sorted.
    public var links: [String]

    public init(route: Route, links: [String]) {
        self.route = route
        self.links = links
    }

    public var description: String {
        let table = route.table == Route.mainTable ? "" : " in table \(route.table)"
        let verb = links.count == 1 ? "which is no port" : "which are no ports"
        return "the route to \(route.prefix)\(table) leads to \(links.joined(separator: ", ")), \(verb)"
    }
}

extension KernelState {
    /// The unicast routes with a hop on a link that is not among `ports`, by table and prefix. Loopback is passed
    /// over: what it carries never was to leave.
    public func routesBesidePorts(_ ports: Set<String>) -> [RouteBesidePorts] {
        let others = links.filter { !ports.contains($0.value.name) && $0.value.name != "lo" }.mapValues(\.name)
        var found: [RouteBesidePorts] = []
        for route in routes.values.joined() where route.kind == .unicast {
            let names = Set(route.hops.compactMap { others[$0.link] })
            if !names.isEmpty { found.append(RouteBesidePorts(route: route, links: names.sorted())) }
        }
        return found.sorted {
            ($0.route.table, $0.route.prefix.address, $0.route.prefix.length, $0.route.metric)
                < ($1.route.table, $1.route.prefix.address, $1.route.prefix.length, $1.route.metric)
        }
    }
}
