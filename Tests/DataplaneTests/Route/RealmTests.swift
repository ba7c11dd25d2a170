import Net
import Testing

@testable import Dataplane

/// Realms of routes and of policy rules (rt_set_nexthop, fib_combine_itag). Routes alone are shown by the scenario match-realm.
@Suite("Realms")
struct RealmTests {
    private static func realmed(_ prefix: IPv4Prefix, _ n: Int, _ realm: UInt32, table: UInt32 = Route.mainTable) -> KernelChange {
        .route(
            Route(
                table: table, prefix: prefix,
                hops: [RouteHop(link: link(n), gateway: IPv4Address(10, UInt8(n), 0, 9), realm: realm)]))
    }

    private static func arriving(_ router: TestRouter, from source: IPv4Address, to destination: IPv4Address) -> UInt32 {
        router.routing.receive(RouteQuery(destination: destination, source: source, ingress: port(0))).realm
    }

    @Test("a rule's realms fill the halves that the route leaves empty; its upper half is the source's for the way back")
    func rules() {
        let router = TestRouter()
        router.writer.apply([
            Self.realmed("198.51.100.0/24", 1, 5), Self.realmed("203.0.113.0/24", 1, 0),
            Self.realmed("192.0.2.0/24", 0, 7), Self.realmed("100.64.0.0/10", 0, 0),
        ])
        #expect(Self.arriving(router, from: "192.0.2.1", to: "198.51.100.1") == 0x0007_0005)
        #expect(Self.arriving(router, from: "100.64.0.1", to: "203.0.113.1") == 0)
        router.writer.apply([
            .policy(PolicyRule(priority: 10, destination: "203.0.113.0/24", realm: 0x0002_0006, action: .lookup(table: 254)))
        ])
        // By the rule forth, by none back.
        #expect(Self.arriving(router, from: "100.64.0.1", to: "203.0.113.1") == 0x0002_0006)
        // The way back to 203.0.113.1 is found by the rule: 6 is the source's, 2 the destination's, where nothing else is said.
        router.writer.apply([Self.realmed("203.0.113.0/24", 0, 0)])
        #expect(Self.arriving(router, from: "203.0.113.1", to: "198.51.100.1") == 0x0006_0005)
        #expect(Self.arriving(router, from: "203.0.113.1", to: "10.2.0.9") == 0x0006_0002)
        // What is for the router itself has only what its source says.
        #expect(Self.arriving(router, from: "203.0.113.1", to: "10.0.0.1") == 0x0006_0002)
        #expect(Self.arriving(router, from: "192.0.2.1", to: "10.0.0.1") == 0x0007_0000)
    }

    @Test("each hop of a multipath route has its own realm; what the router sends has no source's")
    func hops() {
        let router = TestRouter()
        router.writer.apply([
            Self.realmed("192.0.2.0/24", 0, 7),
            .route(
                Route(
                    prefix: "198.51.100.0/24",
                    hops: [
                        RouteHop(link: link(1), gateway: "10.1.0.9", realm: 4),
                        RouteHop(link: link(2), gateway: "10.2.0.9", realm: 9),
                    ])),
        ])
        for (hash, port, realm) in [(0 as UInt32, 1, 4 as UInt32), (.max, 2, 9)] {
            let found = router.routing.lookup(RouteQuery(destination: "198.51.100.1", source: "192.0.2.1", flowHash: hash))
            #expect(Int(found.egress.rawValue) == port)
            #expect(found.realm == realm)
        }
    }

    @Test("without realms anywhere nothing is looked up for them, and they end with the last route that names one")
    func ends() {
        let router = TestRouter()
        #expect(!router.routing.hasRealms)
        router.writer.apply([Self.realmed("192.0.2.0/24", 0, 7), Self.realmed("198.51.100.0/24", 0, 7)])
        #expect(router.routing.hasRealms)
        router.writer.apply([.routeRemoved(Route(prefix: "192.0.2.0/24", hops: []))])
        #expect(router.routing.hasRealms)
        router.writer.apply([Self.realmed("198.51.100.0/24", 0, 0)])
        #expect(!router.routing.hasRealms)
        router.writer.apply([.policy(PolicyRule(priority: 10, realm: 3, action: .lookup(table: 254)))])
        #expect(router.routing.hasRealms)
    }
}
