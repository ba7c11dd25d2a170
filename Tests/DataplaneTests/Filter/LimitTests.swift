import Net
import Testing

@testable import Dataplane

@Suite("limit and quota (xt_limit.c, xt_quota.c)")
struct LimitTests {
    static let second: UInt32 = 10_000
    static let start = Instant.seconds(5000)

    /// How many of so many packets pass at each of some times, in seconds.
    private func passing(_ bucket: LimitBucket, _ count: Int, at times: [Double]) -> [Int] {
        times.map { time in
            (0..<count).count { _ in bucket.limit.take(Self.start + UInt64((time * 1e9).rounded())) }
        }
    }

    /// The cost of a packet and what a bucket holds, as the kernel's user2credits gives them for 250 ticks a second.
    @Test("a rate is 32,000 credits a second; what would overflow is divided first", arguments: [
        (UInt32(10_000), UInt32(1), UInt32(32_000), UInt32(32_000)),
        (5000, 3, 16_000, 48_000),
        (12_000_000, 5, 38_400_000, 192_000_000),
        // 134,217 is the last that is multiplied first.
        (134_217, 1, 429_494, 429_494), (134_218, 1, 416_000, 416_000),
        (1, 1, 3, 3),
    ])
    func credits(interval: UInt32, burst: UInt32, cost: UInt32, capacity: UInt32) {
        let limit = LimitBucket(interval: interval, burst: burst).limit
        #expect(limit.cost == cost && limit.capacity == capacity)
    }

    @Test("a bucket begins full, earns by the tick of 4 ms, and never holds more than its burst")
    func bucket() {
        #expect(passing(LimitBucket(interval: 5000, burst: 3), 10, at: [0, 0.496, 0.5, 0.75, 1.0, 60, 60.4]) == [3, 0, 1, 0, 1, 3, 0])
        // A packet that is refused costs nothing.
        #expect(passing(LimitBucket(interval: 10_000, burst: 1), 100, at: [0, 0.25, 0.5, 0.75, 1, 1.9, 2]) == [1, 0, 0, 0, 1, 0, 1])
        // 7 a second: 1428 units of time are 4569 credits, which 36 ticks bring.
        #expect(passing(LimitBucket(interval: 1428, burst: 1), 2, at: [0, 0.140, 0.144, 0.284, 0.288]) == [1, 0, 1, 0, 1])
        #expect(passing(LimitBucket(interval: 12_000_000, burst: 5), 9, at: [0, 1196, 1200, 2400, 30_000]) == [5, 0, 1, 1, 5])
    }

    @Test("after any silence the bucket is full: also after 37 hours, and when the ticks' 32 bits run over", arguments: [
        134_217.0, 134_218, 150_000, 1e6, 8.5e6, 1.0e7, 1.7e7, 1.8e7,
    ])
    func silence(seconds: Double) {
        #expect(passing(LimitBucket(interval: 12_000_000, burst: 5), 9, at: [0, seconds]) == [5, 5])
    }

    @Test("a worker whose clock lags earns nothing, and takes nothing back")
    func lag() {
        let bucket = LimitBucket(interval: Self.second, burst: 2)
        #expect(passing(bucket, 3, at: [1.0, 0.9, 0.5]) == [2, 0, 0])
        #expect(passing(bucket, 3, at: [1.9, 2.0]) == [0, 1])
    }

    @Test("four threads: of a burst, exactly the burst passes, and then exactly what time brings")
    func limitConcurrency() {
        let bucket = LimitBucket(interval: 10, burst: 1000)
        let limit = bucket.limit
        #expect(sum(onFour { _ in (0..<5000).count { _ in limit.take(Self.start) } }) == 1000)
        // 10 units are 32 credits, a tick brings 128: 4 packets.
        for tick in 1...50 {
            #expect(sum(onFour { _ in (0..<20).count { _ in limit.take(Self.start + UInt64(tick) * 4_000_000) } }) == 4)
        }
        withExtendedLifetime(bucket) {}
    }

    @Test("a quota is used up to the byte; the packet too many takes the rest")
    func quota() {
        let bucket = QuotaBucket(bytes: 100)
        #expect([60, 40, 1, 0].map { bucket.quota.take($0) } == [true, true, false, true])
        let other = QuotaBucket(bytes: 100)
        #expect([60, 41, 20, 40].map { other.quota.take($0) } == [true, false, false, false])
        let (endless, empty) = (QuotaBucket(bytes: .max), QuotaBucket(bytes: 0))
        #expect([1500].map { endless.quota.take($0) } == [true])
        #expect([20].map { empty.quota.take($0) } == [false])
    }

    @Test("four threads share a quota, and not a byte more passes")
    func quotaConcurrency() {
        let bucket = QuotaBucket(bytes: 1_000_000)
        let quota = bucket.quota
        #expect(sum(onFour { _ in (0..<10_000).count { _ in quota.take(40) } }) == 25_000)
        withExtendedLifetime(bucket) {}
    }
}
