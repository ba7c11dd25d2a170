import Net
import Synchronization

/// The table of flows that all workers share.
///
/// Life of a flow. A worker takes a free entry, fills it in and keeps it to itself while the flow's first packet goes
/// through the rules (*unconfirmed*). NAT enters the reply tuple into the index when it has chosen it, which reserves the
/// address and port: the choice and the entry are one step under the bucket's lock, so two workers never choose the same.
/// When the packet has passed everything the flow is *confirmed*: its original tuple is entered too and it can be found.
/// If the packet is dropped before, the entry goes back.
///
/// When two workers meet the first packets of both directions at once, or one direction twice, both create a flow; the one
/// that confirms second finds the tuple taken. If the protocol has no handshake its packet joins the flow of the first; else it
/// is dropped (`flow-clash`), and the sender's next packet finds the flow of the first (`resolveClash`).
///
/// A flow ends by its timer, by a reset, or on command. Whoever sets `dying` first takes it out of the index and hands it to
/// its *owner*, the worker that created it, which takes it off its timer wheel. After every worker has passed a burst
/// boundary the entry is free again.
///
/// Lock order: bucket locks in order of bucket number; a flow's lock, and that of the expectations, is never held while taking another
/// lock.
@safe public struct FlowTable: @unchecked Sendable {
    /// A table itself is no more than where everything lies: handing it on copies nothing.
    private let memory: Slab<FlowMemory>

    /// - Parameters:
    ///   - maximum: the most flows, at least 1, at most 2³⁰.
    ///   - key: random, so that nobody can aim at one bucket.
    ///   - expectations: the most of them, at least 1; nil for the kernel's own choice.
    public init(maximum: Int, workerCount: Int, key: UInt64, expectations expectationLimit: Int? = nil) {
        memory = Slab(count: 1)
        memory[0] = FlowMemory(maximum: maximum, workerCount: workerCount, key: key, expectations: expectationLimit)
        learn(HelperNames())
    }

    @inline(__always)
    var flows: Slab<Flow> { memory[0].flows }
    @inline(__always)
    var index: FlowIndex { memory[0].index }
    @inline(__always)
    var crowdedPorts: CrowdedPorts { memory[0].crowdedPorts }
    @inline(__always)
    public var expectations: ExpectationTable { memory[0].expectations }
    @inline(__always)
    public var policies: TimeoutPolicies { memory[0].policies }
    @inline(__always)
    var labels: Slab<FlowLabels> { memory[0].labels }
    @inline(__always)
    var associations: Slab<SCTPAssociation> { memory[0].associations }
    @inline(__always)
    var help: Slab<FlowHelp> { memory[0].help }
    @inline(__always)
    var helperKinds: Slab<UInt8> { memory[0].helperKinds }
    @inline(__always)
    var synproxies: Slab<SynproxyFlow> { memory[0].synproxies }
    @inline(__always)
    var listening: Slab<Atomic<UInt32>> { memory[0].listening }
    @inline(__always)
    var graveyards: Slab<Atomic<UInt32>> { memory[0].graveyards }
    @inline(__always)
    private var shared: Slab<FlowMemory.Shared> { memory[0].shared }
    @inline(__always)
    private var free: Slab<UInt32> { memory[0].free }

    /// The most flows that there is memory for.
    @inline(__always)
    public var maximum: Int { memory[0].maximum }

    /// How many flows there are.
    public var count: Int { max(shared[0].alive.load(ordering: .relaxed), 0) }
    /// The most flows there may be, 1 to `maximum`.
    public var limit: Int {
        get { shared[0].limit.load(ordering: .relaxed) }
        nonmutating set { shared[0].limit.store(min(max(newValue, 1), maximum), ordering: .relaxed) }
    }
    /// How many buckets the index has.
    public var bucketCount: Int { index.bucketCount }
    /// Memory for `maximum` flows, index included, in bytes; an SCTP flow's association and the labels of
    /// those that have any come on top.
    public var bytesPerFlow: Int { MemoryLayout<Flow>.stride + index.byteCount / maximum + MemoryLayout<UInt32>.stride }
    /// What a flow's labels take, in bytes.
    public static var bytesOfLabels: Int { MemoryLayout<FlowLabels>.stride }

    /// Counts one more flow, if there is room.
    func reserveOne() -> Bool {
        if shared[0].alive.wrappingAdd(1, ordering: .relaxed).newValue <= limit { return true }
        shared[0].alive.wrappingSubtract(1, ordering: .relaxed)
        return false
    }

    func releaseOne() { shared[0].alive.wrappingSubtract(1, ordering: .relaxed) }

