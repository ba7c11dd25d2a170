import Net
import Testing

@testable import Dataplane

@Suite("The flow table: index, timer wheel, reuse, early drop", .serialized)
struct FlowTableTests {
    /// A table, its epochs and owners, without packets.
    @safe struct Owners: ~Copyable {
        let table: FlowTable
        let epochs: Epochs
        let owners: UnsafeMutablePointer<FlowOwner>
        let count: Int

        init(flows: Int, workers: Int = 1) {
            table = FlowTable(maximum: flows, workerCount: workers, key: 0x9876_5432_1234_5679)
            epochs = Epochs(workerCount: workers)
            count = workers
            unsafe owners = .allocate(capacity: workers)
            for worker in 0..<workers { unsafe (owners + worker).initialize(to: FlowOwner(worker: worker, table: table, epochs: epochs, statistics: Statistics())) }
        }

        deinit {
            unsafe owners.deinitialize(count: count)
            unsafe owners.deallocate()
        }

        /// A confirmed flow, or 0.
        func add(_ number: Int, until expires: Instant, now: Instant, worker: Int = 0) -> UInt32 {
            let tuple = FlowTableTests.tuple(number)
            let flow = unsafe owners[worker].create(original: tuple, reply: tuple.inverted ?? tuple, hash: table.index.hash(tuple))
            guard flow != 0 else { return 0 }
            table.flows[flow].expire(at: expires)
            guard table.confirm(flow) else {
                unsafe owners[worker].abandon(flow)
                return 0
            }
            unsafe owners[worker].schedule(flow, now: now)
            return flow
        }

        func advance(to now: Instant, worker: Int = 0) {
            epochs.enter(worker)
            unsafe owners[worker].advance(to: now)
        }
    }

    static func tuple(_ number: Int) -> FlowTuple {
        FlowTuple(
            source: IPv4Address(rawValue: 0x0A00_0000 + UInt32(number >> 16)), destination: "192.0.2.9", ipProtocol: .udp,
            sourcePort: UInt16(number & 0xFFFF), destinationPort: 53)
    }

    @Test("DESIGN 4: at most 256 bytes a flow, index included")
    func size() {
        let table = FlowTable(maximum: 1 << 16, workerCount: 2, key: 1)
        #expect(table.bytesPerFlow <= 256)
        // Three cache lines, of which none is shared with the next flow.
        #expect(MemoryLayout<Flow>.stride == 192)
        // Also if every flow has labels.
        #expect(table.bytesPerFlow + FlowTable.bytesOfLabels <= 256)
    }

    @Test("a flow ends when its time is over, and at most a quarter of a second later; not before", arguments: [1, 2, 3] as [UInt64])
    func expiry(seed: UInt64) {
        let bench = Owners(flows: 4096)
        var random = RandomSource(seed: seed)
        var now = Instant.seconds(50)
        bench.advance(to: now)
        var ends: [(UInt32, Instant)] = []
        for number in 0..<200 {
            let end = now + UInt64(random.next(below: 1_400_000)) * 1_000_000
            ends.append((bench.add(number, until: end, now: now), end))
        }
        while bench.table.count > 0 {
            now = now + 60_000_000
            bench.advance(to: now)
            for (flow, end) in ends {
                let isOver = bench.table.flows[flow].status.contains(.dying)
                if isOver, now < end { Issue.record("ended \(end.since(now)) ns early") }
                if !isOver, now.since(end) > 330_000_000 { Issue.record("still there \(now.since(end)) ns later") }
            }
            ends.removeAll { bench.table.flows[$0.0].status.contains(.dying) }
            guard now < .seconds(2000) else { break }
        }
        #expect(ends.isEmpty)
    }

    @Test("the wheel never sticks, however long the pauses are", arguments: 1...6 as ClosedRange<UInt64>)
    func pauses(seed: UInt64) {
        let bench = Owners(flows: 65536)
        var random = RandomSource(seed: seed)
        var now = Instant.seconds(5)
        var number = 0
        var ends: [UInt32: Instant] = [:]
        for _ in 0..<120 {
            // Pauses of up to two turns, and steps within one slot.
            let pause = random.next(below: 3) == 0 ? UInt64(random.next(below: 1_200_000)) : UInt64(random.next(below: 300))
            now = now + pause * 1_000_000
            // So many bursts at one moment do all there is to do.
            for _ in 0..<(ends.count / 20 + 4) { bench.advance(to: now) }
            for (flow, end) in ends where bench.table.flows[flow].status.contains(.dying) {
                if now < end { Issue.record("ended early") }
                ends[flow] = nil
            }
            let late = ends.values.filter { now.since($0) > 140_000_000 }.count
            // Only what a pause of more than a turn skipped may have to wait for the next.
            if late > (pause > 500_000 ? 4 : 0), ends.values.contains(where: { now.since($0) > 600_000_000_000 }) {
                Issue.record("\(late) of \(ends.count) flows are late")
            }
            for _ in 0..<random.next(below: 200) {
                let life = random.next(below: 4) == 0 ? 548_000 + random.next(below: 3000) : random.next(below: 700_000)
                let end = now + UInt64(life) * 1_000_000
                let flow = bench.add(number, until: end, now: now)
                number += 1
                ends[flow] = end
            }
        }
        for _ in 0..<40 {
            now = now + 60_000_000_000
            for _ in 0..<100 { bench.advance(to: now) }
        }
        #expect(bench.table.count == 0)
    }

