import Net
import Testing

@testable import Dataplane

@Suite("Sources and destinations: what may come in, and where from")
struct RouteSourceTests {
    /// p0 is 10.0.0.1/24 … p2 10.2.0.1/24; 192.0.2.0/24 is behind p1 and p2, the default route through p2.
    static func router(_ settings: PortSettings, isAddressed: Bool = true) -> TestRouter {
        let router = TestRouter(ports: 4, settings: settings)
        router.writer.apply([
            .route(route("0.0.0.0/0", 2, via: "10.2.0.254")),
            .route(
                Route(
                    prefix: "192.0.2.0/24",
                    hops: [RouteHop(link: link(1), gateway: "10.1.0.9"), RouteHop(link: link(2), gateway: "10.2.0.9")])),
            .route(ending("198.18.0.0/15", .blackhole)),
        ])
        if !isAddressed { router.writer.apply([.addressRemoved(LinkAddress(link: link(0), prefix: "10.0.0.1/24"))]) }
        return router
    }

    @Test(
        "The source check of a packet from port 0",
        arguments: [
            // source, off, loose, strict
            ("10.0.0.7", SourceVerdict.valid, SourceVerdict.onLink, SourceVerdict.onLink),
            ("10.1.0.7", .valid, .valid, .reversePath),
            ("192.0.2.7", .valid, .valid, .reversePath),
            ("203.0.113.7", .valid, .valid, .reversePath),
            ("198.18.0.1", .valid, .reversePath, .reversePath),
            ("10.0.0.1", .martian, .martian, .martian),
            ("10.2.0.1", .martian, .martian, .martian),
            ("10.1.0.255", .valid, .martian, .martian),
        ] as [(IPv4Address, SourceVerdict, SourceVerdict, SourceVerdict)])
    func sourceChecks(source: IPv4Address, off: SourceVerdict, loose: SourceVerdict, strict: SourceVerdict) {
        let routing = Self.router(PortSettings()).routing
        for (mode, verdict) in [(SourceCheck.off, off), (.loose, loose), (.strict, strict)] {
            #expect(
                routing.validateSource(
                    source, destination: "203.0.113.1", ingress: port(0), egress: port(1), mode: mode)
                    == verdict, "\(mode)")
        }
    }

    @Test("Strict takes any hop of a multipath route for the way back", arguments: [(1, true), (2, true), (3, false)])
    func multipath(n: Int, valid: Bool) {
        let routing = Self.router(PortSettings()).routing
        let verdict = routing.validateSource(
            "192.0.2.7", destination: "10.0.0.7", ingress: port(n), egress: port(0), mode: .strict)
        #expect(verdict == (valid ? .valid : .reversePath))
    }

    @Test("Our own source is welcome where accept_local says so")
    func acceptLocal() {
        let routing = Self.router(PortSettings(acceptsLocalSource: true)).routing
        for mode in [SourceCheck.off, .loose] {
            #expect(
                routing.validateSource(
                    "10.1.0.1", destination: "10.2.0.7", ingress: port(0), egress: port(2), mode: mode) == .valid)
        }
        #expect(
            routing.validateSource(
                "10.1.0.1", destination: "10.2.0.7", ingress: port(0), egress: port(2), mode: .strict) == .reversePath)
    }

    @Test("On a port without addresses, loose fails for what leads out elsewhere")
    func unaddressed() {
        let routing = Self.router(PortSettings(), isAddressed: false).routing
        func check(_ mode: SourceCheck) -> SourceVerdict {
            routing.validateSource(
                "203.0.113.7", destination: "10.1.0.7", ingress: port(0), egress: port(1), mode: mode)
        }
        #expect(check(.off) == .valid)
        #expect(check(.loose) == .reversePath)
        #expect(check(.strict) == .reversePath)
    }

    @Test("The mark counts in the source check only where src_valid_mark says so", arguments: [false, true])
    func mark(counts: Bool) {
        let router = Self.router(PortSettings(marksSourceCheck: counts))
        router.writer.apply([
            .policy(PolicyRule(priority: 9, mark: 7, markMask: .max, action: .lookup(table: 100))),
            .route(route("0.0.0.0/0", 0, table: 100)),
        ])
        let verdict = router.routing.validateSource(
            "203.0.113.7", destination: "10.1.0.7", ingress: port(0), egress: port(1), mark: 7, mode: .strict)
        #expect(verdict == (counts ? .onLink : .reversePath))
    }

    @Test("Off, a packet that leaves where it came in is looked up all the same, unless redirects are off")
    func hairpin() {
        for sends in [true, false] {
            let routing = Self.router(PortSettings(sendsRedirects: sends)).routing
            #expect(
                routing.validateSource(
                    "10.1.0.255", destination: "203.0.113.1", ingress: port(0), egress: port(0), mode: .off)
                    == (sends ? .martian : .valid))
        }
    }

    @Test(
        "ip_route_input's list of what cannot be",
        arguments: [
            ("10.0.0.7", "10.1.0.7", "p1"),
            ("224.0.0.1", "10.1.0.7", "martianSource"),
            ("255.255.255.255", "10.1.0.7", "martianSource"),
            ("0.0.0.0", "10.1.0.7", "martianSource"),
            ("0.1.2.3", "10.1.0.7", "p1"),
            ("127.0.0.1", "10.1.0.7", "martianSource"),
            ("10.0.0.7", "0.0.0.0", "martianDestination"),
            ("10.0.0.7", "0.1.2.3", "p2 via 10.2.0.254"),
            ("10.0.0.7", "127.0.0.1", "martianDestination"),
            ("10.1.0.1", "10.2.0.7", "martianSource"),
            ("10.1.0.1", "10.0.0.1", "martianSource"),
            ("0.0.0.0", "0.0.0.0", "broadcast"),
            ("0.0.0.0", "255.255.255.255", "broadcast"),
            ("10.0.0.7", "255.255.255.255", "broadcast"),
            ("10.0.0.7", "10.0.0.255", "broadcast"),
            ("10.1.0.1", "10.0.0.255", "martianSource"),
            ("10.0.0.7", "239.1.1.1", "multicast"),
            ("10.1.0.1", "239.1.1.1", "martianSource"),
            ("127.0.0.1", "239.1.1.1", "martianSource"),
            ("0.0.0.0", "239.1.1.1", "martianSource"),
            ("0.0.0.0", "224.0.0.22", "multicast"),
            ("10.0.0.7", "240.0.0.1", "p2 via 10.2.0.254"),
            ("240.0.0.1", "10.0.0.1", "local"),
        ] as [(IPv4Address, IPv4Address, String)])
    func martians(source: IPv4Address, destination: IPv4Address, answer: String) {
        let query = RouteQuery(destination: destination, source: source, ingress: port(0))
        #expect(describe(Self.router(PortSettings()).routing.receive(query)) == answer)
    }

    @Test("With route_localnet, 127.0.0.0/8 is as any other network")
    func localnet() {
        let routing = Self.router(PortSettings(routesLoopback: true)).routing
        #expect(
            describe(routing.receive(RouteQuery(destination: "127.0.0.1", source: "10.0.0.7", ingress: port(0))))
                == "local")
    }

    @Test("The port's own rp_filter decides")
    func settings() {
        let strict = Self.router(PortSettings(sourceCheck: .strict)).routing
        let query = RouteQuery(destination: "10.1.0.7", source: "203.0.113.7", ingress: port(0))
        #expect(describe(strict.receive(query)) == "reversePath")
        #expect(describe(Self.router(PortSettings(sourceCheck: .loose)).routing.receive(query)) == "p1")
        #expect(strict.ports.settings(port(0)).sourceCheck == .strict)
    }
}

