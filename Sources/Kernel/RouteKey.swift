import Net

/// What makes two routes the same entry for the kernel (`fib_table_insert`): equal ones form a list, and the first
/// that can be used wins.
public struct RouteKey: Hashable, Sendable {
    public var table: UInt32
    public var metric: UInt32
    public var prefix: IPv4Prefix
    public var tos: UInt8

    public init(_ route: Route) {
        table = route.table
        metric = route.metric
        prefix = route.prefix
        tos = route.tos
    }
}

/// What names a neighbour.
public struct NeighborKey: Hashable, Sendable {
    public var link: LinkIndex
    public var address: IPv4Address

    public init(link: LinkIndex, address: IPv4Address) {
        self.link = link
        self.address = address
    }
}
