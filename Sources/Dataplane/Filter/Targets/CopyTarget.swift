/// Targets that send a packet besides the one that they are about.
public enum CopyTarget: Sendable, Equatable {
}

extension Worker {
    mutating func apply(_ target: CopyTarget, _ packet: inout Packet, _ hook: Hook) -> TargetOutcome {
        switch target {
        }
    }
}
