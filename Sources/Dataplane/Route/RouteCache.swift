import Net

/// What routing said last of a pair of addresses, so that a flow's packets do not ask again: one worker's own, and good only under the
/// generation that it was found in.
///
/// It serves while routing has only the three rules that every namespace begins with. Then a decision hangs on addresses, tos, ingress and, for
/// source checks, the mark; other rules may ask for ports, and everything is looked up.
struct RouteCache: ~Copyable {
    /// What a decision hangs on.
    struct Key {
        let addresses: UInt64
        /// Mark, tos, ingress.
        let rest: UInt64

        @inline(__always)
        init(_ query: RouteQuery) {
            addresses = UInt64(query.source.rawValue) << 32 | UInt64(query.destination.rawValue)
            rest = UInt64(query.mark) << 32 | UInt64(query.tos) << 8 | UInt64(query.ingress.rawValue)
        }

        @inline(__always)
        var place: Int {
            Int(truncatingIfNeeded: foldedProduct(addresses ^ rest) & UInt64(RouteCache.size - 1))
        }
    }

    private struct Entry {
        var addresses: UInt64 = 0
        var rest: UInt64 = .max
        var result = RouteResult(.noRoute)
    }

    fileprivate static let size = 1024

    private let entries = Slab<Entry>(count: RouteCache.size)
    private var generation: UInt64 = .max

    deinit { entries.deallocate() }

    /// What was said last, if it still holds.
    @inline(__always)
    mutating func find(_ key: Key, generation current: UInt64) -> RouteResult? {
        if generation != current { forget(current) }
        let place = key.place
        guard entries[place].addresses == key.addresses, entries[place].rest == key.rest else { return nil }
        return entries[place].result
    }

    /// Keeps what was said under the generation that `find` was told.
    mutating func keep(_ result: RouteResult, _ key: Key) {
        let place = key.place
        entries[place].addresses = key.addresses
        entries[place].rest = key.rest
        entries[place].result = result
    }

    @inline(never)
    private mutating func forget(_ current: UInt64) {
        for place in 0..<Self.size { entries[place].rest = .max }
        generation = current
    }
}

extension Worker {
    /// `Routing.receive`, from memory if it was asked before.
    @inline(__always)
    mutating func findWay(_ query: RouteQuery) -> RouteResult {
        // A packet without a source is judged by its protocol too.
        guard !routing.hasCustomRules, !query.source.isUnspecified else { return askWay(query) }
        let key = RouteCache.Key(query)
        if let way = routeCache.find(key, generation: routing.generation) { return way }
        let way = askWay(query)
        routeCache.keep(way, key)
        return way
    }

    @inline(never)
    private func askWay(_ query: RouteQuery) -> RouteResult { routing.receive(query) }
}
