/// Targets that change state which rules share.
public enum MemoryTarget: Sendable, Equatable {
    /// RATEEST: counts the packet for the estimate with this number.
    case meter(UInt32)
}

extension Worker {
    mutating func apply(_ target: MemoryTarget, _ packet: Packet) -> TargetOutcome {
        switch target {
        case .meter(let number):
            snapshot.rules.around.meters[number].add(bytes: packet.totalLength, at: now)
            return .next
        }
    }
}
