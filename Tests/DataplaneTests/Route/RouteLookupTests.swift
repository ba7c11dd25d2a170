import Net
import Testing

@testable import Dataplane

@Suite("Routes: how a destination is looked up")
struct RouteLookupTests {
    @Test("Our own address is local, its network on the link, everything else by the default route")
    func plainRouter() {
        let router = TestRouter()
        router.writer.apply([.route(route("0.0.0.0/0", 2, via: "10.2.0.254"))])
        #expect(router.decide("10.1.0.1") == "local")
        #expect(router.decide("10.1.0.255") == "broadcast")
        #expect(router.decide("10.1.0.7") == "p1")
        #expect(router.decide("192.0.2.1") == "p2 via 10.2.0.254")
        #expect(router.decide("224.0.0.5") == "multicast")
        #expect(router.decide("255.255.255.255") == "broadcast")
        let result = router.routing.lookup(RouteQuery(destination: "10.1.0.7", ingress: port(0)))
        #expect(result.nextHop == "10.1.0.7")
        #expect(result.mtu == 1500)
        #expect(result.scope == 253)
        #expect(result.preferredSource == "10.1.0.1")
        #expect(result.prefixLength == 24)
        #expect(result.neighbor == NeighborTable.unknown)
    }

    @Test("Without a route there is none; a route out of an interface that is no port says so")
    func noWay() {
        let router = TestRouter()
        #expect(router.decide("192.0.2.1") == "noRoute")
        router.writer.apply([
            .route(Route(prefix: "192.0.2.0/24", hops: [RouteHop(link: LinkIndex(rawValue: 77), gateway: "10.9.9.9")]))
        ])
        #expect(router.decide("192.0.2.1") == "egressNotAPort")
    }

    @Test(
        "A route's kind is the answer",
        arguments: [
            (RouteKind.blackhole, "blackhole"), (.unreachable, "unreachable"), (.prohibit, "prohibit"),
            (.throw, "noRoute"), (.anycast, "martianDestination"),
        ])
    func kinds(kind: RouteKind, answer: String) {
        let router = TestRouter()
        var special = ending("192.0.2.0/24", kind)
        if kind == .anycast { special.hops = [RouteHop(link: link(1))] }
        router.writer.apply([.route(route("0.0.0.0/0", 2)), .route(special)])
        #expect(router.decide("192.0.2.1") == answer)
    }

    @Test(
        "Higher tos first, then lower metric; a route of another tos is passed over, and then shorter prefixes are tried"
    )
    func aliases() {
        let router = TestRouter()
        router.writer.apply([
            .route(route("0.0.0.0/0", 0, via: "10.0.0.254")),
            .route(route("192.0.2.0/24", 1, tos: 0x10)),
            .route(route("198.51.100.0/24", 1, metric: 20)),
            .route(route("198.51.100.0/24", 2, metric: 10)),
            .route(ending("203.0.113.0/24", .prohibit, tos: 0x08)),
        ])
        func decide(_ destination: IPv4Address, tos: UInt8) -> String {
            router.decide(RouteQuery(destination: destination, tos: tos, ingress: port(0)))
        }
        #expect(decide("192.0.2.1", tos: 0x10) == "p1")
        #expect(decide("192.0.2.1", tos: 0) == "p0 via 10.0.0.254")
        #expect(decide("192.0.2.1", tos: 0xF3) == "p1", "only the bits of 0x1C count")
        #expect(decide("198.51.100.1", tos: 0) == "p2")
        #expect(decide("203.0.113.1", tos: 0x08) == "prohibit")
        #expect(decide("203.0.113.1", tos: 0x0C) == "p0 via 10.0.0.254")
        router.writer.apply([.routeRemoved(route("198.51.100.0/24", 2, metric: 10))])
        #expect(decide("198.51.100.1", tos: 0) == "p1")
    }

    @Test("A removal that speaks of other hops than ours is of an entry already replaced")
    func staleRemoval() {
        let router = TestRouter()
        router.writer.apply([.route(route("192.0.2.0/24", 1)), .route(route("192.0.2.0/24", 2))])
        router.writer.apply([.routeRemoved(route("192.0.2.0/24", 1))])
        #expect(router.decide("192.0.2.1") == "p2")
        router.writer.apply([.routeRemoved(route("192.0.2.0/24", 2))])
        #expect(router.decide("192.0.2.1") == "noRoute")
    }

    @Test("A dead hop is passed over, and the search goes on with shorter prefixes")
    func deadHops() {
        let router = TestRouter()
        var dead = route("192.0.2.0/24", 1)
        dead.hops[0].isDead = true
        router.writer.apply([.route(route("192.0.0.0/16", 2)), .route(dead)])
        #expect(router.decide("192.0.2.1") == "p2")
    }

    @Test(
        "A link that goes down takes its routes with it, but not our addresses; multipath routes lose a hop and regain it"
    )
    func linkDown() {
        let router = TestRouter()
        let multipath = Route(prefix: "192.0.2.0/24", hops: [RouteHop(link: link(1)), RouteHop(link: link(2))])
        router.writer.apply([.route(multipath), .route(route("198.51.100.0/24", 1))])
        let up = Link(index: link(1), name: "p1", mac: .zero, mtu: 1400, isUp: true, isRunning: true)
        var down = up
        down.isUp = false
        router.writer.apply([.link(down)])
        #expect(router.decide("198.51.100.1") == "noRoute")
        #expect(router.decide("10.1.0.9") == "noRoute")
        #expect(router.decide("10.1.0.1") == "local")
        for hash in [0, 1 << 31, UInt32.max] {
            #expect(router.decide(RouteQuery(destination: "192.0.2.1", ingress: port(0), flowHash: hash)) == "p2")
        }
        router.writer.apply([.link(up)])
        #expect(router.decide(RouteQuery(destination: "192.0.2.1", ingress: port(0), flowHash: 0)) == "p1")
        #expect(router.decide("198.51.100.1") == "noRoute", "the kernel forgot it")
        router.writer.apply([.linkRemoved(link(1))])
        #expect(router.decide("10.1.0.1") == "noRoute")
    }

