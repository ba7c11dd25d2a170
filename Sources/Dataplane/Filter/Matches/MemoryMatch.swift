/// Matches whose answer depends on packets seen before. What they remember is shared by all workers and exact: see `State/`.
public enum MemoryMatch: Sendable {
}

extension Worker {
    mutating func matches(
        _ match: MemoryMatch, _ packet: Packet, _ hook: Hook, _ spoilt: inout DropReason?
    ) -> Bool {
        switch match {
        }
    }
}
