import Net
import Synchronization

/// One route of a prefix as readers see it (the kernel's fib_alias and fib_info in one). Written before it is published,
/// never changed while readers may hold it.
struct RouteEntry {
    /// The prefix's next route, in the kernel's order: tos descending, then metric ascending. 0 ends the chain.
    var next: UInt32
    /// First of the hops; 0 if there are none.
    var firstHop: UInt32
    /// 0 if the route names none.
    var preferredSource: UInt32
    /// Bytes, or 0 for the egress link's.
    var mtu: UInt32
    var hopCount: UInt16
    /// `RouteKind`.
    var kind: UInt8
    /// Matches packets of this tos alone, unless 0.
    var tos: UInt8
    var scope: UInt8
}

/// One hop of a route. Gateway and order are fixed; what links and ports do to it changes in place.
struct NextHop: ~Copyable {
    /// 0 if the destination is on the link.
    var gateway: UInt32
    /// The route's next hop, or 0.
    var next: UInt32
    /// RTA_FLOW.
    var realm: UInt32
    private let state: Atomic<UInt32>
    /// The hop takes flow hashes (31 bits) up to this one that its predecessors left; -1 if it is dead
    /// (fib_nh_upper_bound in net/ipv4/fib_semantics.c).
    let upperBound: Atomic<Int32>

    /// Where a hop leads and whether it may be chosen, in one word.
    struct State: Equatable {
        /// The port, `.none` if the link is no port of ours.
        var port: PortIndex
        var isAlive: Bool
    }

    @inline(__always)
    func load() -> State {
        let word = state.load(ordering: .relaxed)
        return State(port: PortIndex(rawValue: UInt8(truncatingIfNeeded: word)), isAlive: word & 256 != 0)
    }

    func store(_ new: State) {
        state.store(UInt32(new.port.rawValue) | (new.isAlive ? 256 : 0), ordering: .relaxed)
    }
}

/// Routes and hops of all tables, by index.
struct RouteMemory: Sendable {
    static let limit = 1 << 25
    let entries = SegmentedSlab<RouteEntry>(capacity: RouteMemory.limit, segment: 1 << 12)
    let hops = SegmentedSlab<NextHop>(capacity: RouteMemory.limit, segment: 1 << 12)

    /// The hop for a flow among a route's several: hash-threshold (RFC 2992) over the hops' upper bounds, which the
    /// weights of living hops set (fib_select_multipath). While a writer moves the bounds, no hop may claim a hash; the
    /// hop found first then serves, as in the kernel.
    @inline(__always)
    func select(_ entry: UInt32, first: UInt32, hash: UInt32) -> UInt32 {
        // The kernel's hash has 31 bits.
        let hash = Int32(bitPattern: hash >> 1)
        var hop = entries[entry].firstHop
        while hop != 0 {
            if hash <= hops[hop].upperBound.load(ordering: .relaxed) { return hop }
            hop = hops[hop].next
        }
        return first
    }

    func deallocate() {
        entries.deallocate()
        hops.deallocate()
    }
}

/// Upper bounds of a route's hops by weight (fib_rebalance): each living hop's share of 2³¹, cumulated; -1 for dead ones.
func multipathBounds(_ hops: [(weight: Int, isAlive: Bool)]) -> [Int32] {
    let total = hops.reduce(0) { $0 + ($1.isAlive ? $1.weight : 0) }
    var sum = 0
    return hops.map { hop in
        guard hop.isAlive, total > 0 else { return -1 }
        sum += hop.weight
        // Rounded to the closest, as DIV_ROUND_CLOSEST_ULL does; at most 2³¹ - 1 because sum ≤ total.
        return Int32((sum << 31 + total / 2) / total - 1)
    }
}
