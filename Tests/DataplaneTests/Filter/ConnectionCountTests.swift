import Net
import TestSupport
import Testing

@testable import Dataplane

@Suite("connlimit (nf_conncount.c)")
struct ConnectionCountTests {
    /// Drops in FORWARD what has more than `limit` flows.
    private static func bench(
        above limit: UInt32, state: ConnectionCountState, workers: Int = 1, flows: Int = 4096
    ) -> Bench {
        var setup = Bench.Setup()
        setup.workers = workers
        setup.flows = flows
        setup.rules = .tracking
        setup.rules.connectionCounts = [state.view]
        setup.rules.chain(
            .filter, .forward,
            [RuleText.Rule.drop.memory(.connections(list: 0, limit: limit, mask: .max, isAbove: true, byDestination: false))])
        return Bench(setup)
    }

    private static func open(_ bench: Bench, _ host: Int, _ port: Int, worker: Int = 0) -> Int {
        bench.send("lan udp 10.0.0.\(host):\(port) > 192.0.2.9:53", worker: worker).count
    }

    @Test("flows that have ended by their timeout make room, flows of others do not count")
    func expiry() {
        let state = ConnectionCountState(capacity: 64, bucketCount: 1)
        let bench = Self.bench(above: 2, state: state)
        #expect((1...4).map { Self.open(bench, 2, $0) } == [1, 1, 0, 0])
        #expect(Self.open(bench, 3, 1) == 1)
        bench.pass(29)
        #expect(Self.open(bench, 2, 1) == 1)
        bench.pass(2)
        #expect((5...7).map { Self.open(bench, 2, $0) } == [1, 0, 0])
        withExtendedLifetime(state) {}
    }

    @Test("an entry of the flow table that is given to another flow does not count for the old one")
    func reuse() {
        let state = ConnectionCountState(capacity: 64, bucketCount: 1)
        let bench = Self.bench(above: 100, state: state, flows: 8)
        for round in 0..<200 {
            _ = Self.open(bench, 2, 1000 + round)
            bench.pass(31)
            bench.pass(0.1)
            bench.pass(0.1)
        }
        // All have ended, whoever has their entries now.
        let table = bench.flows
        let subject = ConnectionCount.Subject(address: IPv4Address(10, 0, 0, 2).rawValue, zone: 0, flow: 0)
        #expect(state.view.count(subject, upTo: 0, in: table, now: bench.now) == 1)
    }

    @Test("when there is no room to count, packets are dropped by name; ended flows are swept out first")
    func full() {
        let state = ConnectionCountState(capacity: 4, bucketCount: 16)
        let bench = Self.bench(above: 100, state: state)
        #expect((1...6).map { Self.open(bench, 2, $0) } == [1, 1, 1, 1, 0, 0])
        #expect(bench.drops == ["connlimit-full": 2])
        // A flow that is counted already needs no room.
        #expect(Self.open(bench, 2, 1) == 1)
        bench.pass(31)
        #expect((11...14).map { Self.open(bench, 3, $0) } == [1, 1, 1, 1])
        withExtendedLifetime(state) {}
    }

    @Test("several workers count as one")
    func concurrency() {
        let state = ConnectionCountState(capacity: 4096, bucketCount: 16)
        let bench = Self.bench(above: 50, state: state, workers: 2)
        var passed = 0
        for port in 1...100 { passed += Self.open(bench, 2, port, worker: port & 1) }
        #expect(passed == 50)
        withExtendedLifetime(state) {}
    }

    @Test("counting from several threads at once counts each flow once")
    func threads() {
        let state = ConnectionCountState(capacity: 4096, bucketCount: 4)
        let table = FlowTable(maximum: 2048, workerCount: 4, key: 7)
        let now = Instant.seconds(1000)
        // Flow n is entry n; every thread counts every one of them.
        for flow in 1...1000 as ClosedRange<UInt32> {
            table.flows[flow].original = FlowTuple(
                source: "10.0.0.2", destination: "192.0.2.9", ipProtocol: .udp, sourcePort: UInt16(flow), destinationPort: 1)
            table.flows[flow].set(.confirmed)
            table.flows[flow].expire(at: now + 1_000_000_000)
        }
        onThreads(4) { thread in
            for step in 0..<1000 {
                let flow = UInt32((step + thread * 250) % 1000 + 1)
                let subject = ConnectionCount.Subject(address: 1, zone: 0, flow: flow)
                _ = state.view.count(subject, upTo: UInt32(thread) * 300, in: table, now: now)
            }
        }
        let subject = ConnectionCount.Subject(address: 1, zone: 0, flow: 1)
        #expect(state.view.count(subject, upTo: 0, in: table, now: now) == 1000)
    }

    @Test("threads that count flows which end and begin again lose no place")
    func turnover() {
        let state = ConnectionCountState(capacity: 64, bucketCount: 4)
        let table = FlowTable(maximum: 2048, workerCount: 4, key: 7)
        let now = Instant.seconds(1000)
        for flow in 1...400 as ClosedRange<UInt32> {
            table.flows[flow].set(.confirmed)
            table.flows[flow].expire(at: now + 1_000_000_000)
        }
        onThreads(4) { thread in
            for step in 0..<4000 {
                // Each thread's flows are its own; they end two steps later.
                let flow = UInt32(thread * 100 + step % 100 + 1)
                let old = UInt32(thread * 100 + (step + 98) % 100 + 1)
                table.flows[flow].expire(at: now + 1_000_000_000)
                table.flows[old].expire(at: now)
                let subject = ConnectionCount.Subject(address: UInt32(step / 7 % 5), zone: 0, flow: flow)
                _ = state.view.count(subject, upTo: UInt32(step % 3), in: table, now: now)
            }
        }
        // Once all have ended, there is room for as many as ever.
        for flow in 1...400 as ClosedRange<UInt32> { table.flows[flow].expire(at: now) }
        for flow in 1...400 as ClosedRange<UInt32> {
            let subject = ConnectionCount.Subject(address: flow, zone: 0, flow: flow)
            #expect(state.view.count(subject, upTo: 0, in: table, now: now + 1) == 1)
        }
    }

    @Test("where an address has many flows, ended ones make room with the next tick")
    func many() {
        let state = ConnectionCountState(capacity: 4096, bucketCount: 16)
        let bench = Self.bench(above: 200, state: state)
        #expect((1...210).map { Self.open(bench, 2, $0) }.reduce(0, +) == 200)
        // Refused ones do not count.
        bench.pass(0.01)
        #expect(Self.open(bench, 2, 1) == 1)
        bench.pass(31)
        #expect((1001...1210).map { Self.open(bench, 2, $0) }.reduce(0, +) == 200)
        withExtendedLifetime(state) {}
    }
}
