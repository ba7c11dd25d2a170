/// Matches whose answer depends on packets seen before. What they remember is shared by all workers and exact: see `State/`.
public enum MemoryMatch: Sendable {
    /// `connlimit`, by the number of its list: more live flows than the limit, or not.
    case connections(list: UInt32, limit: UInt32, mask: UInt32, isAbove: Bool, byDestination: Bool)
    /// `-m statistic --mode random`: of 2³¹ packets, this many on the average.
    case chance(UInt32, isNegated: Bool)
    /// `-m statistic --mode nth`: by number of the counter; one packet of `last + 1`.
    case turn(UInt32, last: UInt32, isNegated: Bool)
    /// `-m rateest`, by its number.
    case rate(UInt32)
    case limit(Limit)
    case quota(Quota, isNegated: Bool)
    /// By number in the list of what rules ask of recent lists.
    case recent(UInt32)
    /// By number in the list of what rules ask of hashlimit tables.
    case hashlimit(UInt32)
}

extension Worker {
    mutating func matches(
        _ match: MemoryMatch, _ packet: Packet, _ hook: Hook, _ spoilt: inout DropReason?
    ) -> Bool {
        switch match {
        case .connections(let list, let limit, let mask, let isAbove, let byDestination):
            guard
                let count = countConnections(packet, hook, list, limit: limit, mask: mask, byDestination: byDestination, &spoilt)
            else { return false }
            return (count > limit) == isAbove
        case .chance(let probability, let isNegated):
            return (UInt32(truncatingIfNeeded: random.next()) & 0x7FFF_FFFF < probability) != isNegated
        case .turn(let number, let last, let isNegated):
            return snapshot.rules.around.turns[number].take(last: last) != isNegated
        case .rate(let number): return snapshot.rules.around.rates[number].matches(snapshot.rules.around.meters, at: now)
        case .limit(let limit): return limit.take(now)
        case .quota(let quota, let isNegated): return quota.take(packet.totalLength) != isNegated
        case .recent(let number): return matches(snapshot.rules.recentTests[number], packet, hook)
        case .hashlimit(let number): return matches(snapshot.rules.hashlimitTests[number], packet, &spoilt)
        }
    }
}
