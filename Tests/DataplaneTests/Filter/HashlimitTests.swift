import Net
import Testing

@testable import Dataplane

@Suite("hashlimit (xt_hashlimit.c)")
struct HashlimitTests {
    static let start = Instant.seconds(5000)

    private static func at(_ seconds: Double) -> Instant { start + UInt64((seconds * 1e9).rounded()) }

    private static func settings(
        _ mode: HashlimitSettings.Mode = .sourceAddress, average: UInt64 = 1_000_000, burst: UInt64 = 1,
        buckets: UInt32 = 16, maximum: UInt32 = 128, gc: UInt32 = 1000, expiry: UInt32 = 10_000, interval: UInt32 = 1
    ) -> HashlimitSettings {
        HashlimitSettings(
            mode: mode, average: average, burst: burst, buckets: buckets, maximum: maximum, collectionInterval: gc,
            expiry: expiry, rateInterval: interval)
    }

    private static func key(_ number: Int) -> HashlimitTable.Key { HashlimitTable.Key(source: UInt32(number)) }

    /// How many of so many packets of one source are within the rate, at each of some times.
    private func passing(_ store: HashlimitStore, _ count: Int, length: Int = 60, source: Int = 1, at times: [Double]) -> [Int] {
        let mode = store.table.settings.mode
        return times.map { time in
            (0..<count).count { _ in store.table.settle(Self.key(source), mode, length: length, Self.at(time)) == .within }
        }
    }

    @Test("packets: a burst, and then one for each interval, by the tick")
    func packets() {
        let store = HashlimitStore(Self.settings(average: 500_000, burst: 3), key: 1)
        #expect(passing(store, 9, at: [0, 0.496, 0.504, 2.0, 9]) == [3, 0, 1, 3, 3])
        #expect(passing(store, 9, source: 2, at: [9]) == [3])
    }

    /// A table, and what an entry then says: credit, its most, the cost, and what a packet of 60 bytes used.
    typealias Words = (settings: HashlimitSettings, credit: UInt64, capacity: UInt64, cost: UInt64, used: UInt64)
    static let fresh: [Words] = [
        // 137,438,953 credits for a millionth of a second.
        (settings(average: 200_000, burst: 5), 137_438_953_000_000, 137_438_953_000_000, 27_487_790_600_000, 27_487_790_600_000),
        // 1kb/s: 66,076,419 a block of 16 bytes.
        (settings([.sourceAddress, .bytes], average: 66_076_419, burst: 0), 4_194_304_000, 0, 64_527_752, 64_527_752 * 4),
        (settings([.sourceAddress, .rateMatch], average: 333_333, burst: 5, interval: 60), 60, 0, 3, 0),
        (settings([.sourceAddress, .rateMatch, .bytes], average: 66_076_419, burst: 2), 1, 0, 1024, 0),
    ]

    @Test("the words of an entry are those of /proc/net/ipt_hashlimit", arguments: fresh.indices)
    func entry(_ place: Int) {
        let (settings, credit, capacity, cost, used) = Self.fresh[place]
        let store = HashlimitStore(settings, key: 1)
        _ = store.table.settle(Self.key(1), settings.mode, length: 60, Self.start)
        let record = store.table.records(at: Self.start).first
        let counts = settings.mode.contains(.rateMatch)
        let seen: UInt64 = counts ? (settings.mode.contains(.bytes) ? 60 : 1) : 0
        #expect(record?.credit == credit - used && record?.capacity == capacity + seen && record?.cost == cost)
        #expect(record?.seconds == 10 && record?.source == IPv4Address(rawValue: 1))
    }

    @Test("bytes: a second's worth at once, in blocks of sixteen and one more; a burst fills up again at once")
    func bytes() {
        // 1kb/s: 60 bytes are four blocks, 4,194,304,000 / (4 * 64,527,752) is 16.2.
        let plain = HashlimitStore(Self.settings([.sourceAddress, .bytes], average: 66_076_419, burst: 0), key: 1)
        #expect(passing(plain, 99, at: [0, 0.5, 3]) == [16, 8, 16])
        // No packet costs more than a full bucket.
        #expect(passing(plain, 9, length: 65_535, at: [9]) == [1])
        let burst = HashlimitStore(Self.settings([.sourceAddress, .bytes], average: 66_076_419, burst: 2), key: 1)
        #expect(passing(burst, 99, at: [0, 0.5, 3]) == [48, 8, 16])
    }

