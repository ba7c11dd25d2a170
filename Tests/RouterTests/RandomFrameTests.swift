import Control
import Dataplane
import Net
import Router
import Rules
import TestSupport
import Testing

@Suite("Random frames")
struct RandomFrameTests {
    static let rules = """
        *nat
        -A PREROUTING -i wan0 -p tcp -m tcp --dport 1:4000 -j DNAT --to-destination 10.0.0.2-10.0.0.3
        -A POSTROUTING -o wan0 -j MASQUERADE
        COMMIT
        *mangle
        -A PREROUTING -p icmp -j MARK --set-xmark 0x1/0xffffffff
        COMMIT
        *filter
        :FORWARD DROP [0:0]
        -A INPUT -p udp -j REJECT --reject-with icmp-port-unreachable
        -A FORWARD -m conntrack --ctstate INVALID -j DROP
        -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
        -A FORWARD -p tcp -m multiport --dports 22,23 -j REJECT --reject-with tcp-reset
        -A FORWARD -j ACCEPT
        COMMIT

        """

    /// Everything that scenarios send, as frames with the side they come in on.
    static let seeds: [(side: Int, bytes: [UInt8])] = {
        let topology = Topology.cables()
        return ScenarioFolder.all.flatMap(\.steps).flatMap { step -> [(side: Int, bytes: [UInt8])] in
            guard case .send(let name, let size, let text) = step.action, var packet = try? TestPacket(text),
                let side = topology.sides.firstIndex(where: { $0.name == name })
            else { return [] }
            topology.address(&packet, side: side)
            return (size.map { fragments(of: packet, size: $0) } ?? [packet]).map { (side, $0.bytes) }
        }
    }()

    @Test("whatever comes in, nothing traps, every frame is accounted for, and in the end nothing is left", arguments: 1...3)
    func anything(seed: Int) throws {
        var configuration = Configuration(ports: Topology.cables().sides.map { PortConfiguration(name: $0.interface) })
        var network = StaticNetwork(cables: .cables())
        network.routes = [StaticNetwork.StaticRoute(to: .all)]
        network.routes[0].hops = [StaticNetwork.Hop(gateway: "198.51.100.2", port: "wan0")]
        configuration.staticNetwork = network
        // Few, so that the table is full most of the time.
        configuration.conntrack.max = 500
        let router = try OfflineRouter(
            configuration, ruleset: try Ruleset.restoring(Self.rules, file: "rules"), longestFrame: 2000,
            start: .seconds(1000))
        var random = RandomSource(seed: UInt64(seed))
        try #require(!Self.seeds.isEmpty)
        let count = 5_000
        for _ in 0..<count {
            let frame = Self.seeds[Int(random.next(below: UInt32(Self.seeds.count)))]
            // Now and then something from the host; headers of its frames are its own and may be as broken.
            let isFromHost = random.next(below: 10) == 0
            router.receive(
                Self.mutate(frame.bytes, &random), on: PortIndex(rawValue: UInt8(frame.side)),
                at: router.now + UInt64(random.next(below: 5_000_000)), isFromHost: isFromHost)
            if random.next(below: 100) == 0 {
                let books = router.books()
                try #require(books.isBalanced, "\(books)")
            }
        }
        router.settle(until: router.now + 60_000_000_000)
        let books = router.books()
        #expect(books.isBalanced && books.held == 0 && books.received + books.fromHost == UInt64(count), "\(books)")
        // Established connections live for five days.
        router.advance(to: router.now + 6 * 86_400_000_000_000)
        #expect(router.flows().isEmpty)
        #expect(router.flowCount == 0)
    }

    /// Changes up to three bytes behind the Ethernet addresses, and sometimes the length; sometimes mends the header's checksum,
    /// so that what follows is reached.
    private static func mutate(_ bytes: [UInt8], _ random: inout RandomSource) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<random.next(below: 4) where bytes.count > 14 {
            let place = 12 + Int(random.next(below: UInt32(min(bytes.count - 12, 60))))
            bytes[place] = random.next(below: 2) == 0 ? UInt8(random.next(below: 256)) : bytes[place] ^ 1 << UInt8(random.next(below: 8))
        }
        if random.next(below: 20) == 0 { bytes.removeLast(Int(random.next(below: UInt32(bytes.count)))) }
        guard bytes.count >= 34, random.next(below: 4) > 0 else { return bytes }
        let length = Int(bytes[14] & 15) * 4
        guard length >= 20, bytes.count >= 14 + length else { return bytes }
        bytes[24] = 0
        bytes[25] = 0
        let sum = ~UInt16(internetSum(bytes[14..<14 + length]))
        bytes[24] = UInt8(sum >> 8)
        bytes[25] = UInt8(sum & 255)
        return bytes
    }
}
