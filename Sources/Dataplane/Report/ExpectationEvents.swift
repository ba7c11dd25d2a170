import Net
import Synchronization

/// A flow has been announced, or what was announced has come, is given up or withdrawn (enum ip_conntrack_expect_events).
public struct ExpectationEvent: Sendable {
    public enum Kind: UInt8, Sendable {
        case began, ended
    }

    public var kind: Kind
    /// When the burst began in which it happened.
    public var time: Instant
    public var expectation: ExpectationTable.Record
}

/// Events of expectations on their way to the slow side; written by whoever holds the lock of the expectations. A full ring loses them
/// with a count.
@safe public struct ExpectationEventRing: EventRing {
    private let ring = OneWayRing<ExpectationEvent>(capacity: 1 << 12)
    private let losses = Slab<Atomic<UInt64>>(count: 1)

    @inline(never)
    func push(_ event: ExpectationEvent) {
        if !ring.push(event) { losses[0].store(losses[0].load(ordering: .relaxed) &+ 1, ordering: .relaxed) }
    }

    /// The oldest event, taken out; for one reader.
    public func pop() -> ExpectationEvent? { ring.pop() }

    /// Events lost so far.
    public var lost: UInt64 { losses[0].load(ordering: .relaxed) }
}

extension ExpectationEvent: TimedEvent {}