    @Test("rate match: an interval passes its rate and burst; if it saw more than the rate, the next passes none")
    func rateMatch() {
        let store = HashlimitStore(Self.settings([.sourceAddress, .rateMatch], average: 333_333, burst: 1), key: 1)
        #expect(passing(store, 9, at: [0, 0.5, 1, 1.5, 2.996, 3]) == [4, 0, 0, 0, 0, 0])
        #expect(passing(store, 3, at: [4.5, 6.5, 8.5]) == [0, 3, 3])
    }

    @Test("an entry that nobody uses serves on until the collection after its time, and then begins anew")
    func expiry() {
        let store = HashlimitStore(Self.settings(average: 3_600_000_000, burst: 2, gc: 1000, expiry: 1500), key: 1)
        // Collections are at 1, 2, 3 ... seconds after the first packet.
        #expect(passing(store, 1, at: [0, 1.6, 1.7]) == [1, 1, 0])
        #expect(passing(store, 1, at: [3.3]) == [0])
        #expect(passing(store, 1, source: 2, at: [4.9]) == [1])
        #expect(store.table.records(at: Self.at(4.9)).map(\.seconds).sorted() == [0, 1])
        #expect(store.table.records(at: Self.at(5)).map(\.source.rawValue) == [2])
        #expect(passing(store, 3, at: [5]) == [2])
        #expect(store.table.count == 2)
    }

    @Test("a full table has no room for a new key, until a collection; nobody's sweep is longer than its share")
    func full() {
        let store = HashlimitStore(
            Self.settings(average: 3_600_000_000, buckets: 100, maximum: 200, gc: 1000, expiry: 1500), key: 7)
        func outcome(_ source: Int, _ time: Double) -> HashlimitTable.Outcome {
            store.table.settle(Self.key(source), .sourceAddress, length: 60, Self.at(time))
        }
        #expect((0..<200).allSatisfy { outcome($0, 0) == .within })
        #expect(outcome(200, 0) == .full && outcome(200, 1.9) == .full && outcome(3, 1.9) == .above)
        #expect(store.table.count == 200)
        // The first packet after the collection finds a place; the rest goes by and by.
        #expect(outcome(200, 2.0) == .within)
        #expect(store.table.count > 1)
        for _ in 0..<7 { _ = outcome(200, 2.0) }
        #expect(store.table.count == 2)
        #expect((300..<498).allSatisfy { outcome($0, 2.1) == .within } && outcome(498, 2.1) == .full)
    }

    @Test("four threads: of each of a thousand sources exactly the burst passes, and each has one entry")
    func concurrency() {
        let store = HashlimitStore(Self.settings(average: 3_600_000_000, burst: 7, buckets: 64, maximum: 1000), key: 3)
        let table = store.table
        let passed = onFour { id in
            var passed = 0
            for round in 0..<5 {
                for number in 0..<1000 {
                    // Every thread begins elsewhere, so that all keys are met by several at once.
                    let source = (number + (id % 2) * 500) % 1000
                    let time = Self.start + UInt64(round) * 4_000_000
                    if table.settle(Self.key(source), .sourceAddress, length: 60, time) == .within { passed += 1 }
                }
            }
            return passed
        }
        #expect(sum(passed) == 7000)
        #expect(table.count == 1000)
        #expect(Set(table.records(at: Self.start).map(\.source)).count == 1000)
    }

    @Test("four threads that fill, overfill and collect: every entry is either in a bucket or free")
    func churn() {
        let store = HashlimitStore(Self.settings(buckets: 32, maximum: 64, gc: 8, expiry: 8), key: 3)
        let table = store.table
        let full = onFour { id in
            var random = RandomSource(seed: UInt64(id) + 1)
            var full = 0
            for step in 0..<20_000 {
                let time = Self.start + UInt64(step / 40) * 1_000_000
                let outcome = table.settle(
                    Self.key(Int(random.next(below: 200))), .sourceAddress, length: 60, time)
                if outcome == .full { full += 1 }
            }
            return full
        }
        #expect(sum(full) > 0)
        let end = Self.start + 500_000_000
        #expect(table.count <= 64)
        let sources = table.records(at: end).map(\.source)
        #expect(Set(sources).count == sources.count && sources.count <= table.count)
        // Long after, a few packets sweep all but their own entry away.
        for _ in 0..<10 { _ = table.settle(Self.key(1000), .sourceAddress, length: 60, end + 10_000_000_000) }
        #expect(table.count == 1)
    }
}
