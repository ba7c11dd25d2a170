import Net
import Synchronization

/// What a `-m connlimit` rule remembers: the flows it has seen, by masked address and zone (net/netfilter/nf_conncount.c). It is
/// shared by all workers.
///
/// A flow counts as long as it lives, but for a TCP connection that is closed. Nobody tells the list of a flow's end; whoever counts
/// looks at each flow in the same bucket and takes the ended ones out. When the places run out, some buckets are swept of them at a
/// time. (The kernel looks no further than the packet's own flow, at ten ended ones at the most, and not twice within a tick of its
/// clock, so that it counts too many for a while; here the count is exact.)
///
/// A bucket's lock guards its list; a flow's lock may be taken under it, and the lock of the free places, never another
/// bucket's.
public final class ConnectionCountState: RuleState {
    public let view: ConnectionCount

    /// - Parameters:
    ///   - capacity: the most flows that are remembered at a time; memory is only touched as it is used.
    ///   - key: random, so that nobody can aim at one bucket.
    public init(capacity: Int = 1 << 18, bucketCount: Int = 1 << 14, key: UInt64 = .random(in: 0...UInt64.max)) {
        view = ConnectionCount(capacity: capacity, bucketCount: bucketCount, key: key)
    }

    deinit { view.deallocate() }
}

/// The flat part of a `ConnectionCountState`.
@safe public struct ConnectionCount: @unchecked Sendable {
    /// One flow in one count.
    struct Node {
        /// Of the next node in the bucket or among the free ones; 0 ends the list.
        var next: UInt32
        var address: UInt32
        var flow: UInt32
        var incarnation: UInt32
        var zone: UInt16
    }

    private struct Bucket: ~Copyable {
        let lock = SpinLock()
        var first: UInt32 = 0
    }

    private struct Places: ~Copyable {
        let lock = SpinLock()
        var free: UInt32 = 0
        /// Places up to this one have been in use.
        var touched: UInt32 = 0
        /// The bucket that is swept next.
        let cursor: Atomic<UInt32>
    }

    private let buckets: Slab<Bucket>
    private let nodes: Slab<Node>
    private let places: Slab<Places>
    private let key: UInt64

    /// Buckets that one packet sweeps at the most when the places have run out.
    private static let sweepLength = 64

    init(capacity: Int, bucketCount: Int, key: UInt64) {
        buckets = Slab(count: bucketCount)
        nodes = Slab(count: capacity + 1)
        places = Slab(count: 1)
        self.key = key
    }

    func deallocate() {
        buckets.deallocate()
        nodes.deallocate()
        places.deallocate()
    }

    /// Who is counted.
    struct Subject {
        /// Masked.
        var address: UInt32
        var zone: UInt16
        /// 0 for a packet of no flow.
        var flow: UInt32
        /// For a packet of no flow: what it would be called by.
        var tuple: FlowTuple
    }

    /// How many live flows the subject's address has, the subject's own among them.
    ///
    /// - Returns: nil if there is no room to remember the flow.
    func count(_ subject: Subject, in table: FlowTable, now: Instant) -> UInt32? {
        let number = bucket(of: subject)
        for attempt in 0..<2 {
            buckets[number].lock.lock()
            let count = visit(number, subject, table, now)
            buckets[number].lock.unlock()
            if let count { return count }
            if attempt == 0 { sweep(table, now) }
        }
        return nil
    }

    private func bucket(of subject: Subject) -> Int {
        let word = UInt64(subject.address) << 16 | UInt64(subject.zone)
        return Int(truncatingIfNeeded: foldedProduct(word ^ key) % UInt64(buckets.count))
    }

    /// The bucket is locked.
    private func visit(_ bucket: Int, _ subject: Subject, _ table: FlowTable, _ now: Instant) -> UInt32? {
        var count: UInt32 = 0
        var isListed = false
        var previous: UInt32 = 0
        var current = buckets[bucket].first
        while current != 0 {
            let node = nodes[current]
            let isSubjects = node.address == subject.address && node.zone == subject.zone
            let isOwn =
                isSubjects && table.isLive(node.flow, node.incarnation, now: now)
                && (node.flow == subject.flow || subject.flow == 0 && table.flows[node.flow].original == subject.tuple)
            // The flow that the packet itself belongs to counts, however far closed it is.
            if isOwn || table.counts(node.flow, node.incarnation, now: now) {
                if isOwn { isListed = true }
                if isSubjects { count &+= 1 }
                previous = current
            } else {
                if previous == 0 { buckets[bucket].first = node.next } else { nodes[previous].next = node.next }
                give(current)
            }
            current = node.next
        }
        if isListed { return count }
        if subject.flow != 0 {
            let place = take()
            guard place != 0 else { return nil }
            nodes[place] = Node(
                next: buckets[bucket].first, address: subject.address, flow: subject.flow,
                incarnation: table.flows[subject.flow].incarnation.load(ordering: .acquiring), zone: subject.zone)
            buckets[bucket].first = place
        }
        return count &+ 1
    }

