import Control
import Dataplane
import Net
import Synchronization

extension RequestHandler {
    /// The flows that a filter means, in no order. They are copied first and told of afterwards.
    func listFlows(_ filter: FlowFilter, row: (FlowRow) throws -> Void) throws {
        let now = MonotonicClock.now()
        let (records, surroundings) = core.lock.withLock { _ in
            var records: [FlowTable.Record] = []
            core.forEachFlow { if $0.expires > now, !$0.status.contains(.answersOnly) { records.append($0) } }
            return (records, FlowSurroundings(core))
        }
        for record in records {
            let flow = surroundings.row(record, at: now)
            if filter.matches(flow) { try row(flow) }
        }
    }

    var flowCount: FlowCount {
        let flows = core.shared.flows
        return FlowCount(
            count: flows.count, max: flows.limit, buckets: flows.bucketCount, expectations: flows.expectations.count,
            maxExpectations: flows.expectations.limit)
    }

    /// - Returns: how many there were.
    func deleteFlows(_ isMeant: (FlowRow) -> Bool) -> Int {
        let now = MonotonicClock.now()
        return core.lock.withLock { _ in
            var count = 0
            let surroundings = FlowSurroundings(core)
            core.forEachFlow { record in
                if isMeant(surroundings.row(record, at: now)), core.shared.flows.kill(record.index) { count += 1 }
            }
            return count
        }
    }
}

extension FlowRow {
    /// What /proc/net/nf_conntrack would say of a flow.
    init(
        _ record: FlowTable.Record, at now: Instant, _ tracking: TrackingSettings, helperNames: HelperNames = HelperNames()
    ) {
        let ipProtocol = record.original.ipProtocol
        self.init(
            protocol: ipProtocol, timeout: UInt32(clamping: record.expires.since(now) / 1_000_000_000),
            state: ipProtocol == .tcp ? record.tcpState.name : ipProtocol == .sctp ? record.sctpState.name : nil,
            original: Control.FlowTuple(record.original, record.originalCounter),
            reply: Control.FlowTuple(record.reply, record.replyCounter),
            isReplySeen: record.status.contains(.seenReply), isAssured: record.status.contains(.assured),
            isOffloaded: false,
            gre: ipProtocol == .gre
                ? GRETimeouts(
                    unreplied: UInt32(clamping: tracking.gre / 1_000_000_000),
                    stream: UInt32(clamping: tracking.greStream / 1_000_000_000)) : nil,
            helper: helperNames.name(of: record.helper), mark: record.mark,
            zone: max(record.original.zone, record.reply.zone),
            zoneSide: record.original.zone == record.reply.zone ? .both : record.reply.zone == 0 ? .original : .reply,
            labels: (0..<128).filter { label in
                (label < 64 ? record.labels.0 : record.labels.1) & 1 << UInt64(label & 63) != 0
            },
            // The table's reference and the reader's own, as in the kernel's list.
            use: 2)
    }
}

extension Control.FlowTuple {
    fileprivate init(_ tuple: Dataplane.FlowTuple, _ counter: Flow.Counter) {
        self.init(
            source: tuple.source, destination: tuple.destination, packets: counter.packets, bytes: counter.bytes)
        switch tuple.ipProtocol {
        case .icmp:
            icmp = ICMPKey(
                type: UInt8(tuple.destinationPort >> 8), code: UInt8(truncatingIfNeeded: tuple.destinationPort),
                id: tuple.sourcePort)
        case .gre:
            gre = GREKey(source: tuple.sourcePort, destination: tuple.destinationPort)
        case .tcp, .udp, .udpLite, .sctp:
            sourcePort = tuple.sourcePort
            destinationPort = tuple.destinationPort
        default: break
        }
    }
}