    func takeFree(_ wanted: Int, into list: Slab<UInt32>) -> Int {
        shared[0].lock.lock()
        let taken = min(wanted, shared[0].freeCount)
        shared[0].freeCount -= taken
        let from = shared[0].freeCount
        for i in 0..<taken { list[i] = free[from + i] }
        let inUse = free.count - from
        if inUse > shared[0].mostTaken.load(ordering: .relaxed) { shared[0].mostTaken.store(inUse, ordering: .relaxed) }
        shared[0].lock.unlock()
        return taken
    }

    /// The most entries that were in use at once. They are those with the lowest numbers, from 1.
    var mostTaken: Int { shared[0].mostTaken.load(ordering: .relaxed) }

    func giveFree(_ count: Int, from list: Slab<UInt32>, at start: Int) {
        shared[0].lock.lock()
        for i in 0..<count { free[shared[0].freeCount + i] = list[start + i] }
        shared[0].freeCount += count
        shared[0].lock.unlock()
    }

    // MARK: Finding

    /// The confirmed flow that a tuple belongs to, and in which direction.
    ///
    /// - Parameter only: the only direction that counts, where the two directions are in different zones.
    @inline(__always)
    func find(_ tuple: FlowTuple, hash: UInt64, now: Instant, only: Direction? = nil) -> FlowIndex.Reference? {
        index.first(hash) { reference in
            if let only, only != reference.direction { return false }
            return isFound(reference, tuple, now: now)
        }
    }

    /// Whether this is the confirmed flow, alive, that a tuple belongs to. Any reference may be asked about that the index has held within
    /// the burst, also one that was only guessed.
    @inline(__always)
    func isFound(_ reference: FlowIndex.Reference, _ tuple: FlowTuple, now: Instant) -> Bool {
        guard flows[reference.flow].tuple(reference.direction) == tuple else { return false }
        let status = flows[reference.flow].status
        guard status.contains(.confirmed), !status.contains(.dying) else { return false }
        if flows[reference.flow].expires > now { return true }
        // Its time is over although the wheel has not come round to it yet.
        kill(reference.flow)
        return false
    }

    /// The first reference whose tag in the index fits a hash, mostly the right one; empty if there is none.
    @inline(__always)
    func guess(_ hash: UInt64) -> FlowIndex.Reference {
        index.first(hash) { _ in true } ?? FlowIndex.Reference(rawValue: 0)
    }

    /// Reads the cache lines of a flow that its packets need, so that they are near when they are wanted.
    @inline(__always)
    func touch(_ flow: UInt32, isTCP: Bool) -> UInt32 {
        var sum = flows[flow].statusBits.load(ordering: .relaxed) &+ flows[flow].incarnation.load(ordering: .relaxed)
        if isTCP { sum &+= flows[flow].masterSource.rawValue }
        return sum
    }

    /// Whether any flow, confirmed or not, other than `own` has `tuple`, which is that of `direction`, as one of its own:
    /// nf_conntrack_tuple_taken.
    @inline(__always)
    func isTaken(_ tuple: FlowTuple, _ direction: Direction, hash: UInt64, except own: UInt32) -> Bool {
        // With a zone for one direction alone, the other direction of another flow is in another zone, whatever its number
        // (nf_ct_key_equal compares zones by direction).
        let isSplit = flows[own].original.zone != flows[own].reply.zone
        return index.first(hash) { reference in
            reference.flow != own && flows[reference.flow].tuple(reference.direction) == tuple
                && !(isSplit && reference.direction != direction)
                && !flows[reference.flow].status.contains(.dying)
        } != nil
    }

    // MARK: Entering and taking out

    /// Enters a flow's reply tuple if nobody has it: chosen and reserved in one step. If only another flow with the same original tuple
    /// has it, both are one and the same, which confirming will find out (nf_conntrack_tuple_taken); it is not entered then.
    func reserveReply(_ flow: UInt32) -> Bool {
        let tuple = flows[flow].reply
        let hash = index.hash(tuple)
        index.lock(hash)
        defer { index.unlock(hash) }
        if isTaken(tuple, .reply, hash: hash, except: flow) {
            let original = flows[flow].original
            let isOnlyItsTwin = index.first(hash) { reference in
                reference.flow != flow && flows[reference.flow].tuple(reference.direction) == tuple
                    && !flows[reference.flow].status.contains(.dying)
                    && !(reference.direction == .reply && flows[reference.flow].original == original)
            } == nil
            if !isOnlyItsTwin { crowdedPorts.mark(tuple, hashKey: index.key) }
            return isOnlyItsTwin
        }
        guard index.insert(FlowIndex.Reference(flow: flow, .reply), hash: hash) else { return false }
        flows[flow].set(.replyReserved)
        crowdedPorts.mark(tuple, hashKey: index.key)
        return true
    }

