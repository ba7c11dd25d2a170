import Net
import Synchronization

/// What a `-m connlimit` rule remembers: the flows it has seen, by masked address and zone (net/netfilter/nf_conncount.c). It is
/// shared by all workers.
///
/// A flow counts as long as it lives, but for a TCP connection that is closed. So the count of an address whose last connection has closed
/// is 0, and then the kernel drops the packet; a closed connection that is an address's first to be asked about counts all the same.
///
/// Nobody tells the list of a flow's end: each packet looks
/// at a few flows of its address and takes the ended ones out, and where the count decides, at all of them, so that it is exact. Of an address
/// with many flows that is done once in a tick at the most, as in the kernel; in between those that have just ended still count. When
/// the places run out, some addresses are swept of ended flows at a time, and those without any forgotten.
///
/// An address's lock guards its count and its list; a chain's lock the nodes in that chain. Lock order: the bucket of addresses, then a
/// flow's or a chain's, then the free places. Never two of a kind.
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
    private struct Node {
        var flow: UInt32 = 0
        var incarnation: UInt32 = 0
        var address: UInt32 = 0
        /// The next of its address in the list, or of the free ones; 0 ends either.
        var next: UInt32 = 0
        var previous: UInt32 = 0
        /// The next in its chain.
        var chained: UInt32 = 0
    }

    /// One masked address in one zone.
    private struct Address {
        var next: UInt32 = 0
        var address: UInt32 = 0
        var zone: UInt16 = 0
        var count: UInt32 = 0
        var first: UInt32 = 0
        /// Where the look at a few goes on.
        var cursor: UInt32 = 0
        /// The tick in which all were looked at.
        var passed: UInt64 = 0
    }

    private struct Bucket: ~Copyable {
        let lock = SpinLock()
        var first: UInt32 = 0
    }

    private struct Places: ~Copyable {
        let lock = SpinLock()
        var freeNode: UInt32 = 0
        var freeAddress: UInt32 = 0
        /// Places up to these have been in use.
        var touchedNodes: UInt32 = 0
        var touchedAddresses: UInt32 = 0
        /// The bucket that is swept next.
        let cursor: Atomic<UInt32>
    }

    private let buckets: Slab<Bucket>
    private let chains: Slab<Bucket>
    private let addresses: Slab<Address>
    private let nodes: Slab<Node>
    private let places: Slab<Places>
    private let key: UInt64

    /// Buckets that one packet sweeps at the most when the places have run out.
    private static let sweepLength = 64
    /// Flows that each packet looks at (CONNCOUNT_GC_MAX_NODES); and those that may be looked at with every packet.
    private static let fewNodes = 8
    private static let someNodes: UInt32 = 64
    /// Four milliseconds, about: a jiffy of most kernels.
    private static let tickShift: UInt64 = 22

    init(capacity: Int, bucketCount: Int, key: UInt64) {
        buckets = Slab(count: bucketCount)
        chains = Slab(count: max(capacity / 4, 1))
        addresses = Slab(count: capacity + 1)
        nodes = Slab(count: capacity + 1)
        places = Slab(count: 1)
        self.key = key
    }

    func deallocate() {
        buckets.deallocate()
        chains.deallocate()
        addresses.deallocate()
        nodes.deallocate()
        places.deallocate()
    }

    /// Who is counted.
    struct Subject {
        /// Masked.
        var address: UInt32
        var zone: UInt16
        /// 0 for a packet of no flow, and none that goes by the same tuple.
        var flow: UInt32
        /// The flow is a TCP connection that is closed.
        var isClosed = false
    }

    /// How many live flows the subject's address has.
    ///
    /// - Parameter limit: a count up to this is one that ended flows may still be in.
    /// - Returns: 0 if the subject's own is closed, and there is no other; nil if there is no room to remember the flow.
    func count(_ subject: Subject, upTo limit: UInt32, in table: FlowTable, now: Instant) -> UInt32? {
        let bucket = bucket(of: subject)
        for attempt in 0..<2 {
            buckets[bucket].lock.lock()
            let count = visit(bucket, subject, limit, table, now)
            buckets[bucket].lock.unlock()
            if let count { return count }
            if attempt == 0 { sweep(table, now) }
        }
        return nil
    }

    private func bucket(of subject: Subject) -> Int {
        let word = UInt64(subject.address) << 16 | UInt64(subject.zone)
        return Int(truncatingIfNeeded: foldedProduct(word ^ key) % UInt64(buckets.count))
    }

    /// The bucket is locked (count_tree, __nf_conncount_add).
    private func visit(_ bucket: Int, _ subject: Subject, _ limit: UInt32, _ table: FlowTable, _ now: Instant) -> UInt32? {
        if let place = place(of: subject, in: bucket) {
            return count(subject, at: place, upTo: limit, table, now)
        }
        guard let place = newPlace(for: subject, in: bucket) else { return nil }
        if subject.flow != 0, enter(place, subject.flow, table) == 0 {
            leave(place, in: bucket)
            return nil
        }
        return 1
    }

    private func count(_ subject: Subject, at place: UInt32, upTo limit: UInt32, _ table: FlowTable, _ now: Instant) -> UInt32? {
        var own: UInt32 = 0
        if subject.flow != 0, !subject.isClosed {
            own = member(place, subject.flow)
            // The flow that had the entry before has ended.
            if own != 0 { nodes[own].incarnation = table.flows[subject.flow].incarnation.load(ordering: .acquiring) }
        }
        let more: UInt32 = subject.isClosed || own != 0 ? 0 : 1
        let tick = now.nanoseconds >> Self.tickShift
        let count = addresses[place].count
        let hasPassed = addresses[place].passed == tick
        if subject.isClosed ? !hasPassed : count &+ more > limit && (count <= Self.someNodes || !hasPassed) {
            addresses[place].passed = tick
            lookAtAll(place, sparing: own, table, now)
        } else if !subject.isClosed {
            look(place, at: Self.fewNodes, sparing: own, table, now)
        }
        if more == 1, subject.flow != 0 { return enter(place, subject.flow, table) == 0 ? nil : addresses[place].count }
        return addresses[place].count &+ more
    }

    private func lookAtAll(_ place: UInt32, sparing own: UInt32, _ table: FlowTable, _ now: Instant) {
        addresses[place].cursor = addresses[place].first
        look(place, at: .max, sparing: own, table, now)
    }

    /// Looks at so many flows of an address, from where it stopped the last time, and takes out those that have ended, but for one.
    private func look(_ place: UInt32, at most: Int, sparing own: UInt32, _ table: FlowTable, _ now: Instant) {
        var left = most
        while left > 0 {
            let node = addresses[place].cursor
            guard node != 0 else {
                // Round again with the next packet.
                addresses[place].cursor = addresses[place].first
                return
            }
            addresses[place].cursor = nodes[node].next
            if node != own, !table.counts(nodes[node].flow, nodes[node].incarnation, now: now) { remove(node, from: place) }
            left &-= 1
        }
    }

    /// Takes ended flows out of some buckets.
    private func sweep(_ table: FlowTable, _ now: Instant) {
        for _ in 0..<Self.sweepLength {
            let position = places[0].cursor.wrappingAdd(1, ordering: .relaxed).newValue
            let bucket = Int(position) % buckets.count
            buckets[bucket].lock.lock()
            var place = buckets[bucket].first
            while place != 0 {
                let next = addresses[place].next
                lookAtAll(place, sparing: 0, table, now)
                if addresses[place].count == 0 { leave(place, in: bucket) }
                place = next
            }
            buckets[bucket].lock.unlock()
        }
    }

    // MARK: Addresses

    /// Where an address stands; nil if it has not been counted. Its bucket is locked.
    private func place(of subject: Subject, in bucket: Int) -> UInt32? {
        var place = buckets[bucket].first
        while place != 0 {
            if addresses[place].address == subject.address, addresses[place].zone == subject.zone { return place }
            place = addresses[place].next
        }
        return nil
    }

    /// nil if there is no room. The bucket is locked.
    private func newPlace(for subject: Subject, in bucket: Int) -> UInt32? {
        places[0].lock.lock()
        var place = places[0].freeAddress
        if place != 0 {
            places[0].freeAddress = addresses[place].next
        } else if Int(places[0].touchedAddresses) < addresses.count - 1 {
            places[0].touchedAddresses &+= 1
            place = places[0].touchedAddresses
        }
        places[0].lock.unlock()
        guard place != 0 else { return nil }
        addresses[place] = Address(next: buckets[bucket].first, address: subject.address, zone: subject.zone)
        buckets[bucket].first = place
        return place
    }

    /// Forgets an address without flows. Its bucket is locked.
    private func leave(_ place: UInt32, in bucket: Int) {
        if buckets[bucket].first == place {
            buckets[bucket].first = addresses[place].next
        } else {
            var before = buckets[bucket].first
            while addresses[before].next != place { before = addresses[before].next }
            addresses[before].next = addresses[place].next
        }
        places[0].lock.lock()
        addresses[place].next = places[0].freeAddress
        places[0].freeAddress = place
        places[0].lock.unlock()
    }

    // MARK: Flows

    private func chain(_ place: UInt32, _ flow: UInt32) -> Int {
        Int(truncatingIfNeeded: foldedProduct((UInt64(place) << 32 | UInt64(flow)) ^ key) % UInt64(chains.count))
    }

    /// The node of a flow in the count of an address, whose bucket is locked; 0 if there is none.
    private func member(_ place: UInt32, _ flow: UInt32) -> UInt32 {
        let chain = chain(place, flow)
        chains[chain].lock.lock()
        defer { chains[chain].lock.unlock() }
        var node = chains[chain].first
        while node != 0, nodes[node].flow != flow || nodes[node].address != place { node = nodes[node].chained }
        return node
    }

    /// Enters a flow that is not there; 0 if there is no room.
    private func enter(_ place: UInt32, _ flow: UInt32, _ table: FlowTable) -> UInt32 {
        places[0].lock.lock()
        var node = places[0].freeNode
        if node != 0 {
            places[0].freeNode = nodes[node].next
        } else if Int(places[0].touchedNodes) < nodes.count - 1 {
            places[0].touchedNodes &+= 1
            node = places[0].touchedNodes
        }
        places[0].lock.unlock()
        guard node != 0 else { return 0 }
        let first = addresses[place].first
        let chain = chain(place, flow)
        chains[chain].lock.lock()
        nodes[node] = Node(
            flow: flow, incarnation: table.flows[flow].incarnation.load(ordering: .acquiring), address: place, next: first,
            chained: chains[chain].first)
        chains[chain].first = node
        chains[chain].lock.unlock()
        if first != 0 { nodes[first].previous = node }
        addresses[place].first = node
        addresses[place].count &+= 1
        return node
    }

    private func remove(_ node: UInt32, from place: UInt32) {
        let (next, previous) = (nodes[node].next, nodes[node].previous)
        if previous == 0 { addresses[place].first = next } else { nodes[previous].next = next }
        if next != 0 { nodes[next].previous = previous }
        addresses[place].count &-= 1
        let chain = chain(place, nodes[node].flow)
        chains[chain].lock.lock()
        if chains[chain].first == node {
            chains[chain].first = nodes[node].chained
        } else {
            var before = chains[chain].first
            while nodes[before].chained != node { before = nodes[before].chained }
            nodes[before].chained = nodes[node].chained
        }
        chains[chain].lock.unlock()
        places[0].lock.lock()
        nodes[node].next = places[0].freeNode
        places[0].freeNode = node
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

    /// The same, but for TCP connections that are closed.
    @inline(__always)
    func counts(_ flow: UInt32, _ incarnation: UInt32, now: Instant) -> Bool {
        isLive(flow, incarnation, now: now) && !isClosed(flow)
    }

    /// Whether a flow is a TCP connection that is closed (already_closed in net/netfilter/nf_conncount.c).
    @inline(__always)
    func isClosed(_ flow: UInt32) -> Bool {
        guard flows[flow].original.ipProtocol == .tcp else { return false }
        flows[flow].lock.lock()
        let state = flows[flow].tcp.state
        flows[flow].lock.unlock()
        return state == .timeWait || state == .close
    }
}