@Suite("Ports: addresses and what is chosen among them")
struct RoutePortTests {
    @Test(
        "The source that suits the next hop, else the first; secondary ones never; narrow scopes only where asked for")
    func selection() {
        let router = TestRouter()
        router.writer.apply([
            .address(LinkAddress(link: link(1), prefix: "172.16.0.1/16")),
            .address(LinkAddress(link: link(1), prefix: "172.16.0.2/16", isSecondary: true)),
            .address(LinkAddress(link: link(1), prefix: "169.254.1.1/16", scope: 253)),
            .addressRemoved(LinkAddress(link: link(2), prefix: "10.2.0.1/24")),
        ])
        let ports = router.routing.ports
        #expect(ports.selectSource(port(1)) == "10.1.0.1")
        #expect(ports.selectSource(port(1), toward: "172.16.9.9") == "172.16.0.1")
        #expect(ports.selectSource(port(1), toward: "192.0.2.1") == "10.1.0.1")
        #expect(ports.selectSource(port(1), toward: "169.254.3.3", scope: 253) == "169.254.1.1")
        #expect(ports.selectSource(port(1), toward: "169.254.3.3", scope: 0) == "10.1.0.1")
        #expect(ports.selectSource(port(2)) == "10.0.0.1", "another interface's, for want of its own")
        #expect(ports.selectSource(.none) == "10.0.0.1")
    }

    @Test("What is ours is local, on whatever interface, and no longer when it is gone")
    func locality() {
        let router = TestRouter()
        let ports = router.routing.ports
        #expect(ports.isLocal("10.1.0.1") && ports.isLocal("127.0.0.1"))
        #expect(!ports.isLocal("10.1.0.2") && !ports.isLocal("0.0.0.0"))
        let foreign = LinkAddress(link: LinkIndex(rawValue: 50), prefix: "172.30.0.1/24")
        router.writer.apply([.address(foreign), .address(LinkAddress(link: link(0), prefix: "172.30.0.1/32"))])
        #expect(ports.isLocal("172.30.0.1"))
        router.writer.apply([.addressRemoved(foreign)])
        #expect(ports.isLocal("172.30.0.1"), "on p0 still")
        router.writer.apply([.addressRemoved(LinkAddress(link: link(0), prefix: "172.30.0.1/32"))])
        #expect(!ports.isLocal("172.30.0.1"))
    }

    @Test("A link's state is the port's")
    func state() {
        let router = TestRouter()
        let ports = router.routing.ports
        #expect(ports.exists(port(1)) && ports.isUp(port(1)) && ports.isRunning(port(1)))
        #expect(
            ports.mac(port(1)) == "02:00:00:00:00:01" && ports.mtu(port(1)) == 1500 && ports.link(port(1)) == link(1))
        router.writer.apply([
            .link(Link(index: link(1), name: "p1", mac: "02:00:00:00:00:09", mtu: 9000, isUp: true, isRunning: false))
        ])
        #expect(ports.isUp(port(1)) && !ports.isRunning(port(1)))
        #expect(ports.mac(port(1)) == "02:00:00:00:00:09" && ports.mtu(port(1)) == 9000)
        #expect(!ports.exists(port(9)) && !ports.exists(.none) && !ports.exists(.host))
    }
}