    /// The confirmed flow that has a tuple as its reply's.
    func flow(withReply tuple: FlowTuple) -> UInt32? {
        index.first(index.hash(tuple)) { reference in
            reference.direction == .reply && flows[reference.flow].reply == tuple
                && flows[reference.flow].status.intersection([.confirmed, .dying]) == .confirmed
        }?.flow
    }

    /// Enters what of a flow is not in the index yet, so that it can be found.
    ///
    /// - Returns: false if another flow has one of the tuples.
    func confirm(_ flow: UInt32) -> Bool {
        let original = flows[flow].original
        let reply = flows[flow].reply
        let originalHash = index.hash(original)
        let replyHash = index.hash(reply)
        let isReserved = flows[flow].status.contains(.replyReserved)
        index.lock(originalHash, replyHash)
        defer { index.unlock(originalHash, replyHash) }
        if isTaken(original, .original, hash: originalHash, except: flow), !isOnlyTurned(flow, hash: originalHash) { return false }
        if !isReserved {
            if isTaken(reply, .reply, hash: replyHash, except: flow) { return false }
            guard index.insert(FlowIndex.Reference(flow: flow, .reply), hash: replyHash) else { return false }
            flows[flow].set(.replyReserved)
        }
        guard index.insert(FlowIndex.Reference(flow: flow, .original), hash: originalHash) else { return false }
        flows[flow].set(.confirmed)
        return true
    }

    /// What a flow's original source is found by.
    @inline(__always)
    private func sourceKey(_ tuple: FlowTuple) -> FlowTuple {
        FlowTuple(
            source: tuple.source, destination: .any, ipProtocol: tuple.ipProtocol, sourcePort: tuple.sourcePort,
            destinationPort: 0, zone: tuple.zone)
    }

    /// Enters a flow by its original source, so that the next flow of the same source can be given the same address and port
    /// (nf_nat_bysource in net/netfilter/nf_nat_core.c). Only those that were given others than anybody would choose anew need it.
    func enterBySource(_ flow: UInt32) {
        let hash = index.hash(sourceKey(flows[flow].original))
        index.lock(hash)
        // A convenience, for which no flow may go without a place.
        if index.insert(FlowIndex.Reference(flow: flow, .original), hash: hash, mayOverflow: false) { flows[flow].set(.bySource) }
        index.unlock(hash)
    }

    /// The source that another flow from the same source was given, if it lies in `range`.
    func translatedSource(of original: FlowTuple, in range: NATRange) -> (IPv4Address, UInt16)? {
        var found: (IPv4Address, UInt16)?
        _ = index.first(index.hash(sourceKey(original))) { reference in
            let other = flows[reference.flow].original
            let status = flows[reference.flow].status
            guard other.source == original.source, other.sourcePort == original.sourcePort, other.zone == original.zone,
                other.ipProtocol == original.ipProtocol, status.contains(.bySource), !status.contains(.dying)
            else { return false }
            let given = flows[reference.flow].reply
            let port = given.ipProtocol == .icmp ? given.sourcePort : given.destinationPort
            guard range.contains(given.destination), range.contains(port: port) else { return false }
            found = (given.destination, port)
            return true
        }
        return found
    }

    /// Takes a flow's tuples out of the index.
    func unlink(_ flow: UInt32) {
        let status = flows[flow].status
        if status.contains(.confirmed) {
            let hash = index.hash(flows[flow].original)
            index.lock(hash)
            index.remove(FlowIndex.Reference(flow: flow, .original), hash: hash)
            index.unlock(hash)
        }
        if status.contains(.bySource) {
            let hash = index.hash(sourceKey(flows[flow].original))
            index.lock(hash)
            index.remove(FlowIndex.Reference(flow: flow, .original), hash: hash)
            index.unlock(hash)
        }
        if status.contains(.replyReserved) {
            let hash = index.hash(flows[flow].reply)
            index.lock(hash)
            index.remove(FlowIndex.Reference(flow: flow, .reply), hash: hash)
            crowdedPorts.clear(flows[flow].reply, hashKey: index.key)
            index.unlock(hash)
        }
    }

    /// Ends a confirmed flow: out of the index at once, back to its owner's hands for the rest. One that is not confirmed is its
    /// creator's alone; whoever comes from outside with a number out of date must not touch it.
    ///
    /// - Returns: false if it was ended already, or is not confirmed.
    @discardableResult
    public func kill(_ flow: UInt32) -> Bool {
        var old = flows[flow].statusBits.load(ordering: .acquiring)
        while true {
            guard Flow.Status(rawValue: old).intersection([.confirmed, .dying]) == .confirmed else { return false }
            let result = flows[flow].statusBits.weakCompareExchange(
                expected: old, desired: old | Flow.Status.dying.rawValue, ordering: .acquiringAndReleasing)
            if result.exchanged { break }
            old = result.original
        }
        unlink(flow)
        releaseOne()
        let owner = Int(flows[flow].owner)
        var head = graveyards[owner].load(ordering: .relaxed)
        while true {
            flows[flow].nextDead = head
            let result = graveyards[owner].compareExchange(
                expected: head, desired: flow, successOrdering: .releasing, failureOrdering: .relaxed)
            if result.exchanged { return true }
            head = result.original
        }
    }

