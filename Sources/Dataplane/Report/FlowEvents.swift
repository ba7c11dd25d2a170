import Net
import Synchronization

/// What may happen to a flow that somebody wants to hear of (enum ip_conntrack_events in
/// uapi/linux/netfilter/nf_conntrack_common.h, IPCT_…, with its numbers).
public struct FlowEvents: OptionSet, Sendable, Hashable {
    public var rawValue: UInt16
    @inline(__always)
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    public static let new = FlowEvents(rawValue: 1 << 0)
    /// It was expected.
    public static let related = FlowEvents(rawValue: 1 << 1)
    public static let destroy = FlowEvents(rawValue: 1 << 2)
    /// The first packet of the reply direction.
    public static let reply = FlowEvents(rawValue: 1 << 3)
    public static let assured = FlowEvents(rawValue: 1 << 4)
    /// The protocol's state has changed.
    public static let protocolState = FlowEvents(rawValue: 1 << 5)
    public static let helper = FlowEvents(rawValue: 1 << 6)
    public static let mark = FlowEvents(rawValue: 1 << 7)
    /// The adjustment of sequence numbers has changed.
    public static let sequenceAdjustment = FlowEvents(rawValue: 1 << 8)
    public static let label = FlowEvents(rawValue: 1 << 10)
    /// What SYNPROXY remembers of it has changed.
    public static let synproxy = FlowEvents(rawValue: 1 << 11)
    /// Not a flow's own, but that what it announced has ended. No rule can name it, so it is told of where rules name nothing.
    public static let expectationEnd = FlowEvents(rawValue: 1 << 14)
    /// Not a flow's own, but that it has announced another: stands in masks alone, where the kernel has a word of its own
    /// (`CT --expevents new`).
    public static let expectation = FlowEvents(rawValue: 1 << 15)

    /// What is told of a flow of which no rule says anything.
    public static let all = FlowEvents(rawValue: .max)
}

/// Something that happened at a certain time.
public protocol TimedEvent: Sendable {
    /// When the burst began in which it happened.
    var time: Instant { get }
}

/// Where events wait for the slow side, in their order.
public protocol EventRing: Sendable {
    associatedtype Event: TimedEvent
    /// The oldest event, taken out; for one reader.
    func pop() -> Event?
    /// Events lost so far.
    var lost: UInt64 { get }
}

/// Something that happened to a flow, and the flow as it was then.
public struct FlowEvent: TimedEvent {
    public var events: FlowEvents
    /// When the burst began in which it happened.
    public var time: Instant
    public var flow: FlowTable.Record
}

/// Events on their way from one worker to the slow side. A full ring loses them with a count and delays no packet.
@safe public struct FlowEventRing: EventRing {
    private let ring: OneWayRing<FlowEvent>
    private let losses = Slab<Atomic<UInt64>>(count: 1)

    /// - Parameter capacity: events that it holds, a power of two. Its memory is touched only once somebody listens.
    public init(capacity: Int = 1 << 15) { ring = OneWayRing(capacity: capacity) }

    @inline(never)
    func push(_ event: FlowEvent) {
        if !ring.push(event) { losses[0].store(losses[0].load(ordering: .relaxed) &+ 1, ordering: .relaxed) }
    }

    /// The oldest event, taken out; for one reader.
    public func pop() -> FlowEvent? { ring.pop() }

    /// Events lost so far.
    public var lost: UInt64 { losses[0].load(ordering: .relaxed) }
}

extension Flow {
    /// For a fresh flow: nothing is noted, and of these somebody may hear.
    @inline(__always)
    func allow(_ events: FlowEvents) { eventBits.store(UInt32(events.rawValue) << 16, ordering: .relaxed) }

    /// Whether somebody may hear of any of these.
    @inline(__always)
    func mayTell(_ events: FlowEvents) -> Bool {
        let mask = FlowEvents(rawValue: UInt16(truncatingIfNeeded: eventBits.load(ordering: .relaxed) >> 16))
        return !mask.isDisjoint(with: events)
    }
}

extension FlowTable {
    /// Whether anybody listens; workers look once a burst, and record nothing if not.
    public var isListenedTo: Bool {
        get { listening[0].load(ordering: .relaxed) != 0 }
        nonmutating set { listening[0].store(newValue ? 1 : 0, ordering: .relaxed) }
    }

    /// Puts an event of a flow into a ring, if a rule has not said that nobody is to hear of it.
    func tell(_ events: FlowEvents, of flow: UInt32, at now: Instant, to ring: FlowEventRing) {
        guard flows[flow].mayTell(events) else { return }
        ring.push(FlowEvent(events: events, time: now, flow: record(of: flow, flows[flow].status)))
    }
}

// Changes are noted on the flow as they happen and told of when the packet has passed everything, as nf_ct_deliver_cached_events
// does; those of a packet that is dropped wait for the flow's next one.
extension Worker {
    /// Notes what a packet changes of its flow, if anybody listens.
    @inline(__always)
    func note(_ flow: UInt32, _ event: FlowEvents) {
        guard owner.isListenedTo else { return }
        flows.flows[flow].eventBits.bitwiseOr(UInt32(event.rawValue), ordering: .relaxed)
    }

    /// Tells what is noted of a packet's flow.
    @inline(__always)
    func tellChanges(_ packet: Packet) {
        guard owner.isListenedTo, packet.tracking.hasFlow else { return }
        tellNoted(packet.tracking.flow)
    }

    @inline(never)
    private func tellNoted(_ flow: UInt32) {
        // Only the lower half: the upper one is the mask.
        let noted = flows.flows[flow].eventBits.bitwiseAnd(0xFFFF_0000, ordering: .relaxed).oldValue
        let events = FlowEvents(rawValue: UInt16(truncatingIfNeeded: noted))
        guard !events.isEmpty, !flows.flows[flow].status.contains(.dying) else { return }
        flows.tell(events, of: flow, at: now, to: owner.events)
    }

    /// A packet ends its flow: told of at once, as it is now, and not again by the flow's owner (nf_ct_kill_acct).
    @inline(__always)
    func tellEnd(_ flow: UInt32) {
        guard owner.isListenedTo, flows.flows[flow].status.intersection([.confirmed, .dying]) == .confirmed else { return }
        flows.tell(.destroy, of: flow, at: now, to: owner.events)
        flows.flows[flow].eventBits.bitwiseAnd(~(UInt32(FlowEvents.destroy.rawValue) << 16), ordering: .relaxed)
    }

    /// A flow has begun.
    @inline(never)
    func tellBeginning(_ flow: UInt32) {
        var events: FlowEvents = flows.flows[flow].status.contains(.expected) ? .related : .new
        if flows.flows[flow].helper != 0 { events.insert(.helper) }
        note(flow, events)
        tellNoted(flow)
    }
}
