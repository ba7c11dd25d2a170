import Net
import Synchronization

/// The flows that helpers have announced, shared by all workers (net/netfilter/nf_conntrack_expect.c).
///
/// One lock guards everything but `waiting`, which is atomic: while nothing is expected, a new flow costs one relaxed load here. So
/// few flows have helpers that one lock is enough, as in the kernel. The lock is held for a few entries' work; no other lock is taken
/// under it.
///
/// An expectation dies with its master: the master's owner takes it out before the master's entry can be used again, and nobody
/// announces anything for a master that is dying. So a master's number is good as long as the lock is held.
@safe public struct ExpectationTable: @unchecked Sendable {
    private struct Shared: ~Copyable {
        let lock = SpinLock()
        var freeHead: UInt32 = 0
        var fresh: UInt32 = 0
        /// The last slot of the wheel that has been emptied, counted from the clock's zero.
        var visited: UInt64 = 0
        /// nf_conntrack_expect_max: up to `maximum`.
        let limit: Atomic<Int>
        let isListenedTo: Atomic<Bool>
        /// Expectations that wait.
        let waiting: Atomic<Int>
        /// What /proc/net/stat/nf_conntrack calls expect_new, expect_create and expect_delete.
        var taken: UInt64 = 0
        var created: UInt64 = 0
        var deleted: UInt64 = 0
    }

    /// A slot is 2³⁰ ns, about a second, wide; a turn takes nine minutes, longer than anything is expected.
    private static let slotShift: UInt64 = 30
    private static let slotCount = 512

    /// The most expectations that there is memory for.
    public let maximum: Int
    /// What happens to expectations goes here, while somebody listens; put in under the lock, whoever does it.
    public let events = ExpectationEventRing()

    private let shared: Slab<Shared>
    private let entries: Slab<Expectation>
    private let buckets: Slab<UInt32>
    private let wheel: Slab<UInt32>
    private let flows: Slab<Flow>
    private let help: Slab<FlowHelp>
    private let key: UInt64

    /// As the kernel has it unless told otherwise: four for each 256 flows (nf_conntrack_expect_init).
    public static func usualLimit(flows: Int) -> Int { max(flows / 256, 1) * 4 }

    /// Memory that is never touched costs nothing; so there is room for a limit that is raised later.
    private static let usualRoom = 1 << 16

    /// - Parameter limit: nf_conntrack_expect_max.
    init(flows: Slab<Flow>, help: Slab<FlowHelp>, limit: Int, key: UInt64) {
        maximum = max(limit, Self.usualRoom)
        shared = Slab(count: 1)
        entries = Slab(count: maximum + 1)
        var size = 16
        while size < maximum { size *= 2 }
        buckets = Slab(count: size)
        wheel = Slab(count: Self.slotCount)
        self.flows = flows
        self.help = help
        self.key = key
        shared[0].fresh = 1
        shared[0].limit.store(limit, ordering: .relaxed)
    }

    /// The most expectations there may be (nf_conntrack_expect_max), 1 to `maximum`. Those there are stay when it sinks.
    public var limit: Int {
        get { shared[0].limit.load(ordering: .relaxed) }
        nonmutating set { shared[0].limit.store(min(max(newValue, 1), maximum), ordering: .relaxed) }
    }

    /// Whether anybody wants to hear of expectations; nothing is recorded if not.
    public var isListenedTo: Bool {
        get { shared[0].isListenedTo.load(ordering: .relaxed) }
        nonmutating set { shared[0].isListenedTo.store(newValue, ordering: .relaxed) }
    }

    /// How many flows are expected.
    public var count: Int { shared[0].waiting.load(ordering: .relaxed) }

    @inline(__always)
    private func bucket(_ tuple: FlowTuple) -> Int {
        let word = UInt64(tuple.destination.rawValue) << 32 | UInt64(tuple.destinationPort) << 8 | UInt64(tuple.ipProtocol.rawValue)
        return Int(truncatingIfNeeded: foldedProduct(word ^ key)) & (buckets.count - 1)
    }

    private func isAlive(_ master: UInt32) -> Bool { !flows[master].status.contains(.dying) }

    // MARK: Announcing

    enum Outcome {
        case added
        /// Another flow is expected that a packet of this one could be taken for.
        case clashes
        /// No room, or its master is over.
        case refused
    }