    @Test("a flow due exactly one turn of the wheel after the slot in hand holds nothing up")
    func sameSlot() {
        let bench = Owners(flows: 64)
        let slot: UInt64 = 1 << 27
        let start = Instant(nanoseconds: 10000 * slot)
        bench.advance(to: start)
        // In the slot ten ahead, but due a turn later than that by now.
        let flow = bench.add(1, until: Instant(nanoseconds: 10009 * slot), now: start)
        bench.table.flows[flow].expire(at: Instant(nanoseconds: (10009 + 4096) * slot))
        let other = bench.add(2, until: Instant(nanoseconds: 10015 * slot), now: start)
        for _ in 0..<20 { bench.advance(to: Instant(nanoseconds: 10030 * slot)) }
        #expect(bench.table.flows[other].status.contains(.dying))
        #expect(!bench.table.flows[flow].status.contains(.dying))
    }

    @Test("a million flows that end at once delay no burst: few go at a time")
    func million() {
        let count = 1_000_000
        let bench = Owners(flows: count)
        var now = Instant.seconds(50)
        bench.advance(to: now)
        for number in 0..<count { if bench.add(number, until: now + 1_000_000_000, now: now) == 0 { Issue.record("no flow \(number)") } }
        #expect(bench.table.count == count)
        #expect(bench.add(count, until: now + 1_000_000_000, now: now) != 0, "an unreplied flow makes room")
        now = now + 2_000_000_000
        var bursts = 0
        while bench.table.count > 0, bursts < 50_000 {
            let before = bench.table.count
            bench.advance(to: now)
            bursts += 1
            if before - bench.table.count > 24 + Worker.burstLimit { Issue.record("\(before - bench.table.count) in one burst") }
        }
        #expect(bench.table.count == 0)
        #expect(bursts < 42_000)
        // All entries can be had again.
        for _ in 0..<4 { bench.advance(to: now) }
        for number in 0..<1000 { #expect(bench.add(number, until: now + 1_000_000_000, now: now) != 0) }
    }

    @Test("an entry is not used again before every worker has begun another burst or rests")
    func reuse() {
        let bench = Owners(flows: 8, workers: 2)
        let now = Instant.seconds(50)
        bench.advance(to: now)
        bench.epochs.enter(1)
        var used = Set<UInt32>()
        // Worker 1 stays in its burst: whatever worker 0 does, no number comes twice.
        for number in 0..<3000 {
            let flow = bench.add(number, until: now + 1_000_000_000, now: now)
            if flow == 0 { break }
            #expect(used.insert(flow).inserted)
            #expect(bench.table.kill(flow))
            #expect(!bench.table.kill(flow))
            bench.advance(to: now)
        }
        #expect(used.count == 3000)
        bench.epochs.leave(1)
        var again = false
        for number in 0..<5000 where !again {
            bench.advance(to: now)
            let flow = bench.add(number, until: now + 1_000_000_000, now: now)
            again = !used.insert(flow).inserted
            bench.table.kill(flow)
        }
        #expect(again)
    }

    @Test("only confirmed flows can be killed")
    func unconfirmed() {
        let bench = Owners(flows: 8)
        let tuple = Self.tuple(1)
        let flow = unsafe bench.owners[0].create(original: tuple, reply: tuple.inverted ?? tuple, hash: bench.table.index.hash(tuple))
        #expect(!bench.table.kill(flow))
        #expect(bench.table.confirm(flow))
        #expect(bench.table.kill(flow))
    }

    @Test("a bucket that overflows finds all of its flows; the index has room for twice what it was made for")
    func overflow() {
        let index = FlowIndex(flows: 64, key: 5)
        var entered: [(FlowIndex.Reference, UInt64)] = []
        // One bucket alone: far more than its twelve slots.
        for number in 1...150 {
            let hash = UInt64(number) & 0xFF
            let reference = FlowIndex.Reference(flow: UInt32(number), .original)
            index.lock(hash)
            if index.insert(reference, hash: hash) { entered.append((reference, hash)) }
            index.unlock(hash)
        }
        #expect(entered.count > 150 / 2)
        for (reference, hash) in entered { #expect(index.first(hash) { $0 == reference } == reference) }
        for (reference, hash) in entered {
            index.lock(hash)
            index.remove(reference, hash: hash)
            index.unlock(hash)
            #expect(index.first(hash) { $0 == reference } == nil)
        }
        for (reference, hash) in entered {
            index.lock(hash)
            #expect(index.insert(reference, hash: hash))
            index.unlock(hash)
        }
    }

    @Test("nf_conntrack_max: unreplied flows make room, assured ones never; then the drop says so")
    func earlyDrop() {
        var setup = Bench.Setup()
        setup.rules = .tracking
        setup.flows = 64
        let bench = Bench(setup)
        for port in 1...500 { #expect(bench.send("lan udp 10.0.0.2:\(port) > 192.0.2.9:53").count == 1) }
        #expect(bench.flows.count == 64)
        #expect(bench.drops == [:])
        // All of them assured: nothing gives way.
        let other = Bench(setup)
        for port in 1...64 {
            other.send("lan tcp 10.0.0.2:\(port) > 192.0.2.9:80 S seq 100")
            other.send("wan tcp 192.0.2.9:80 > 10.0.0.2:\(port) SA seq 500 ack 101")
            other.send("lan tcp 10.0.0.2:\(port) > 192.0.2.9:80 A seq 101 ack 501")
        }
        #expect(other.flows.count == 64)
        #expect(other.send("lan udp 10.0.0.2:1 > 192.0.2.9:53") == [])
        #expect(other.drops == ["flow-table-full": 1])
        #expect(other.flowList.filter { $0.contains("ASSURED") }.count == 64)
    }
}
