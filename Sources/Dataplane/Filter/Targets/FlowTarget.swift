/// Targets that change what is known of a packet or of its flow, not its bytes.
public enum FlowTarget: Sendable, Equatable {
    /// mark = mark & ~mask ^ value.
    case mark(value: UInt32, mask: UInt32)
    /// NOTRACK, or CT --notrack.
    case noTrack
}

extension Worker {
    @inline(__always)
    mutating func apply(_ target: FlowTarget, _ packet: inout Packet, _ hook: Hook) -> TargetOutcome {
        switch target {
        case .mark(let value, let mask): packet.mark = packet.mark & ~mask ^ value
        case .noTrack: if packet.tracking.state == .none { packet.tracking.state = .untracked }
        }
        return .next
    }
}