    /// Enters an expectation (nf_ct_expect_related): in place of an equal one of the same master; and if the master has all it may
    /// have, in place of its oldest.
    func add(_ new: Expectation, policy: ExpectationPolicy, now: Instant) -> Outcome {
        shared[0].lock.lock()
        defer { shared[0].lock.unlock() }
        let master = new.master
        guard isAlive(master) else { return .refused }
        var entry = buckets[bucket(new.tuple)]
        while entry != 0 {
            let next = entries[entry].bucketNext
            if entries[entry].expires <= now {
                remove(entry, now)
            } else if entries[entry].master == master, entries[entry].equals(new) {
                guard entries[entry].expectationClass == new.expectationClass else { return .refused }
                remove(entry, now)
                break
            } else if entries[entry].clashes(with: new) {
                return .clashes
            }
            entry = next
        }
        let place = Int(new.expectationClass & 3)
        if policy.maximum > 0, help[master].expecting[place] >= policy.maximum { removeOldest(of: master, new.expectationClass, now) }
        guard count < limit else { return .refused }
        let fresh = takeEntry()
        guard fresh != 0 else { return .refused }
        entries[fresh] = new
        entries[fresh].flags.insert(.isUsed)
        entries[fresh].expires = now + UInt64(policy.timeout) * TCPTimeouts.second
        let head = bucket(new.tuple)
        entries[fresh].bucketNext = buckets[head]
        buckets[head] = fresh
        entries[fresh].masterNext = help[master].firstExpectation
        help[master].firstExpectation = fresh
        help[master].expecting[place] &+= 1
        schedule(fresh)
        shared[0].waiting.wrappingAdd(1, ordering: .relaxed)
        shared[0].created &+= 1
        tell(.began, entry: fresh, now)
        return .added
    }

    /// Takes back one that was just announced (nf_ct_unexpect_related).
    func withdraw(_ expectation: Expectation, now: Instant) {
        shared[0].lock.lock()
        defer { shared[0].lock.unlock() }
        var entry = help[expectation.master].firstExpectation
        while entry != 0 {
            if entries[entry].equals(expectation) { return remove(entry, now) }
            entry = entries[entry].masterNext
        }
    }

    // MARK: Taking

    /// What an expected flow gets from its master.
    struct Announcement {
        var mark: UInt32
        var masterHelper: UInt8
        var masterSource: IPv4Address
        var helper: UInt8
        /// Whether its translation is settled by what follows.
        var followsNAT: Bool
        /// Where the master's own packets in that direction come from, and go to.
        var source: IPv4Address
        var destination: IPv4Address
        var destinationPort: UInt16
    }

    /// The expectation that the first packet of a flow fulfils, used up (nf_ct_find_expectation). A master that is not confirmed
    /// cannot have told anybody yet.
    func take(_ tuple: FlowTuple, zone: UInt16, now: Instant) -> Announcement? {
        shared[0].lock.lock()
        defer { shared[0].lock.unlock() }
        var entry = buckets[bucket(tuple)]
        while entry != 0 {
            let found = entries[entry]
            if found.zone == zone, !found.flags.contains(.inactive), found.expires > now, found.fits(tuple) { break }
            entry = found.bucketNext
        }
        guard entry != 0 else { return nil }
        let found = entries[entry]
        let status = flows[found.master].status
        guard status.contains(.confirmed), !status.contains(.dying) else { return nil }
        if !found.flags.contains(.permanent) { remove(entry, now) }
        shared[0].taken &+= 1
        return Announcement(
            mark: flows[found.master].mark, masterHelper: flows[found.master].helper,
            masterSource: flows[found.master].original.source, helper: found.helper,
            followsNAT: found.flags.contains(.followsNAT),
            source: flows[found.master].tuple(found.direction.opposite).destination,
            destination: flows[found.master].tuple(found.direction.opposite).source, destinationPort: found.savedPort)
    }

    // MARK: Taking out

    /// Takes out all that a flow has announced (nf_ct_remove_expectations).
    func removeAll(of master: UInt32, now: Instant) {
        shared[0].lock.lock()
        defer { shared[0].lock.unlock() }
        while help[master].firstExpectation != 0 { remove(help[master].firstExpectation, now) }
    }

    /// evict_oldest_expect. The lock is held.
    private func removeOldest(of master: UInt32, _ expectationClass: UInt8, _ now: Instant) {
        var oldest: UInt32 = 0
        var entry = help[master].firstExpectation
        while entry != 0 {
            if entries[entry].expectationClass == expectationClass { oldest = entry }
            entry = entries[entry].masterNext
        }
        if oldest != 0 { remove(oldest, now) }
    }

    /// The lock is held.
    private func remove(_ entry: UInt32, _ now: Instant) {
        let gone = entries[entry]
        tell(.ended, entry: entry, now)
        let head = bucket(gone.tuple)
        if buckets[head] == entry {
            buckets[head] = gone.bucketNext
        } else {
            var other = buckets[head]
            while other != 0 {
                if entries[other].bucketNext == entry {
                    entries[other].bucketNext = gone.bucketNext
                    break
                }
                other = entries[other].bucketNext
            }
        }
        if help[gone.master].firstExpectation == entry {
            help[gone.master].firstExpectation = gone.masterNext
        } else {
            var other = help[gone.master].firstExpectation
            while other != 0 {
                if entries[other].masterNext == entry {
                    entries[other].masterNext = gone.masterNext
                    break
                }
                other = entries[other].masterNext
            }
        }
        let place = Int(gone.expectationClass & 3)
        if help[gone.master].expecting[place] > 0 { help[gone.master].expecting[place] &-= 1 }
        unschedule(entry)
        entries[entry].flags = []
        entries[entry].bucketNext = shared[0].freeHead
        shared[0].freeHead = entry
        shared[0].waiting.wrappingSubtract(1, ordering: .relaxed)
        shared[0].deleted &+= 1
    }

