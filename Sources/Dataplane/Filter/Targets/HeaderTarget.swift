/// Targets that change a packet's bytes.
public enum HeaderTarget: Sendable, Equatable {
}

extension Worker {
    mutating func apply(_ target: HeaderTarget, _ packet: inout Packet, _ hook: Hook) -> TargetOutcome {
        switch target {
        }
    }
}
