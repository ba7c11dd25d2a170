import Net
import Testing

@testable import Dataplane

@Suite("recent (xt_recent.c)")
struct RecentTests {
    static let start = Instant.seconds(5000)

    /// A list, and what rules ask of it.
    private struct Lists {
        let list: RecentList

        init(entries: Int = 100, stamps: Int = 32, mask: IPv4Address = .broadcast) {
            list = RecentList(entries: entries, stamps: stamps, mask: mask, key: 0x1234_5678_9ABC_DEF1)
        }

        func ask(
            _ operation: RecentTest.Operation, _ address: IPv4Address = "10.0.0.2", at seconds: Double = 0, ttl: UInt8 = 64,
            not: Bool = false, seconds within: UInt32 = 0, hits: UInt32 = 0, reap: Bool = false, rttl: Bool = false
        ) -> Bool {
            let test = RecentTest(
                list.table, operation, isNegated: not, seconds: within, hitCount: hits, reaps: reap, comparesTTL: rttl)
            return list.table.matches(
                test, address, ttl: ttl, RecentTests.start + UInt64((seconds * 1e9).rounded()))
        }

        /// Addresses by their last byte, the one unused longest first.
        var order: [UInt32] { list.table.records().map { $0.address.rawValue & 255 } }
    }

    @Test("set puts on the list, remove takes off, and both are true of what they did")
    func operations() {
        let lists = Lists()
        #expect(!lists.ask(.check) && !lists.ask(.update) && !lists.ask(.remove) && lists.ask(.check, not: true))
        #expect(lists.ask(.set) && lists.ask(.check) && lists.ask(.update) && !lists.ask(.check, "10.0.0.3"))
        #expect(!lists.ask(.set, not: true) && !lists.ask(.remove, not: true) && !lists.ask(.check))
        #expect(lists.ask(.remove, not: true))
        // A negated set of a new address: on the list, and false.
        #expect(!lists.ask(.set, "10.0.0.4", not: true) && lists.order == [4])
    }

    @Test("a time counts up to the tick that lies so many seconds back")
    func seconds() {
        let lists = Lists()
        #expect(lists.ask(.set, at: 0))
        #expect(lists.ask(.check, at: 60, seconds: 60) && !lists.ask(.check, at: 60.004, seconds: 60))
        #expect(lists.ask(.update, at: 60, seconds: 60) && lists.ask(.check, at: 120, seconds: 60))
        #expect(!lists.ask(.update, at: 120.004, seconds: 60) && !lists.ask(.check, at: 121, seconds: 60))
        // An hour is 900,000 ticks; more seconds than the kernel's 32 bits of ticks hold wrap around.
        #expect(lists.ask(.check, at: 3600, seconds: 3600) && !lists.ask(.check, at: 9000, seconds: 17_179_870))
    }

