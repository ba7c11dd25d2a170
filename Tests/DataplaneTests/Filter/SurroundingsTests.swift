import Glibc
import Net
import Testing

@testable import Dataplane

/// What the scenario files `match-*` cannot show: moments of their own, zones, CPUs.
@Suite("What is known around a packet")
struct SurroundingsTests {
    typealias Rule = RuleText.Rule
    static let packet = "lan udp 10.0.0.2:1000 > 192.0.2.9:53 len 72"

    /// Seconds since 1970 of a moment UTC.
    private static func stamp(_ year: Int32, _ month: Int32, _ day: Int32, _ hour: Int32 = 0, _ minute: Int32 = 0) -> Int64 {
        var parts = unsafe tm()
        unsafe parts.tm_year = year - 1900
        unsafe parts.tm_mon = month - 1
        unsafe parts.tm_mday = day
        unsafe parts.tm_hour = hour
        unsafe parts.tm_min = minute
        return Int64(unsafe timegm(&parts))
    }

    // MARK: -m time

    /// Hours and minutes as seconds.
    private static func clock(_ hour: UInt32, _ minute: UInt32 = 0) -> UInt32 { hour * 3600 + minute * 60 }

    private static func test(_ change: (inout TimeTest) -> Void) -> TimeTest {
        var test = TimeTest()
        change(&test)
        return test
    }

    @Test("every day from 1970 to 2038 is of the week day and month day that the calendar gives")
    func calendar() {
        for day in stride(from: 0, to: 24_855, by: 1) {
            var parts = unsafe tm()
            var time = time_t(day * 86400 + 43_200)
            unsafe gmtime_r(&time, &parts)
            let weekDay = unsafe UInt8(parts.tm_wday == 0 ? 7 : parts.tm_wday)
            let monthDay = unsafe UInt32(parts.tm_mday)
            let only = Self.test {
                $0.weekDays = 1 << weekDay
                $0.monthDays = 1 << monthDay
            }
            let others = Self.test { $0.weekDays = 0xFE & ~(1 << weekDay) }
            let otherDays = Self.test { $0.monthDays = 0xFFFF_FFFE & ~(1 << monthDay) }
            guard only.matches(Int64(time)), !others.matches(Int64(time)), !otherDays.matches(Int64(time)) else {
                Issue.record("day \(day)")
                return
            }
        }
    }

    @Test("the time of day includes both ends; the later first means over midnight; equal ends are the whole day")
    func daytime() {
        let day = Self.stamp(2024, 8, 1)
        func matches(_ first: UInt32, _ last: UInt32, at second: UInt32) -> Bool {
            Self.test {
                $0.firstSecond = first
                $0.lastSecond = last
            }.matches(day + Int64(second))
        }
        let (nine, five) = (Self.clock(9), Self.clock(17))
        for (second, inside) in [(nine - 1, false), (nine, true), (five, true), (five + 1, false)] {
            #expect(matches(nine, five, at: second) == inside)
            // The kernel's ends belong to both.
            #expect(matches(five, nine, at: second) == (second <= nine || second >= five))
        }
        #expect(matches(nine, nine, at: 0) && matches(nine, nine, at: nine))
    }

    @Test("contiguous time over midnight is of the day on which it began")
    func contiguous() {
        // Monday 23:00 to 01:00.
        func matches(_ moment: Int64, isContiguous: Bool) -> Bool {
            Self.test {
                $0.firstSecond = Self.clock(23)
                $0.lastSecond = Self.clock(1)
                $0.weekDays = 1 << 1
                $0.isContiguous = isContiguous
            }.matches(moment)
        }
        let monday = Self.stamp(2024, 7, 29)
        for (moment, plain, contiguous) in [
            (monday + 1800, true, false), (monday + 12 * 3600, false, false), (monday + 23 * 3600 + 1800, true, true),
            (monday + 24 * 3600 + 1800, false, true), (monday + 25 * 3600 + 1, false, false),
        ] {
            #expect(matches(moment, isContiguous: false) == plain)
            #expect(matches(moment, isContiguous: true) == contiguous)
        }
    }

    @Test("dates include both ends; before 1970 nothing matches")
    func dates() {
        let test = Self.test {
            $0.firstDate = 1000
            $0.lastDate = 2000
        }
        #expect([999, 1000, 2000, 2001].map { test.matches($0) } == [false, true, true, false])
        #expect(!TimeTest().matches(-1))
        #expect(!TimeTest().matches(0x8000_0000))
    }

    @Test("the wall clock is the monotonic one with an offset, and a zone west of UTC lags behind")
    func wallClock() {
        var setup = Bench.Setup()
        let noon = Self.test {
            $0.firstSecond = Self.clock(12)
            $0.lastSecond = Self.clock(12, 59)
        }
        var localNoon = noon
        localNoon.isLocal = true
        setup.rules.around.times = [noon, localNoon]
        setup.rules.chain(
            .filter, .forward, [Rule(.next).surroundings(.time(0)), Rule(.next).surroundings(.time(1))])
        let bench = Bench(setup)
        func counts() -> [UInt64] { (0..<2).map { bench.rules.counted(rule: $0).packets } }
        let offset = { (moment: Int64) in moment * 1_000_000_000 - Int64(bench.now.nanoseconds) }
        bench.shared.wallClock.set(offset: offset(Self.stamp(2024, 8, 1, 12, 30)), minutesWest: 300)
        bench.send(Self.packet)
        #expect(counts() == [1, 0])
        bench.shared.wallClock.set(offset: offset(Self.stamp(2024, 8, 1, 17, 30)), minutesWest: 300)
        bench.send(Self.packet)
        #expect(counts() == [1, 1])
        // Time passes without anybody setting the clock.
        bench.pass(3600 * 19)
        bench.send(Self.packet)
        #expect(counts() == [2, 1])
    }

    // MARK: -m cpu

    @Test("-m cpu asks for the CPU that the worker is pinned to, or for its number")
    func cpu() {
        var setup = Bench.Setup()
        setup.workers = 2
        setup.rules.chain(
            .filter, .forward,
            [
                Rule(.next).surroundings(.cpu(1, isNegated: false)), Rule(.next).surroundings(.cpu(1, isNegated: true)),
                Rule(.next).surroundings(.cpu(9, isNegated: false)),
            ])
        let bench = Bench(setup)
        func counts() -> [UInt64] { (0..<3).map { bench.rules.counted(rule: $0).packets } }
        bench.send(Self.packet, worker: 0)
        bench.send(Self.packet, worker: 1)
        #expect(counts() == [1, 1, 0])
        unsafe bench.workers[0].cpu = 9
        bench.send(Self.packet, worker: 0)
        #expect(counts() == [1, 2, 1])
    }

    // MARK: -m mac, -m pkttype

    @Test("a datagram put together has the Ethernet source of its first fragment, whichever comes last")
    func macOfFragments() {
        var setup = Bench.Setup()
        setup.rules = .tracking
        let first = MACAddress(rawValue: 0x0200_0000_00AA)
        setup.rules.chain(
            .filter, .forward, [Rule(.next).surroundings(.linkSource(first, isNegated: false)), Rule(.next)])
        let bench = Bench(setup)
        let other = Bench.mac(0)
        bench.send(
            "lan eth 02:00:00:00:00:bb > \(other) ip 10.0.0.2 > 192.0.2.9 proto 17 id 7 off 16 len 8",
            "lan eth 02:00:00:00:00:aa > \(other) ip 10.0.0.2 > 192.0.2.9 proto 17 id 7 mf len 16")
        #expect((0..<2).map { bench.rules.counted(rule: $0).packets } == [1, 1])
    }
}