    /// Takes ended flows out of some buckets.
    private func sweep(_ table: FlowTable, _ now: Instant) {
        for _ in 0..<Self.sweepLength {
            let position = places[0].cursor.wrappingAdd(1, ordering: .relaxed).newValue
            let bucket = Int(position) % buckets.count
            buckets[bucket].lock.lock()
            var previous: UInt32 = 0
            var current = buckets[bucket].first
            while current != 0 {
                let node = nodes[current]
                if table.counts(node.flow, node.incarnation, now: now) {
                    previous = current
                } else {
                    if previous == 0 { buckets[bucket].first = node.next } else { nodes[previous].next = node.next }
                    give(current)
                }
                current = node.next
            }
            buckets[bucket].lock.unlock()
        }
    }

    // MARK: Places

    /// 0 if there is none.
    private func take() -> UInt32 {
        places[0].lock.lock()
        defer { places[0].lock.unlock() }
        let free = places[0].free
        if free != 0 {
            places[0].free = nodes[free].next
            return free
        }
        guard Int(places[0].touched) < nodes.count - 1 else { return 0 }
        places[0].touched &+= 1
        return places[0].touched
    }

    private func give(_ place: UInt32) {
        places[0].lock.lock()
        nodes[place].next = places[0].free
        places[0].free = place
        places[0].lock.unlock()
    }
}

extension FlowTable {
    /// Whether an entry still holds the flow that it held, and that lives.
    @inline(__always)
    func isLive(_ flow: UInt32, _ incarnation: UInt32, now: Instant) -> Bool {
        guard flows[flow].incarnation.load(ordering: .acquiring) == incarnation else { return false }
        let status = flows[flow].status
        guard !status.contains(.dying) else { return false }
        // One that is not confirmed yet has its first packet on its way just now.
        return !status.contains(.confirmed) || flows[flow].expires > now
    }

    /// The same, but for TCP connections that are closed (already_closed in net/netfilter/nf_conncount.c).
    @inline(__always)
    func counts(_ flow: UInt32, _ incarnation: UInt32, now: Instant) -> Bool {
        guard isLive(flow, incarnation, now: now) else { return false }
        guard flows[flow].original.ipProtocol == .tcp else { return true }
        flows[flow].lock.lock()
        let state = flows[flow].tcp.state
        flows[flow].lock.unlock()
        return state != .timeWait && state != .close
    }
}

extension Worker {
    /// connlimit_mt in net/netfilter/xt_connlimit.c.
    ///
    /// - Returns: nil if the packet must be dropped, with the reason in `spoilt`.
    @inline(never)
    func countConnections(
        _ packet: Packet, _ list: UInt32, mask: UInt32, byDestination: Bool, _ spoilt: inout DropReason?
    ) -> UInt32? {
        let address = (byDestination ? packet.destination : packet.source).rawValue & mask
        let flow = packet.tracking.flow
        var subject = ConnectionCount.Subject(
            address: address, zone: 0, flow: flow,
            tuple: FlowTuple(
                source: packet.source, destination: packet.destination, ipProtocol: packet.ipProtocol, sourcePort: 0,
                destinationPort: 0))
        if flow != 0 {
            let original = flows.flows[flow].original.zone
            subject.zone = original != 0 ? original : flows.flows[flow].reply.zone
        } else {
            guard packet.fragmentOffset == 0, readPorts(packet, into: &subject.tuple) else {
                spoilt = .transportCut
                return nil
            }
        }
        guard let count = snapshot.rules.connectionCounts[list].count(subject, in: flows, now: now) else {
            spoilt = .connlimitFull
            return nil
        }
        return count
    }

    /// The ports of a packet that was not tracked, as nf_ct_get_tuple reads them; false if they are cut off.
    private func readPorts(_ packet: Packet, into tuple: inout FlowTuple) -> Bool {
        switch packet.ipProtocol {
        case .tcp, .udp, .udpLite, .sctp:
            guard packet.transportLength >= 4 else { return false }
            tuple.sourcePort = packet.transport16(Offset.sourcePort)
            tuple.destinationPort = packet.transport16(Offset.destinationPort)
        case .icmp:
            guard packet.transportLength >= Offset.icmpHeader else { return false }
            tuple.sourcePort = packet.transport16(Offset.icmpIdentifier)
            tuple.destinationPort = packet.transport16(Offset.icmpType)
        default: break
        }
        return true
    }
}