    @Test("hits count within the seconds; a ring forgets the oldest, and never counts more than it holds")
    func hits() {
        let lists = Lists(stamps: 4)
        for time in [0, 1, 2] { #expect(lists.ask(.set, at: Double(time))) }
        #expect(lists.ask(.check, at: 2, hits: 3) && !lists.ask(.check, at: 2, hits: 4))
        #expect(lists.ask(.check, at: 3, seconds: 2, hits: 2) && !lists.ask(.check, at: 3, seconds: 2, hits: 3))
        for time in [3, 4, 5] { #expect(lists.ask(.set, at: Double(time))) }
        #expect(lists.ask(.check, at: 5, hits: 4) && !lists.ask(.check, at: 5, hits: 5) && !lists.ask(.check, at: 6, seconds: 3, hits: 4))
        let record = lists.list.table.records()[0]
        let tick: UInt64 = 4_294_892_296 + 250 * 5000
        #expect(record.stamps == [tick + 4 * 250, tick + 5 * 250, tick + 2 * 250, tick + 3 * 250])
        #expect(record.index == 2 && record.lastSeen == tick + 5 * 250 && record.ttl == 64)
    }

    @Test("update stamps only what matches; negated, what does not")
    func updates() {
        let lists = Lists()
        #expect(lists.ask(.set) && !lists.ask(.update, hits: 2) && !lists.ask(.update, hits: 2))
        #expect(lists.list.table.records()[0].stamps.count == 1)
        #expect(lists.ask(.update, not: true, hits: 2) && lists.list.table.records()[0].stamps.count == 2)
        #expect(!lists.ask(.update, not: true, hits: 2) && lists.list.table.records()[0].stamps.count == 2)
        #expect(lists.ask(.update, hits: 2) && lists.list.table.records()[0].stamps.count == 3)
    }

    @Test("rttl wants the TTL of the last set or update; 0 fits any, and what an operator adds has 0")
    func ttl() {
        let lists = Lists()
        #expect(lists.ask(.set, ttl: 40) && lists.ask(.check, ttl: 40, rttl: true) && !lists.ask(.check, ttl: 41, rttl: true))
        #expect(!lists.ask(.update, ttl: 41, rttl: true) && lists.ask(.update, ttl: 41) && lists.ask(.check, ttl: 41, rttl: true))
        #expect(lists.ask(.check, ttl: 0, rttl: true))
        lists.list.table.add("10.0.0.9", at: Self.start)
        #expect(lists.ask(.check, "10.0.0.9", ttl: 7, rttl: true) && lists.list.table.records().last?.ttl == 0)
    }

    @Test("the address unused longest makes room; a check is no use, a set and an update are")
    func leastRecentlyUsed() {
        let lists = Lists(entries: 3)
        for number in 1...3 { #expect(lists.ask(.set, IPv4Address(rawValue: 0x0A00_0000 + UInt32(number)))) }
        #expect(lists.ask(.check, "10.0.0.1") && lists.ask(.update, "10.0.0.2") && lists.order == [1, 3, 2])
        #expect(lists.ask(.set, "10.0.0.4") && lists.order == [3, 2, 4] && lists.list.table.count == 3)
        #expect(lists.ask(.remove, "10.0.0.2") && lists.ask(.set, "10.0.0.5") && lists.order == [3, 4, 5])
        #expect(lists.list.table.flush() == 3 && lists.order.isEmpty && !lists.ask(.check, "10.0.0.3"))
        #expect(lists.ask(.set, "10.0.0.6") && lists.order == [6])
    }

    @Test("reap takes one old entry off, but not the one that is being stamped")
    func reap() {
        let lists = Lists()
        for number in 1...3 { #expect(lists.ask(.set, IPv4Address(rawValue: 0x0A00_0000 + UInt32(number)), at: Double(number))) }
        #expect(!lists.ask(.check, "10.0.0.9", at: 10, seconds: 5, reap: true) && lists.order == [1, 2, 3])
        #expect(!lists.ask(.check, "10.0.0.3", at: 10, seconds: 5, reap: true) && lists.order == [2, 3])
        #expect(lists.ask(.update, "10.0.0.2", at: 10, not: true, seconds: 5, reap: true) && lists.order == [3, 2])
        #expect(!lists.ask(.check, "10.0.0.3", at: 10, seconds: 5, reap: true) && lists.order == [2])
        #expect(lists.ask(.check, "10.0.0.2", at: 10, seconds: 5, reap: true) && lists.order == [2])
    }

    @Test("the mask makes entries, but not of what an operator writes")
    func mask() {
        let lists = Lists(mask: "255.255.255.0")
        #expect(lists.ask(.set, "10.0.0.7") && lists.ask(.check, "10.0.0.8") && lists.order == [0])
        #expect(!lists.list.table.remove("10.0.0.7") && lists.list.table.remove("10.0.0.0"))
        lists.list.table.add("10.0.0.7", at: Self.start)
        #expect(!lists.ask(.check, "10.0.0.7"))
    }

    @Test("a list of a ring with 65,536 times counts as many hits as a rule may ask for")
    func longest() {
        let lists = Lists(entries: 2, stamps: 65_536)
        for _ in 0..<65_534 { _ = lists.ask(.set) }
        #expect(!lists.ask(.check, hits: 65_535) && lists.ask(.set) && lists.ask(.check, hits: 65_535))
        for _ in 0..<10 { _ = lists.ask(.set, at: 1) }
        #expect(lists.ask(.check, hits: 65_535) && lists.list.table.records()[0].lastSeen == 4_294_892_296 + 250 * 5001)
    }

    @Test("random operations leave what a plain list would hold")
    func model() {
        let lists = Lists(entries: 8)
        var random = RandomSource(seed: 5)
        var model: [UInt32] = []
        for step in 0..<20_000 {
            let number = random.next(below: 16)
            let address = IPv4Address(rawValue: 0x0A00_0000 + number)
            let isThere = model.contains(number)
            switch random.next(below: 4) {
            case 0, 1:
                #expect(lists.ask(.set, address))
                model.removeAll { $0 == number }
                if model.count == 8 { model.removeFirst() }
                model.append(number)
            case 2:
                #expect(lists.ask(.update, address) == isThere)
                if isThere {
                    model.removeAll { $0 == number }
                    model.append(number)
                }
            default:
                #expect(lists.ask(.remove, address) == isThere)
                model.removeAll { $0 == number }
            }
            if lists.order != model {
                Issue.record("step \(step): \(lists.order), not \(model)")
                return
            }
        }
    }

    @Test("four threads: of one address exactly the hits pass that a rule lets pass")
    func concurrency() {
        let lists = Lists(entries: 4, stamps: 1024)
        _ = lists.ask(.set)
        // Not yet seen 1,000 times: stamped, and let through.
        let passed = onFour { _ in (0..<2000).count { _ in lists.ask(.update, not: true, hits: 1000) } }
        #expect(sum(passed) == 999)
        #expect(lists.list.table.records()[0].stamps.count == 1000)
    }

    @Test("four threads that set, remove and make room leave a list that holds together")
    func churn() {
        let lists = Lists(entries: 16)
        _ = onFour { id in
            var random = RandomSource(seed: UInt64(id) + 1)
            for _ in 0..<20_000 {
                let address = IPv4Address(rawValue: 0x0A00_0000 + random.next(below: 64))
                switch random.next(below: 4) {
                case 0: _ = lists.ask(.remove, address)
                case 1: _ = lists.ask(.update, address)
                default: _ = lists.ask(.set, address)
                }
            }
            return 0
        }
        let order = lists.order
        #expect(order.count == lists.list.table.count && Set(order).count == order.count && order.count <= 16)
        for number in 0..<64 {
            #expect(lists.ask(.check, IPv4Address(rawValue: 0x0A00_0000 + UInt32(number))) == order.contains(UInt32(number)))
        }
    }
}
