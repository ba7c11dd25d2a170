/// Targets that tell someone about a packet.
public enum ReportTarget: Sendable, Equatable {
}

extension Worker {
    mutating func apply(_ target: ReportTarget, _ packet: Packet, _ hook: Hook) -> TargetOutcome {
        switch target {
        }
    }
}
