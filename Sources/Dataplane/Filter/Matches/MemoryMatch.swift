/// Matches whose answer depends on packets seen before. What they remember is shared by all workers and exact: see `State/`.
public enum MemoryMatch: Sendable {
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
        case .limit(let limit): return limit.take(now)
        case .quota(let quota, let isNegated): return quota.take(packet.totalLength) != isNegated
        case .recent(let number): return matches(snapshot.rules.recentTests[number], packet, hook)
        case .hashlimit(let number): return matches(snapshot.rules.hashlimitTests[number], packet, &spoilt)
        }
    }
}
