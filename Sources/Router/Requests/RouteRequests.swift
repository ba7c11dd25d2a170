import Control
import Dataplane
import Net
import PacketIO
import Synchronization

extension RequestHandler {
    /// Every route, in order. The routes are copied first and told of afterwards: there may be a million.
    func listRoutes(row: (RouteRow) throws -> Void) throws {
        var list = RouteList()
        var names: [LinkIndex: String] = [:]
        core.lock.withLock { _ in
            list = core.writer.routeList
            names = core.linkNames
        }
        let portLinks = Set(ports.map(\.link))
        try list.forEachInOrder { route in
            try row(
                RouteRow(
                    table: Self.tableName(route.table), prefix: route.prefix, kind: "\(route.kind)",
                    metric: route.metric, preferredSource: route.preferredSource,
                    hops: route.hops.map { hop in
                        RouteHopRow(
                            link: Self.linkName(hop.link, names), gateway: hop.gateway, weight: hop.weight,
                            isDead: hop.isDead, isPort: portLinks.contains(hop.link))
                    }))
        }
    }

    func neighborRows() -> [NeighborRow] {
        var neighbors: [Neighbor] = []
        var names: [LinkIndex: String] = [:]
        core.lock.withLock { _ in
            neighbors = core.writer.neighbors
            names = core.linkNames
        }
        return neighbors.sorted { ($0.link, $0.address) < ($1.link, $1.address) }.map { neighbor in
            NeighborRow(
                address: neighbor.address, mac: neighbor.mac, link: Self.linkName(neighbor.link, names),
                state: "\(neighbor.state)")
        }
    }

    /// As `ip route show table` names tables.
    private static func tableName(_ table: UInt32) -> String {
        switch table {
        case Route.defaultTable: "default"
        case Route.mainTable: "main"
        case Route.localTable: "local"
        default: String(table)
        }
    }

    /// A link that has just gone is told of by its number, as `ip` does.
    private static func linkName(_ link: LinkIndex, _ names: [LinkIndex: String]) -> String {
        names[link] ?? "if\(link.rawValue)"
    }
}
