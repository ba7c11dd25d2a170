import CXDP
import Control
import Dataplane
import Glibc
import Net
import Synchronization

/// What a listing needs to know beside the flows themselves.
struct FlowSurroundings {
    var tracking: TrackingSettings
    var policies: TimeoutPolicyNumbers
    var helperNames: HelperNames
    /// What to add to the monotonic clock to get nanoseconds since 1970.
    var clockOffset: UInt64
    /// Bits of a flow's id that are its place in the table.
    var placeBits: Int

    /// Called with the core's lock held.
    init(_ core: RouterCore) {
        tracking = core.tracking
        policies = core.policies
        helperNames = core.helperNames
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        clockOffset = UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec) &- MonotonicClock.now().nanoseconds
        placeBits = Int.bitWidth - (core.shared.flows.maximum + 8192).leadingZeroBitCount
    }

    /// All that there is to say of a flow.
    ///
    /// - Parameter hasEnded: the moment is that of its end.
    func row(_ record: FlowTable.Record, at now: Instant, hasEnded: Bool = false) -> FlowRow {
        var row = FlowRow(record, at: now, tracking, helperNames: helperNames)
        row.id = record.index | record.incarnation << UInt32(placeBits)
        row.status = record.status.words
        row.isAccounted = record.status.contains(.accounted)
        row.policy = record.policy == 0 ? nil : policies.name(of: record.policy)
        if record.beginning != 0 {
            let moment = now.nanoseconds &+ clockOffset
            row.start = record.beginning
            if hasEnded { row.stop = moment }
            // Whole seconds against whole seconds, as ct_show_delta_time has it.
            let second: UInt64 = 1_000_000_000
            row.age = moment / second - min(record.beginning / second, moment / second)
        }
        return row
    }
}

extension Flow.Status {
    /// Netfilter's bits by the names of enum ip_conntrack_status, without IPS_.
    fileprivate var words: [String] {
        let names: KeyValuePairs<UInt32, String> = [
            0: "EXPECTED", 1: "SEEN_REPLY", 2: "ASSURED", 3: "CONFIRMED", 4: "SRC_NAT", 5: "DST_NAT", 6: "SEQ_ADJUST",
            7: "SRC_NAT_DONE", 8: "DST_NAT_DONE", 9: "DYING", 10: "FIXED_TIMEOUT", 11: "TEMPLATE", 13: "HELPER",
        ]
        return names.filter { rawValue & 1 << $0.key != 0 }.map(\.value)
    }
}

extension RequestHandler {
    /// Streams what happens to flows until the client goes.
    func streamEvents(_ request: FlowEventsRequest, reply: (Reply) throws -> Void) throws {
        let rings = core.lock.withLock { _ in core.reports.map(\.flowEvents) }
        try stream(core.eventHub, rings, reply: reply) { event, surroundings in
            guard let row = FlowEventRow(event, surroundings), request.kinds.isEmpty || request.kinds.contains(row.kind),
                request.filter.matches(row.flow)
            else { return nil }
            return .flowEvent(row)
        }
    }

    /// Streams what helpers announce and what becomes of it, until the client goes.
    func streamExpectationEvents(_ kinds: [FlowEventRow.Kind], reply: (Reply) throws -> Void) throws {
        try stream(core.expectationHub, [core.shared.flows.expectations.events], reply: reply) { event, surroundings in
            let row = ExpectationEventRow(event, surroundings)
            return kinds.isEmpty || kinds.contains(row.kind) ? .expectationEvent(row) : nil
        }
    }

    private func stream<Ring: EventRing>(
        _ hub: EventHub<Ring>, _ rings: [Ring], reply: (Reply) throws -> Void,
        line: (Ring.Event, FlowSurroundings) -> Reply?
    ) throws {
        let reader = hub.subscribe(rings)
        defer { hub.unsubscribe(reader) }
        try reply(.flowEventNote(FlowEventNote(lost: 0)))
        var told: UInt64 = 0
        var silence = 0
        while true {
            let (events, lost) = hub.take(reader, rings)
            // Names and clocks may change while somebody listens.
            let surroundings = core.lock.withLock { _ in FlowSurroundings(core) }
            for event in events {
                if let one = line(event, surroundings) { try reply(one) }
            }
            if lost != told {
                told = lost
                try reply(.flowEventNote(FlowEventNote(lost: lost)))
            }
            silence = events.isEmpty ? silence + 1 : 0
            if silence > 0 { usleep(10_000) }
            // Only who writes learns that the reader has gone.
            if silence > 0, silence % 100 == 0 { try reply(.flowEventNote(FlowEventNote(lost: told))) }
        }
    }
}

extension ExpectationEventRow {
    init(_ event: ExpectationEvent, _ surroundings: FlowSurroundings) {
        self.init(
            kind: event.kind == .began ? .new : .destroy, time: (event.time.nanoseconds &+ surroundings.clockOffset) / 1000,
            expectation: ExpectationRow(event.expectation, at: event.time, surroundings.helperNames))
    }
}

extension FlowEventRow {
    /// nil for events that no listener of the kernel's is told of.
    init?(_ event: FlowEvent, _ surroundings: FlowSurroundings) {
        let names: KeyValuePairs<FlowEvents, String> = [
            .new: "new", .related: "related", .destroy: "destroy", .reply: "reply", .assured: "assured",
            .protocolState: "protoinfo", .helper: "helper", .mark: "mark", .sequenceAdjustment: "seqadj", .label: "label",
            .synproxy: "synproxy",
        ]
        let changes = names.filter { event.events.contains($0.key) }.map(\.value)
        guard !changes.isEmpty else { return nil }
        let kind: Kind =
            event.events.contains(.destroy) ? .destroy : event.events.isDisjoint(with: [.new, .related]) ? .update : .new
        var flow = surroundings.row(event.flow, at: event.time, hasEnded: kind == .destroy)
        // ctnetlink_dump_timeout leaves it out of what has run down.
        if kind == .destroy, flow.timeout == 0 { flow.timeout = nil }
        self.init(
            kind: kind, time: (event.time.nanoseconds &+ surroundings.clockOffset) / 1000, changes: changes, flow: flow)
    }
}