    @Test("Ports come and go while routes stay")
    func portsChange() {
        let router = TestRouter(ports: 2)
        router.writer.apply([.route(route("192.0.2.0/24", 1, via: "10.1.0.9"))])
        let generation = router.routing.generation
        router.writer.setPorts([RoutingPort(port: port(0), link: link(0), name: "p0")])
        #expect(router.decide("192.0.2.1") == "egressNotAPort")
        #expect(router.routing.generation > generation)
        router.writer.setPorts([
            RoutingPort(port: port(0), link: link(0), name: "p0"),
            RoutingPort(port: port(7), link: link(1), name: "p1"),
        ])
        #expect(router.decide("192.0.2.1") == "p7 via 10.1.0.9")
        #expect(router.routing.ports.mtu(port(7)) == 1500)
        #expect(!router.routing.ports.exists(port(1)))
    }

    @Test("A gateway that is our own address means: on the link")
    func ownGateway() {
        let router = TestRouter()
        router.writer.apply([.route(route("192.0.2.0/24", 1, via: "10.1.0.1"))])
        #expect(router.decide("192.0.2.7") == "p1")
    }

    @Test("Bound to an interface, the host's packets take a route through it, or go straight out of it")
    func bound() {
        let router = TestRouter()
        router.writer.apply([
            .route(route("0.0.0.0/0", 1, via: "10.1.0.254", metric: 1)),
            .route(route("0.0.0.0/0", 2, via: "10.2.0.254", metric: 2)),
        ])
        #expect(router.decide(RouteQuery(destination: "192.0.2.1")) == "p1 via 10.1.0.254")
        #expect(router.decide(RouteQuery(destination: "192.0.2.1", egress: port(2))) == "p2 via 10.2.0.254")
        #expect(router.decide(RouteQuery(destination: "192.0.2.1", egress: port(0))) == "p0")
        let group = router.routing.lookup(RouteQuery(destination: "224.0.0.5", egress: port(1)))
        #expect(group.kind == .multicast && group.egress == port(1))
    }

    @Test("A route's mtu and source come before the link's")
    func attributes() {
        let router = TestRouter()
        var special = route("192.0.2.0/24", 1, via: "10.1.0.254")
        router.writer.apply([.route(special)])
        let plain = router.routing.lookup(RouteQuery(destination: "192.0.2.1"))
        #expect(plain.mtu == 1500)
        #expect(router.routing.preferredSource(of: plain) == "10.1.0.1")
        special.mtu = 1280
        special.preferredSource = "10.2.0.1"
        router.writer.apply([.route(special)])
        let result = router.routing.lookup(RouteQuery(destination: "192.0.2.1"))
        #expect(result.mtu == 1280)
        #expect(router.routing.preferredSource(of: result) == "10.2.0.1")
    }

    @Test("The generation moves when a decision may change, and not otherwise")
    func generation() {
        let router = TestRouter()
        func moved(_ changes: KernelChange...) -> Bool {
            let before = router.routing.generation
            router.writer.apply(changes)
            return router.routing.generation != before
        }
        let neighbor = Neighbor(link: link(1), address: "10.1.0.9", mac: "02:00:00:00:00:09", state: .reachable)
        var stale = neighbor
        stale.state = .stale
        var other = stale
        other.mac = "02:00:00:00:00:0a"
        #expect(moved(.route(route("192.0.2.0/24", 1))))
        #expect(!moved(.route(route("192.0.2.0/24", 1))), "the same again")
        #expect(!moved(.routeRemoved(route("192.0.3.0/24", 1))), "never was there")
        #expect(!moved(.neighbor(neighbor)), "nothing was decided by it")
        #expect(!moved(.neighbor(stale)))
        #expect(moved(.neighbor(other)))
        #expect(moved(.neighborRemoved(link: link(1), address: "10.1.0.9")))
        #expect(moved(.policy(PolicyRule(priority: 5, action: .nop))))
    }

    @Test(
        "While the rules are untouched, tables local and main are one, and table default is asked when they know nothing"
    )
    func mergedTables() {
        let router = TestRouter()
        router.writer.apply([
            .route(local("172.16.0.0/12", on: LinkIndex(rawValue: 1))),
            .route(route("172.16.1.0/24", 1)),
            .route(ending("192.0.2.0/24", .unreachable)),
        ])
        #expect(router.decide("172.16.1.1") == "p1", "longer, though in main")
        #expect(router.decide("172.16.2.1") == "local")
        #expect(router.decide("192.0.2.1") == "unreachable")
        router.writer.apply([.route(route("0.0.0.0/0", 2, table: Route.defaultTable))])
        #expect(router.decide("192.0.2.1") == "unreachable", "a refusal is an answer")
        #expect(router.decide("192.0.3.1") == "p2")
        router.writer.apply([.policy(PolicyRule(priority: 7, action: .nop))])
        #expect(router.decide("172.16.1.1") == "local", "tables are walked in order now")
        #expect(router.decide("192.0.2.1") == "unreachable")
        router.writer.apply([.policyRemoved(PolicyRule(priority: 7, action: .nop))])
        #expect(router.decide("172.16.1.1") == "local", "for good")
    }
}