    /// Puts out one flow near a hash to make room: an unreplied one, else one that is not assured, else one that is closing; never another
    /// that is assured (early_drop in net/netfilter/nf_conntrack_core.c looks at eight buckets as well; closing ones are left there to
    /// gc_worker_can_early_drop).
    ///
    /// - Returns: false if there is none that may go.
    func dropEarly(near hash: UInt64, now: Instant) -> Bool {
        var closing: UInt32 = 0
        var unassured: UInt32 = 0
        var unreplied: UInt32 = 0
        for offset in 0..<UInt32(8) {
            index.forEachInBucket(hash, offset: offset) { reference in
                let status = flows[reference.flow].status
                guard status.contains(.confirmed), !status.contains(.dying) else { return }
                // Its time is over, and the wheel has not come round to it yet.
                if flows[reference.flow].expires <= now {
                    unreplied = reference.flow
                    return
                }
                if status.contains(.assured) {
                    if isClosing(reference.flow) { closing = reference.flow }
                    return
                }
                if status.contains(.seenReply) { unassured = reference.flow } else { unreplied = reference.flow }
            }
            if unreplied != 0 { break }
        }
        let victim = unreplied != 0 ? unreplied : unassured != 0 ? unassured : closing
        return victim != 0 && kill(victim)
    }

    /// Whether both sides know of a connection's end (tcp_can_early_drop, sctp_can_early_drop). The state is read without the flow's lock:
    /// who is wrong by a moment puts out a flow that has just ended or just begun to.
    private func isClosing(_ flow: UInt32) -> Bool {
        switch flows[flow].original.ipProtocol {
        case .tcp: flows[flow].tcp.state.isClosing
        case .sctp: associations[flow].state.isClosing
        default: false
        }
    }

    // MARK: The slow side

    /// A flow's state as it was at one moment, for listings.
    public struct Record: Sendable {
        public var index: UInt32
        public var original: FlowTuple
        public var reply: FlowTuple
        public var status: Flow.Status
        public var expires: Instant
        public var tcpState: TCPState
        public var sctpState: SCTPState
        public var originalCounter: Flow.Counter
        public var replyCounter: Flow.Counter
        public var mark: UInt32
        public var masqueradePort: PortIndex
        public var helper: UInt8
        /// Labels 0 to 63 and 64 to 127.
        public var labels: (UInt64, UInt64)
        /// The timeout policy, by number; 0 for none.
        public var policy: UInt8
        /// When it began, in nanoseconds since 1970; 0 if that was not noted.
        public var beginning: UInt64
        /// Of this entry, how many flows it has held: tells those apart that have had its number.
        public var incarnation: UInt32
    }

    /// A flow as it is now. Called while the entry cannot be reused.
    func record(of flow: UInt32, _ status: Flow.Status) -> Record {
        flows[flow].lock.lock()
        defer { flows[flow].lock.unlock() }
        return Record(
            index: flow, original: flows[flow].original, reply: flows[flow].reply, status: status,
            expires: flows[flow].expires, tcpState: flows[flow].tcp.state,
            sctpState: flows[flow].original.ipProtocol == .sctp ? associations[flow].state : .none,
            originalCounter: flows[flow].originalCounter, replyCounter: flows[flow].replyCounter,
            mark: flows[flow].mark, masqueradePort: flows[flow].masqueradePort, helper: flows[flow].helper,
            labels: status.contains(.labelled) ? labels[flow].bits : (0, 0), policy: flows[flow].policy,
            beginning: status.contains(.stamped) ? flows[flow].beginning : 0,
            incarnation: flows[flow].incarnation.load(ordering: .relaxed))
    }

    /// Visits every confirmed flow. Called from outside the workers at any time: each flow is copied under its lock, and
    /// looked at again afterwards to be sure that it was one and the same throughout.
    public func forEach(_ visit: (Record) -> Void) {
        for entry in 1..<flows.count {
            let flow = UInt32(entry)
            let before = flows[flow].status
            guard before.contains(.confirmed), !before.contains(.dying) else { continue }
            let record = record(of: flow, before)
            let after = flows[flow].status
            guard after.contains(.confirmed), !after.contains(.dying), flows[flow].original == record.original,
                flows[flow].reply == record.reply
            else { continue }
            visit(record)
        }
    }
}
