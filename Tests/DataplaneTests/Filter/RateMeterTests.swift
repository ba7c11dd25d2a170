import Net
import Synchronization
import Testing

@testable import Dataplane

@Suite("Rates and turns: what rules remember of the packets before")
struct RateMeterTests {
    private static let start = Instant.seconds(1000)

    private static func moment(_ seconds: Double) -> Instant { start + UInt64(seconds * 1e9) }

    /// Begins to measure at the start, as the first look at a new estimate does.
    private static func estimator(power: UInt8 = 0, averaging: UInt8 = 1) -> RateEstimator {
        let estimator = RateEstimator(intervalPower: power, averaging: averaging)
        estimator.meter.advance(to: start)
        return estimator
    }

    @Test("the average is the kernel's, in its integers (est_timer)")
    func average() {
        let estimator = Self.estimator()
        let meter = estimator.meter
        for number in 0..<10 { meter.add(bytes: 100, at: Self.moment(0.02 * Double(number))) }
        #expect(meter.read(at: Self.moment(0.2)) == (0, 0))
        // 1000 bytes and 10 packets in a quarter of a second: 4000 and 40 a second, of which a half counts.
        #expect(meter.read(at: Self.moment(0.26)) == (2000, 20))
        #expect(meter.read(at: Self.moment(0.51)) == (1000, 10))
        meter.add(bytes: 100, at: Self.moment(0.6))
        #expect(meter.read(at: Self.moment(0.76)) == (700, 7))
        // Three intervals at once.
        #expect(meter.read(at: Self.moment(1.51)) == (87, 0))
    }

    @Test("an interval is 250 ms times a power of two, and rates are a second's whatever it is", arguments: 0...5)
    func intervals(power: Int) {
        let estimator = Self.estimator(power: UInt8(power))
        let meter = estimator.meter
        let interval = 0.25 * Double(1 << power)
        for _ in 0..<64 { meter.add(bytes: 1000, at: Self.start) }
        #expect(meter.read(at: Self.moment(interval - 0.01)) == (0, 0))
        let packets = UInt64(32 / interval)
        #expect(meter.read(at: Self.moment(interval)) == (packets * 1000, packets))
    }

    @Test("after a year without packets the rate is what it would have become step by step")
    func quiet() {
        let estimator = Self.estimator(averaging: 3)
        let meter = estimator.meter
        for _ in 0..<1000 { meter.add(bytes: 1500, at: Self.start) }
        #expect(meter.read(at: Self.moment(0.25)).packets == 500)
        #expect(meter.read(at: Self.moment(365 * 86400)) == (0, 0))
        // The intervals still end where they would have.
        meter.add(bytes: 800, at: Self.moment(365 * 86400 + 0.1))
        #expect(meter.read(at: Self.moment(365 * 86400 + 0.24)) == (0, 0))
        #expect(meter.read(at: Self.moment(365 * 86400 + 0.25)) == (400, 0))
    }

    /// Two meters: 40 packets and 4000 bytes a second, and none.
    private static func answers(_ tests: [RateTest]) -> [Bool] {
        let (busy, idle) = (estimator(), estimator())
        for _ in 0..<20 { busy.meter.add(bytes: 100, at: start) }
        let meters = Slab<RateMeter>(count: 2)
        defer { meters.deallocate() }
        meters[0] = busy.meter
        meters[1] = idle.meter
        return tests.map { $0.matches(meters, at: moment(0.3)) }
    }

    private static func test(
        _ comparison: RateTest.Comparison, of first: UInt32 = 0, bytes: UInt32? = nil, packets: UInt32? = nil,
        second: UInt32? = nil, delta: RateTest.Rates? = nil, not: Bool = false
    ) -> RateTest {
        RateTest(
            first: first, second: second, comparison: comparison, isNegated: not, comparesBytes: bytes != nil,
            comparesPackets: packets != nil, firstDelta: delta,
            secondRates: .init(bytes: bytes ?? 0, packets: packets ?? 0))
    }

    @Test("rates are compared with numbers, both if both are given")
    func numbers() {
        let tests = [
            Self.test(.greater, packets: 39), Self.test(.greater, packets: 40), Self.test(.equal, packets: 40),
            Self.test(.less, bytes: 4001), Self.test(.less, bytes: 4000), Self.test(.greater, bytes: 1, packets: 99),
            Self.test(.greater, bytes: 1, packets: 99, not: true), Self.test(.less, packets: 40, not: true),
        ]
        #expect(Self.answers(tests) == [true, false, true, true, false, false, true, true])
    }

    @Test("rates are compared with another meter's, and what is left of a limit instead of the rate")
    func deltas() {
        let limit = RateTest.Rates(bytes: 5000, packets: 30)
        let tests = [
            Self.test(.greater, packets: 0, second: 1), Self.test(.greater, of: 1, packets: 0, second: 0),
            Self.test(.equal, of: 1, bytes: 0, second: 1),
            // 1000 bytes are left; of the packets none, since less than nothing is nothing.
            Self.test(.equal, bytes: 1000, delta: limit), Self.test(.equal, packets: 0, delta: limit),
            // 1000 against 3000 less nothing.
            Self.test(.less, bytes: 3000, second: 1, delta: limit), Self.test(.less, bytes: 900, second: 1, delta: limit),
        ]
        #expect(Self.answers(tests) == [true, false, true, true, true, true, false])
    }

    @Test("a rule's turn comes once in so many packets, exactly, however many workers count")
    func turns() {
        let state = TurnState(every: 7, after: 2)
        let counter = state.counter
        #expect((0..<15).map { _ in counter.take(last: 6) }.enumerated().filter(\.element).map(\.offset) == [2, 9])
        let taken = Atomic<Int>(0)
        // 15 were taken before: the turns come at 16, 23, ….
        onThreads(4) { _ in
            for _ in 0..<20_000 where counter.take(last: 6) { taken.wrappingAdd(1, ordering: .relaxed) }
        }
        #expect(taken.load(ordering: .relaxed) == (80_000 + 15 - 3) / 7 + 1 - 2)
    }

    @Test("of packets at random the share is the probability, within five deviations")
    func chance() {
        var setup = Bench.Setup()
        setup.rules.chain(
            .filter, .forward,
            [
                RuleText.Rule(.next).memory(.chance(1 << 29, isNegated: false)),
                RuleText.Rule(.next).memory(.chance(1 << 29, isNegated: true)),
                RuleText.Rule(.next).memory(.chance(1 << 31, isNegated: false)),
                RuleText.Rule(.next).memory(.chance(0, isNegated: false)),
            ])
        let bench = Bench(setup)
        for _ in 0..<4000 { bench.send("lan udp 10.0.0.2:1000 > 192.0.2.9:53 len 8") }
        let counts = (0..<4).map { bench.rules.counted(rule: $0).packets }
        // Deviation: √(4000 · ¼ · ¾) = 27.4.
        #expect((863...1137).contains(counts[0]))
        #expect((2863...3137).contains(counts[1]))
        #expect(counts[2...] == [4000, 0])
    }
}
