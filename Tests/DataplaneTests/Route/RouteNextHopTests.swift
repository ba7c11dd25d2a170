import Net
import Testing

@testable import Dataplane

@Suite("Next hops: multipath and neighbours")
struct RouteNextHopTests {
    @Test(
        "Flows spread by weight over the hops that live",
        arguments: [
            ([1, 1], [false, false]), ([1, 3], [false, false]), ([1, 2, 5], [false, false, false]),
            ([1, 1, 1], [false, true, false]), ([7, 1, 256, 3], [true, false, false, false]),
        ])
    func spread(weights: [Int], dead: [Bool]) {
        let router = TestRouter(ports: 4)
        let hops = weights.indices.map { RouteHop(link: link($0), weight: weights[$0], isDead: dead[$0]) }
        router.writer.apply([.route(Route(prefix: "192.0.2.0/24", hops: hops))])
        var numbers = SeededNumbers(11)
        var counts = [Int](repeating: 0, count: 4)
        let draws = 40_000
        for _ in 0..<draws {
            let query = RouteQuery(
                destination: "192.0.2.1", ingress: port(3), flowHash: UInt32(truncatingIfNeeded: numbers.next()))
            counts[Int(router.routing.lookup(query).egress.rawValue)] += 1
        }
        let total = zip(weights, dead).reduce(0) { $0 + ($1.1 ? 0 : $1.0) }
        for n in weights.indices {
            let share = dead[n] ? 0 : Double(weights[n]) / Double(total)
            #expect(abs(Double(counts[n]) / Double(draws) - share) < 0.015)
        }
    }

    @Test("Upper bounds as fib_rebalance sets them; the last living hop takes the highest hash")
    func bounds() {
        #expect(multipathBounds([(1, true), (1, true)]) == [1_073_741_823, .max])
        #expect(multipathBounds([(1, true), (2, true)]) == [715_827_882, .max])
        #expect(multipathBounds([(1, true), (1, false)]) == [.max, -1])
        #expect(multipathBounds([(1, false)]) == [-1])
        #expect(multipathBounds([(256, true), (256, true), (1, true)]).last == .max)
    }

    @Test("The same flow takes the same hop")
    func stability() {
        let router = TestRouter()
        router.writer.apply([
            .route(Route(prefix: "192.0.2.0/24", hops: [RouteHop(link: link(1)), RouteHop(link: link(2))]))
        ])
        for hash: UInt32 in [0, 0x7FFF_FFFF, 0x8000_0000, .max] {
            let query = RouteQuery(destination: "192.0.2.1", ingress: port(0), flowHash: hash)
            #expect(router.decide(query) == (hash < 0x8000_0000 ? "p1" : "p2"))
        }
    }

    static func neighbor(
        _ n: Int, _ address: IPv4Address, _ mac: MACAddress? = "02:00:00:00:00:aa", _ state: Neighbor.State = .reachable
    )
        -> Neighbor
    {
        Neighbor(link: link(n), address: address, mac: mac, state: state)
    }