    /// 0 if there is none. The lock is held.
    private func takeEntry() -> UInt32 {
        let head = shared[0].freeHead
        if head != 0 {
            shared[0].freeHead = entries[head].bucketNext
            return head
        }
        guard Int(shared[0].fresh) <= maximum else { return 0 }
        let entry = shared[0].fresh
        shared[0].fresh = entry &+ 1
        return entry
    }

    // MARK: The wheel

    private func slot(_ expires: Instant) -> Int {
        Int(truncatingIfNeeded: expires.nanoseconds >> Self.slotShift) & (Self.slotCount - 1)
    }

    private func schedule(_ entry: UInt32) {
        let slot = slot(entries[entry].expires)
        let head = wheel[slot]
        entries[entry].wheelPrevious = 0
        entries[entry].wheelNext = head
        if head != 0 { entries[head].wheelPrevious = entry }
        wheel[slot] = entry
    }

    private func unschedule(_ entry: UInt32) {
        let next = entries[entry].wheelNext
        let previous = entries[entry].wheelPrevious
        if next != 0 { entries[next].wheelPrevious = previous }
        if previous != 0 {
            entries[previous].wheelNext = next
        } else {
            wheel[slot(entries[entry].expires)] = next
        }
    }

    /// Takes out what has waited too long. Once a burst, by any worker.
    @inline(__always)
    func advance(to now: Instant) {
        if count > 0 { turn(to: now) }
    }

    @inline(never)
    private func turn(to now: Instant) {
        let current = now.nanoseconds >> Self.slotShift
        shared[0].lock.lock()
        defer { shared[0].lock.unlock() }
        guard shared[0].visited < current else { return }
        var slot = max(shared[0].visited, current &- min(current, UInt64(Self.slotCount)))
        while slot < current {
            slot &+= 1
            // What lies in a slot that begins now may still be due later in it; it is found when the next one begins.
            var entry = wheel[Int(truncatingIfNeeded: slot &- 1) & (Self.slotCount - 1)]
            while entry != 0 {
                let next = entries[entry].wheelNext
                if entries[entry].expires <= now { remove(entry, now) }
                entry = next
            }
        }
        shared[0].visited = current
    }

    // MARK: The slow side

    /// An expectation as it was at one moment, for listings.
    public struct Record: Sendable {
        public var tuple: FlowTuple
        public var sourceMask: IPv4Address
        public var sourcePortMask: UInt16
        public var zone: UInt16
        public var expires: Instant
        public var isPermanent: Bool
        public var isInactive: Bool
        public var expectationClass: UInt8
        /// The flow that announced it.
        public var master: FlowTuple
        public var masterReply: FlowTuple
        /// The helper that read the announcement, by number.
        public var helper: UInt8
    }

    /// The lock is held.
    private func record(of found: Expectation) -> Record {
        Record(
            tuple: found.tuple, sourceMask: IPv4Address(rawValue: found.sourceMask), sourcePortMask: found.sourcePortMask,
            zone: found.zone, expires: found.expires, isPermanent: found.flags.contains(.permanent),
            isInactive: found.flags.contains(.inactive), expectationClass: found.expectationClass,
            master: flows[found.master].original, masterReply: flows[found.master].reply, helper: flows[found.master].helper)
    }

    /// Tells of an expectation, if somebody listens and no rule has said that nobody is to hear of its master's
    /// (nf_ct_expect_event_report). The lock is held.
    private func tell(_ kind: ExpectationEvent.Kind, entry: UInt32, _ now: Instant) {
        guard isListenedTo else { return }
        let wanted: FlowEvents = kind == .began ? .expectation : .expectationEnd
        guard flows[entries[entry].master].mayTell(wanted) else { return }
        events.push(ExpectationEvent(kind: kind, time: now, expectation: record(of: entries[entry])))
    }

    /// Visits a copy of each expectation that waits, the newest of a bucket first.
    public func forEach(at now: Instant, _ visit: (Record) -> Void) {
        var records: [Record] = []
        shared[0].lock.lock()
        for bucket in 0..<buckets.count {
            var entry = buckets[bucket]
            while entry != 0 {
                let found = entries[entry]
                entry = found.bucketNext
                guard found.expires > now, isAlive(found.master) else { continue }
                records.append(record(of: found))
            }
        }
        shared[0].lock.unlock()
        records.forEach(visit)
    }

    /// Expectations so far: announced, fulfilled, and ended in any way.
    public var totals: (created: UInt64, taken: UInt64, deleted: UInt64) {
        shared[0].lock.lock()
        defer { shared[0].lock.unlock() }
        return (shared[0].created, shared[0].taken, shared[0].deleted)
    }
}