extension Worker {
    /// connlimit_mt in net/netfilter/xt_connlimit.c.
    ///
    /// - Parameter limit: what the count is compared with.
    /// - Returns: nil if the packet must be dropped, with the reason in `spoilt`.
    @inline(never)
    func countConnections(
        _ packet: Packet, _ hook: Hook, _ list: UInt32, limit: UInt32, mask: UInt32, byDestination: Bool, _ spoilt: inout DropReason?
    ) -> UInt32? {
        let address = (byDestination ? packet.destination : packet.source).rawValue & mask
        var subject = ConnectionCount.Subject(address: address, zone: 0, flow: packet.tracking.flow)
        if subject.flow != 0 {
            let original = flows.flows[subject.flow].original.zone
            subject.zone = original != 0 ? original : flows.flows[subject.flow].reply.zone
        } else {
            var tuple = FlowTuple(
                source: packet.source, destination: packet.destination, ipProtocol: packet.ipProtocol, sourcePort: 0,
                destinationPort: 0)
            guard packet.fragmentOffset == 0, readPorts(packet, into: &tuple) else {
                spoilt = .transportCut
                return nil
            }
            // It may go by the tuple of a flow that is counted.
            subject.flow = flows.find(tuple, hash: flows.index.hash(tuple), now: now, only: .original)?.flow ?? 0
        }
        // Over the loopback interface a closed connection that is counted still counts itself (__nf_conncount_add).
        let isByLoopback = packet.ingress == .host && (hook == .prerouting || hook == .input)
        if subject.flow != 0, !isByLoopback { subject.isClosed = flows.isClosed(subject.flow) }
        guard let count = snapshot.rules.connectionCounts[list].count(subject, upTo: limit, in: flows, now: now) else {
            spoilt = .connlimitFull
            return nil
        }
        guard count > 0 else {
            spoilt = .connlimitClosed
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
