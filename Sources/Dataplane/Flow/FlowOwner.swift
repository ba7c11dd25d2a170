import Net
import Synchronization

/// One worker's part in the flow table: its stock of free entries, the timer wheel of the flows it created, and the dead
/// ones that wait until nobody can look at them any more.
///
/// The wheel is hashed and lazy: a packet only writes the flow's `expires`. When the wheel comes to the slot that a flow
/// lies in, the flow has either expired or moves on to where it now belongs; timeouts longer than one turn just come by
/// again.
struct FlowOwner: ~Copyable {
    /// A slot is 2²⁷ ns, an eighth of a second, wide; a turn takes nine minutes.
    private static let slotShift: UInt64 = 27
    private static let slotCount = 4096
    /// Flows that one burst moves on the wheel or ends, and that it takes over from who killed them and frees, at the most of each: so that a
    /// million that end at once delay no burst noticeably. As many as the burst before began come on top, so the wheel keeps up.
    private static let budget = 24
    private static let burials = 32
    private var begun = 0

    private let worker: UInt8
    private let table: FlowTable
    private let epochs: Epochs

    private let stock: Slab<UInt32>
    private var stockCount = 0

    private let wheel: Slab<UInt32>
    /// The last slot that has been emptied, counted from the clock's zero; never a whole turn behind.
    private var visited: UInt64 = 0

    /// Flows that others have killed and that are still on the wheel, linked by `nextDead`.
    private var dead: UInt32 = 0
    /// Flows that died and wait for an epoch, linked the same way; and those that died since that epoch was asked for.
    private var waiting: UInt32 = 0
    private var waitingFor: UInt64 = 0
    private var fresh: UInt32 = 0
    /// The wheel has not come to the present yet.
    private var isLate = false
    /// Those in `waiting` may be freed.
    private var mayFree = false
    private var now = Instant(nanoseconds: 0)

    /// What happens to flows goes here, while somebody listens.
    let events = FlowEventRing()
    /// Whether somebody does, as of this burst.
    private(set) var isListenedTo = false
    private let statistics: Statistics

    init(worker: Int, table: FlowTable, epochs: Epochs, statistics: Statistics) {
        self.statistics = statistics
        self.worker = UInt8(worker)
        self.table = table
        self.epochs = epochs
        stock = Slab(count: 128)
        wheel = Slab(count: Self.slotCount)
    }

    // MARK: Creating

    /// A fresh entry, counted, with everything zeroed but its owner; 0 if the table is full and no flow may be put out.
    @inline(__always)
    mutating func create(original: FlowTuple, reply: FlowTuple, hash: UInt64) -> UInt32 {
        if !table.reserveOne() {
            guard table.dropEarly(near: hash, now: now) else { return 0 }
            statistics.add(FlowColumn.earlyDrop)
            guard table.reserveOne() else { return 0 }
        }
        if stockCount == 0 {
            stockCount = table.takeFree(64, into: stock)
            guard stockCount > 0 else {
                table.releaseOne()
                return 0
            }
        }
        if begun < Worker.burstLimit { begun &+= 1 }
        stockCount &-= 1
        let flow = stock[stockCount]
        let flows = table.flows
        // Before the status: what remembers the old flow must not take the new one for it.
        flows[flow].incarnation.wrappingAdd(1, ordering: .releasing)
        flows[flow].original = original
        flows[flow].reply = reply
        flows[flow].statusBits.store(0, ordering: .relaxed)
        flows[flow].tcp = TCPConnection()
        if original.ipProtocol == .sctp { table.associations[flow] = SCTPAssociation() }
        flows[flow].originalCounter = Flow.Counter()
        flows[flow].replyCounter = Flow.Counter()
        flows[flow].mark = 0
        flows[flow].policy = 0
        flows[flow].helper = 0
        flows[flow].masterHelper = 0
        flows[flow].masterSource = .any
        flows[flow].masqueradePort = .none
        flows[flow].owner = worker
        flows[flow].wheelSlot = .max
        return flow
    }

    /// Takes back an entry that was never confirmed. Its reply tuple may have been seen by others, so it waits too.
    mutating func abandon(_ flow: UInt32) {
        table.flows[flow].set(.dying)
        if table.flows[flow].status.contains(.helped) { table.expectations.removeAll(of: flow, now: now) }
        table.unlink(flow)
        table.releaseOne()
        table.flows[flow].nextDead = fresh
        fresh = flow
    }

    // MARK: The wheel