    @Test("A route's next hop is found among the neighbours, by port and address")
    func found() {
        let router = TestRouter()
        router.writer.apply([
            .route(route("192.0.2.0/24", 1, via: "10.1.0.9")), .neighbor(Self.neighbor(1, "10.1.0.9")),
            .neighbor(Self.neighbor(2, "10.1.0.9", "02:00:00:00:00:bb")),
        ])
        let routing = router.routing
        let result = routing.lookup(RouteQuery(destination: "192.0.2.1", ingress: port(0)))
        #expect(result.neighbor != NeighborTable.unknown)
        #expect(routing.neighbors.state(result.neighbor) == NeighborState(mac: "02:00:00:00:00:aa", state: .reachable))
        #expect(routing.neighbors.find(port(0), "10.1.0.9") == NeighborTable.unknown)
        #expect(!routing.neighbors.state(NeighborTable.unknown).isUsable)
        router.writer.apply([.neighborRemoved(link: link(1), address: "10.1.0.9")])
        #expect(!routing.neighbors.state(result.neighbor).isUsable, "whoever still holds the number learns it")
        #expect(
            routing.lookup(RouteQuery(destination: "192.0.2.1", ingress: port(0))).neighbor == NeighborTable.unknown)
    }

    @Test("A neighbour is marked once a period, by the first to use it")
    func marking() {
        let router = TestRouter()
        let neighbor = Self.neighbor(1, "10.1.0.9")
        router.writer.apply([.neighbor(neighbor), .neighbor(Self.neighbor(1, "10.1.0.10"))])
        let neighbors = router.routing.neighbors
        let number = neighbors.find(port(1), "10.1.0.9")
        #expect(neighbors.markUsed(number))
        #expect(!neighbors.markUsed(number))
        #expect(!neighbors.markUsed(NeighborTable.unknown))
        router.writer.apply([.neighbor(Self.neighbor(1, "10.1.0.9", "02:00:00:00:00:cc", .stale))])
        #expect(!neighbors.markUsed(number), "news does not end the period")
        #expect(router.writer.takeUsedNeighbors().map(\.address) == ["10.1.0.9"])
        #expect(router.writer.takeUsedNeighbors().isEmpty)
        #expect(neighbors.markUsed(number))
    }

    @Test(
        "A failed neighbour is known to have failed, one without an Ethernet address cannot be used",
        arguments: [
            (Neighbor.State.failed, Neighbor.State.failed), (.incomplete, .incomplete), (.reachable, .incomplete),
        ])
    func withoutMAC(told: Neighbor.State, shown: Neighbor.State) {
        let router = TestRouter()
        router.writer.apply([.neighbor(Self.neighbor(1, "10.1.0.9", nil, told))])
        let neighbors = router.routing.neighbors
        #expect(neighbors.state(neighbors.find(port(1), "10.1.0.9")) == NeighborState(mac: .zero, state: shown))
    }

    @Test("Thousands come and go; numbers stay with their neighbours, and none is lost")
    func churn() {
        let router = TestRouter()
        let neighbors = router.routing.neighbors
        var numbers = SeededNumbers(3)
        var model: [IPv4Address: MACAddress] = [:]
        var numberOf: [IPv4Address: UInt32] = [:]
        for step in 0..<6000 {
            let address = IPv4Address(rawValue: 0x0A01_0000 | .random(in: 0..<800, using: &numbers))
            if model[address] != nil, Bool.random(using: &numbers) {
                model[address] = nil
                numberOf[address] = nil
                router.writer.apply([.neighborRemoved(link: link(1), address: address)])
            } else {
                let mac = MACAddress(rawValue: numbers.next())
                model[address] = mac
                router.writer.apply([.neighbor(Self.neighbor(1, address, mac))])
                let number = neighbors.find(port(1), address)
                #expect(numberOf[address] == nil || numberOf[address] == number)
                numberOf[address] = number
            }
            if step % 97 == 0 { router.retirement.passBurstBoundary() }
        }
        for low: UInt32 in 0..<800 {
            let address = IPv4Address(rawValue: 0x0A01_0000 | low)
            let number = neighbors.find(port(1), address)
            #expect((number == NeighborTable.unknown) == (model[address] == nil))
            if let mac = model[address] { #expect(neighbors.state(number).mac == mac) }
        }
        #expect(Set(numberOf.values).count == numberOf.count)
    }

    @Test("What is known of a link's neighbours goes with the link to its port")
    func portsChange() {
        let router = TestRouter(ports: 2)
        router.writer.apply([.neighbor(Self.neighbor(1, "10.1.0.9"))])
        router.writer.setPorts([RoutingPort(port: port(5), link: link(1), name: "p1")])
        let neighbors = router.routing.neighbors
        #expect(neighbors.find(port(1), "10.1.0.9") == NeighborTable.unknown)
        #expect(neighbors.state(neighbors.find(port(5), "10.1.0.9")).isUsable)
        #expect(router.writer.neighbors.count == 1)
    }
}
