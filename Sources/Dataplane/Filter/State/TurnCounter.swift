import Synchronization

/// Whose turn it is: what `-m statistic --mode nth` remembers of a rule, exact over all workers (statistic_mt in
/// net/netfilter/xt_statistic.c).
public final class TurnState: RuleState {
    private let count = Slab<Atomic<UInt32>>(count: 1)

    /// - Parameters:
    ///   - every: at least 1.
    ///   - after: packets before the first that has its turn; less than `every`.
    public init(every: UInt32, after: UInt32) {
        count[0].store(every - 1 - after, ordering: .relaxed)
    }

    deinit { count.deallocate() }

    /// For the compiled rules.
    public var counter: TurnCounter { TurnCounter(count: count) }
}

/// What the packet path sees of a `TurnState`.
@safe public struct TurnCounter: Sendable {
    let count: Slab<Atomic<UInt32>>

    /// Counts a packet, and says whether it is the one of `last + 1` that has its turn.
    func take(last: UInt32) -> Bool {
        while true {
            let old = count[0].load(ordering: .relaxed)
            let new = old == last ? 0 : old &+ 1
            if count[0].compareExchange(expected: old, desired: new, ordering: .relaxed).exchanged { return new == 0 }
        }
    }
}