    /// Puts a confirmed flow under the timer.
    @inline(__always)
    mutating func schedule(_ flow: UInt32, now: Instant) {
        let flows = table.flows
        let current = now.nanoseconds >> Self.slotShift
        let due = flows[flow].expires.nanoseconds >> Self.slotShift
        // At the earliest the next slot; at the latest the one visited last, a turn later. One further would be the slot that
        // `turn` is emptying, which would then never be empty.
        let target = min(max(due &+ 1, current &+ 1), visited &+ UInt64(Self.slotCount))
        let slot = UInt32(truncatingIfNeeded: target % UInt64(Self.slotCount))
        let head = wheel[slot]
        flows[flow].wheelSlot = slot
        flows[flow].wheelPrevious = 0
        flows[flow].wheelNext = head
        if head != 0 { flows[head].wheelPrevious = flow }
        wheel[slot] = flow
    }

    private mutating func unschedule(_ flow: UInt32) {
        let flows = table.flows
        let next = flows[flow].wheelNext
        let previous = flows[flow].wheelPrevious
        if next != 0 { flows[next].wheelPrevious = previous }
        if previous != 0 { flows[previous].wheelNext = next } else { wheel[flows[flow].wheelSlot] = next }
    }

    // MARK: Once a burst

    /// Ends what has expired, buries what was killed, and frees what nobody can look at any more: of each as much as one burst may do.
    @inline(__always)
    mutating func advance(to now: Instant) {
        self.now = now
        isListenedTo = table.isListenedTo
        let current = now.nanoseconds >> Self.slotShift
        if visited < current { turn(to: current, now: now) }
        if table.graveyards[Int(worker)].load(ordering: .relaxed) != 0 || dead != 0 || fresh != 0 || waiting != 0 { bury() }
        begun = 0
    }

    @inline(never)
    private mutating func turn(to current: UInt64, now: Instant) {
        // After a long sleep every slot is visited once.
        visited = max(visited, current &- min(current, UInt64(Self.slotCount)))
        var budget = Self.budget &+ begun
        isLate = true
        while visited < current {
            // The next that may hold something due by now.
            let position = UInt32(truncatingIfNeeded: (visited &+ 1) % UInt64(Self.slotCount))
            while wheel[position] != 0 {
                guard budget > 0 else { return }
                budget &-= 1
                let flow = wheel[position]
                unschedule(flow)
                if table.flows[flow].status.contains(.dying) {
                    // Killed by another; it lies in the graveyard and must not be taken off the wheel twice.
                    table.flows[flow].wheelSlot = .max
                } else if table.flows[flow].expires <= now {
                    table.flows[flow].wheelSlot = .max
                    table.kill(flow)
                } else {
                    schedule(flow, now: now)
                }
            }
            visited &+= 1
        }
        isLate = false
    }

    @inline(never)
    private mutating func bury() {
        let flows = table.flows
        // Others put theirs on top of an empty graveyard meanwhile.
        if dead == 0 { dead = table.graveyards[Int(worker)].exchange(0, ordering: .acquiring) }
        var budget = Self.burials &+ begun
        while dead != 0, budget > 0 {
            let flow = dead
            dead = flows[flow].nextDead
            if flows[flow].wheelSlot != .max { unschedule(flow) }
            if flows[flow].status.contains(.helped) { table.expectations.removeAll(of: flow, now: now) }
            if isListenedTo { table.tell(.destroy, of: flow, at: now, to: events) }
            flows[flow].nextDead = fresh
            fresh = flow
            budget &-= 1
        }
        if waiting != 0, !mayFree { mayFree = epochs.isReached(waitingFor) }
        if mayFree {
            budget = Self.burials &+ begun
            while waiting != 0, budget > 0 {
                let next = flows[waiting].nextDead
                if stockCount == stock.count {
                    table.giveFree(64, from: stock, at: stockCount - 64)
                    stockCount -= 64
                }
                stock[stockCount] = waiting
                stockCount += 1
                waiting = next
                budget &-= 1
            }
        }
        if waiting == 0, fresh != 0 {
            waiting = fresh
            fresh = 0
            mayFree = false
            waitingFor = epochs.target()
        }
    }

    /// Whether `advance` has something left to do soon, so that the worker should not sleep long.
    var hasUnfinishedBusiness: Bool { waiting != 0 || fresh != 0 }

    /// Whether `advance` stopped because it had done as much as one burst may.
    var isBehind: Bool { isLate || dead != 0 || mayFree && waiting != 0 }
}
