/// Targets that change state which rules share.
public enum MemoryTarget: Sendable, Equatable {
}

extension Worker {
    mutating func apply(_ target: MemoryTarget, _ packet: Packet, _ hook: Hook) -> TargetOutcome {
        switch target {
        }
    }
}
