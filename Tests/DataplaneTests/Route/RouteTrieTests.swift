import Glibc
import Net
import Synchronization
import Testing

@testable import Dataplane

@Suite("Prefixes: longest match against a linear scan")
struct RouteTrieTests {
    /// Random prefixes in a narrow range, so that they nest.
    static func prefix(_ numbers: inout SeededNumbers) -> IPv4Prefix {
        let length = UInt8.random(in: 0...32, using: &numbers)
        let high = UInt32.random(in: 0..<3, using: &numbers) << 22
        return IPv4Prefix(
            IPv4Address(rawValue: 0x0B00_0000 + high + UInt32.random(in: 0..<2048, using: &numbers)), length
        )
        .network
    }

    @Test("Insertion, change and withdrawal in any order give what a scan gives", arguments: [1, 2, 3, 4] as [UInt64])
    func againstScan(seed: UInt64) {
        var numbers = SeededNumbers(seed)
        let router = TestRouter(ports: 8)
        // Odd seeds stay below the threshold for a trie.
        let most = seed % 2 == 1 ? RouteTables.trieThreshold - 4 : 600
        let table: UInt32 = 100
        router.writer.apply([.policy(PolicyRule(priority: 1, action: .lookup(table: table)))])
        var model: [IPv4Prefix: Int] = [:]
        for step in 0..<2000 {
            let prefix = Self.prefix(&numbers)
            let n = Int.random(in: 0..<8, using: &numbers)
            let former = model[prefix]
            if former == nil, model.count < most {
                model[prefix] = n
                router.writer.apply([.route(route(prefix, n, table: table))])
            } else if let former, Bool.random(using: &numbers) {
                model[prefix] = n
                router.writer.apply([
                    .routeRemoved(route(prefix, former, table: table)), .route(route(prefix, n, table: table)),
                ])
            } else if let victim = Bool.random(using: &numbers) ? prefix : model.keys.first, let n = model[victim] {
                model[victim] = nil
                router.writer.apply([.routeRemoved(route(victim, n, table: table))])
            }
            if step % 50 == 0 { router.retirement.passBurstBoundary() }
            for _ in 0..<4 {
                let address = IPv4Address(
                    rawValue: 0x0B00_0000 | Self.prefix(&numbers).address.rawValue
                        | .random(in: 0..<512, using: &numbers))
                let best = model.filter { $0.key.contains(address) }.max { $0.key.length < $1.key.length }
                let found = router.routing.find(RouteQuery(destination: address, ingress: port(0)))
                guard let best else { continue }
                #expect(found.code == .found && UInt8(found.length) == best.key.length)
                #expect(
                    router.routing.lookup(RouteQuery(destination: address, ingress: port(0))).egress == port(best.value)
                )
            }
        }
        let all = model.map { KernelChange.routeRemoved(route($0.key, $0.value, table: table)) }
        let before = router.writer.prefixCount
        router.writer.apply(all)
        router.retirement.passBurstBoundary()
        #expect(router.writer.prefixCount == before - all.count)
        #expect(router.routing.lookup(RouteQuery(destination: "10.0.0.77", ingress: port(0))).prefixLength == 24)
    }

    @Test("Chunks come back when their prefixes are gone")
    func recycling() {
        let trie = TrieChunks()
        let root = Slab<Atomic<UInt32>>(count: PrefixTrie.rootCount)
        defer { root.deallocate() }
        for round in 0..<3 {
            for i: UInt32 in 0..<500 { #expect(trie.insert(root, i << 12, 28, route: i + 1, isNew: true)) }
            for i: UInt32 in 0..<500 { trie.withdraw(root, i << 12, 28, covering: 0) }
            for chunk in trie.retired { trie.pool.give(chunk) }
            trie.retired = []
            #expect(trie.pool.inUse == 0, "round \(round)")
        }
        for i in 0..<root.count where root[i].load(ordering: .relaxed) != 0 { Issue.record("root \(i) is not empty") }
    }

    @Test("Readers beside a writer see the old or the new route of an address, nothing else")
    func concurrentReader() {
        let router = TestRouter(ports: 4)
        // Always there: a default route through p0. Coming and going beneath it: longer prefixes through p1 and p2.
        router.writer.apply([.route(route("0.0.0.0/0", 0, via: "10.0.0.254"))])
        router.writer.apply((0..<200).map { .route(route(IPv4Prefix(IPv4Address(172, 16, UInt8($0), 0), 24), 3)) })
        let routing = router.routing
        let shared = Slab<ReaderState>(count: 1)
        defer { shared.deallocate() }
        let reader = BackgroundThread {
            var numbers = SeededNumbers(99)
            while shared[0].stop.load(ordering: .relaxed) == 0 {
                for _ in 0..<64 {
                    let low = UInt32.random(in: 0..<65_536, using: &numbers)
                    let result = routing.lookup(
                        RouteQuery(destination: IPv4Address(rawValue: 0xC0A8_0000 | low), ingress: port(3)))
                    let isDefault =
                        result.egress == port(0) && result.isGateway && result.nextHop == "10.0.0.254"
                        && result.prefixLength == 0
                    let isLonger = result.egress == port(1) || result.egress == port(2)
                    let isKnown =
                        result.kind == .unicast
                        && (isDefault || isLonger && !result.isGateway && result.prefixLength >= 16)
                    if !isKnown { shared[0].wrong.wrappingAdd(1, ordering: .relaxed) }
                }
                shared[0].bursts.wrappingAdd(1, ordering: .releasing)
            }
        }
        var numbers = SeededNumbers(5)
        for step in 0..<4000 {
            let length = UInt8.random(in: 16...32, using: &numbers)
            let prefix = IPv4Prefix(
                IPv4Address(rawValue: 0xC0A8_0000 | UInt32.random(in: 0..<65_536, using: &numbers)), length
            ).network
            let n = Int.random(in: 1...2, using: &numbers)
            router.writer.apply([.route(route(prefix, n))])
            if Bool.random(using: &numbers) { router.writer.apply([.routeRemoved(route(prefix, n))]) }
            if step % 100 == 99 {
                // A burst that began after now cannot hold what was retired before.
                let now = shared[0].bursts.load(ordering: .acquiring)
                while shared[0].bursts.load(ordering: .acquiring) < now + 2 { sched_yield() }
                router.retirement.passBurstBoundary()
            }
        }
        shared[0].stop.store(1, ordering: .relaxed)
        reader.join()
        #expect(shared[0].wrong.load(ordering: .relaxed) == 0)
        #expect(shared[0].bursts.load(ordering: .relaxed) > 0, "the reader ran")
    }

    private struct ReaderState: ~Copyable {
        let stop: Atomic<Int>
        let wrong: Atomic<Int>
        let bursts: Atomic<Int>
    }

    @Test("A full Internet table fits; prints what it takes")
    func fullTable() {
        #if DEBUG
            let count = 20_000
        #else
            let count = 1_000_000
        #endif
        let router = TestRouter(ports: 4)
        var numbers = SeededNumbers(7)
        // Lengths as in a real table: three fifths are /24, most others /16 to /23; ten thousand are longer.
        var routes: [KernelChange] = []
        var seen = Set<IPv4Prefix>()
        while routes.count < count {
            let pick = Int.random(in: 0..<100, using: &numbers)
            let length: UInt8 =
                pick < 60
                ? 24 : pick < 99 ? .random(in: 12...23, using: &numbers) : .random(in: 25...32, using: &numbers)
            let prefix = IPv4Prefix(IPv4Address(rawValue: .random(in: 1 << 24..<224 << 24, using: &numbers)), length)
                .network
            guard seen.insert(prefix).inserted else { continue }
            let n = Int.random(in: 0..<4, using: &numbers)
            routes.append(
                .route(route(prefix, n, via: IPv4Address(10, UInt8(n), 0, .random(in: 2...200, using: &numbers)))))
        }
        let start = now()
        router.writer.apply(routes)
        let inserted = now()
        let routing = router.routing
        var hits = 0
        let lookups = 1_000_000
        for _ in 0..<lookups {
            let address = IPv4Address(rawValue: UInt32(truncatingIfNeeded: numbers.next()))
            if routing.find(RouteQuery(destination: address, ingress: port(0))).code == .found { hits += 1 }
        }
        let looked = now()
        print(
            "\(count) routes: \((inserted - start) / UInt64(count)) ns an insertion, "
                + "\((looked - inserted) / UInt64(lookups)) ns a lookup (random numbers included), "
                + "\(router.writer.mappedBytes >> 20) MB mapped, \(router.writer.chainCount) chains")
        #expect(router.writer.refused == 0)
        #expect(router.writer.prefixCount >= count)
        #expect(hits > 0)
    }

    private func now() -> UInt64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
