import Net

/// All routes as they were at one moment. Prefixes that share their routes share them here too, so that the copy of a full
/// Internet table takes a moment and sixteen bytes a prefix.
public struct RouteList: Sendable {
    struct Place {
        var table: UInt32
        var network: UInt32
        var length: UInt32
        /// Leads to the prefix's routes in `chains`.
        var head: UInt32
    }

    var places: [Place] = []
    var chains: [UInt32: [RouteAlias]] = [:]

    /// No routes.
    public init() {}

    /// How many prefixes there are.
    public var prefixCount: Int { places.count }

    /// Visits every route: by table, address and prefix length, and those of one prefix in the kernel's order.
    public func forEachInOrder(_ body: (Route) throws -> Void) rethrows {
        let ordered = places.sorted { ($0.table, $0.network, $0.length) < ($1.table, $1.network, $1.length) }
        for place in ordered {
            let prefix = IPv4Prefix(IPv4Address(rawValue: place.network), UInt8(truncatingIfNeeded: place.length))
            for alias in chains[place.head] ?? [] { try body(alias.route(table: place.table, prefix: prefix)) }
        }
    }
}
