import Net

/// What routing said last of a pair of addresses, so that a flow's packets do not ask again: one worker's own, and good only under the
/// generation that it was found in.
///
/// It serves while routing has only the three rules that every namespace begins with. Then a decision hangs on addresses, tos, ingress and, for
/// source checks, the mark; other rules may ask for ports, and everything is looked up.
struct RouteCache: ~Copyable {
    private struct Entry {
        var addresses: UInt64 = 0
        /// Mark, tos, ingress.
        var rest: UInt64 = .max
        var result = RouteResult(.noRoute)
    }

    private static let size = 1024

    private let entries = Slab<Entry>(count: RouteCache.size)
    private var generation: UInt64 = .max

    deinit { entries.deallocate() }

    /// `Routing.receive`, from memory if it was asked before.
    @inline(__always)
    mutating func receive(_ query: RouteQuery, _ routing: Routing) -> RouteResult {
        let current = routing.generation
        // A packet without a source is judged by its protocol too.
        guard !routing.hasCustomRules, !query.source.isUnspecified else { return routing.receive(query) }
        if generation != current { forget(current) }
        let addresses = UInt64(query.source.rawValue) << 32 | UInt64(query.destination.rawValue)
        let rest = UInt64(query.mark) << 32 | UInt64(query.tos) << 8 | UInt64(query.ingress.rawValue)
        let place = Int(truncatingIfNeeded: foldedProduct(addresses ^ rest) & UInt64(Self.size - 1))
        if entries[place].addresses == addresses, entries[place].rest == rest { return entries[place].result }
        let result = routing.receive(query)
        entries[place].addresses = addresses
        entries[place].rest = rest
        entries[place].result = result
        return result
    }

    @inline(never)
    private mutating func forget(_ current: UInt64) {
        for place in 0..<Self.size { entries[place].rest = .max }
        generation = current
    }
}
