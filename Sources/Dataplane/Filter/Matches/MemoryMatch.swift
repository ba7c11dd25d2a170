/// Matches whose answer depends on packets seen before. What they remember is shared by all workers and exact: see `State/`.
public enum MemoryMatch: Sendable {
    /// `connlimit`, by the number of its list: more live flows than the limit, or not.
    case connections(list: UInt32, limit: UInt32, mask: UInt32, isAbove: Bool, byDestination: Bool)
}

extension Worker {
    mutating func matches(
        _ match: MemoryMatch, _ packet: Packet, _ hook: Hook, _ spoilt: inout DropReason?
    ) -> Bool {
        switch match {
        case .connections(let list, let limit, let mask, let isAbove, let byDestination):
            guard
                let count = countConnections(packet, list, mask: mask, byDestination: byDestination, &spoilt)
            else { return false }
            return (count > limit) == isAbove
        }
    }
}
