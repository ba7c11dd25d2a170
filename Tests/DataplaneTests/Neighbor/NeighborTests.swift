import Net
import Testing

@testable import Dataplane

@Suite("Packets that wait for a neighbour")
struct NeighborTests {
    private static func bench(_ strangers: Set<IPv4Address> = ["198.51.100.254", "10.0.0.3"], rules: RuleText = RuleText()) -> Bench {
        var setup = Bench.Setup()
        setup.strangers = strangers
        setup.rules = rules
        return Bench(setup)
    }

    @Test("they are held, the kernel is asked once, and they leave in order when it knows")
    func holds() {
        let bench = Self.bench()
        #expect(bench.send("lan udp 10.0.0.2:1 > 192.0.2.9:1", "lan udp 10.0.0.2:1 > 192.0.2.8:2") == [])
        #expect(bench.effects == [.resolve(port: PortIndex(rawValue: 1), address: "198.51.100.254", isGateway: true)])
        #expect(bench.send("lan udp 10.0.0.2:1 > 192.0.2.9:3") == [])
        #expect(bench.effects == [])
        #expect(bench.total(.held) == 3)
        bench.meet("198.51.100.254", on: 1)
        #expect(bench.pass(0.01) == ["wan udp 10.0.0.2:1 > 192.0.2.9:1 ttl 63", "wan udp 10.0.0.2:1 > 192.0.2.8:2 ttl 63", "wan udp 10.0.0.2:1 > 192.0.2.9:3 ttl 63"])
        #expect(bench.send("lan udp 10.0.0.2:1 > 192.0.2.9:4").count == 1)
    }

    @Test("an on-link host is asked for as such")
    func onLink() {
        let bench = Self.bench()
        #expect(bench.send("wan udp 192.0.2.9:1 > 10.0.0.3:1") == [])
        #expect(bench.effects == [.resolve(port: PortIndex(rawValue: 0), address: "10.0.0.3", isGateway: false)])
        bench.pass(1.1)
        #expect(bench.effects == [.resolve(port: PortIndex(rawValue: 0), address: "10.0.0.3", isGateway: false)])
    }

    @Test("sixteen wait for one hop; more are dropped by name")
    func limit() {
        let bench = Self.bench()
        for _ in 0..<20 { bench.send("lan udp 10.0.0.2:1 > 192.0.2.9:1") }
        #expect(bench.total(.held) == 16)
        #expect(bench.drops == ["neighbor-queue-full": 4])
        bench.meet("198.51.100.254", on: 1)
        #expect(bench.pass(0.01).count == 16)
    }

    @Test("so many hops may be waited for; some places are the gateways' alone")
    func hops() {
        let bench = Self.bench(["198.51.100.254"])
        for host in 5..<255 {
            bench.send("wan udp 192.0.2.9:1 > 10.0.0.\(host):1", "wan udp 192.0.2.9:1 > 172.16.0.\(host):1")
        }
        #expect(bench.total(.held) == 448)
        #expect(bench.drops == ["neighbor-queue-full": 52])
        // By the gateway on wan.
        bench.send("lan udp 10.0.0.2:1 > 192.0.2.9:1")
        #expect(bench.total(.held) == 449)
        bench.pass(5)
        #expect(bench.total(.held) == 0)
        // With the six errors that may go to one destination in a burst, which find no gateway either.
        #expect(bench.dropped(.neighborFailed) == 449 + 6)
    }

    @Test("RFC 1812, 5.2.7.1: given up after four seconds, each sender is told")
    func givesUp() {
        let bench = Self.bench()
        bench.send("lan udp 10.0.0.2:1 > 192.0.2.9:1", "lan udp 10.0.0.2:1 > 192.0.2.8:2")
        #expect(bench.pass(3.9) == [])
        expect(
            bench.pass(0.2),
            [
                "lan icmp 10.0.0.1 > 10.0.0.2 host-unreachable tos 0xc0 id * [udp 10.0.0.2:1 > 192.0.2.9:1 ttl 63]",
                "lan icmp 10.0.0.1 > 10.0.0.2 host-unreachable tos 0xc0 id * [udp 10.0.0.2:1 > 192.0.2.8:2 ttl 63]",
            ])
        #expect(bench.drops == ["neighbor-failed": 2])
    }

    @Test("a neighbour that has failed is not waited for so long")
    func failed() {
        let bench = Self.bench()
        bench.send("lan udp 10.0.0.2:1 > 192.0.2.9:1")
        bench.meet("198.51.100.254", on: 1, state: .failed)
        #expect(bench.pass(0.5) == [])
        #expect(bench.pass(0.6).count == 1)
    }

    @Test("behind MASQUERADE the client is told, in its own words")
    func translated() {
        let bench = Self.bench(rules: .nat((.postrouting, .masquerade.output("wan"))))
        bench.send("lan udp 10.0.0.2:5000 > 192.0.2.9:53 len 4")
        expect(
            bench.pass(4.1),
            ["lan icmp 198.51.100.1 > 10.0.0.2 host-unreachable tos 0xc0 id * [udp 10.0.0.2:5000 > 192.0.2.9:53 ttl 63 len 4]"])
    }

    @Test("an answer of ours that finds no neighbour is not answered")
    func answers() {
        let bench = Self.bench(["10.0.0.2"])
        #expect(bench.send("lan udp 10.0.0.2:1 > 192.0.2.9:1 ttl 1") == [])
        #expect(bench.total(.held) == 1)
        #expect(bench.pass(5) == [])
        #expect(bench.drops == ["ttl-expired": 1, "neighbor-failed": 1])
    }

    @Test("a stale neighbour in use is confirmed once a period")
    func stale() {
        let bench = Self.bench()
        bench.meet("198.51.100.254", on: 1, state: .stale)
        #expect(bench.send("lan udp 10.0.0.2:1 > 192.0.2.9:1", "lan udp 10.0.0.2:1 > 192.0.2.9:1").count == 2)
        #expect(bench.effects == [.refresh(port: PortIndex(rawValue: 1), address: "198.51.100.254", isGateway: true)])
    }

    @Test("a port that is down")
    func down() {
        let bench = Self.bench([])
        bench.writer.apply([.link(Link(index: Bench.link(0), name: "lan", mac: Bench.mac(0), mtu: 1500, isUp: false, isRunning: false))])
        #expect(bench.send("host lan udp 10.0.0.1:1 > 10.0.0.2:2") == [])
        #expect(bench.drops == ["link-down": 1])
    }

    @Test("fragments of what is made of one packet wait as well")
    func fragments() {
        var setup = Bench.Setup()
        setup.strangers = ["198.51.100.254"]
        setup.mtu[1] = 576
        let bench = Bench(setup)
        bench.send("lan udp 10.0.0.2:1 > 192.0.2.9:1 len 1000")
        #expect(bench.total(.held) == 2)
        bench.meet("198.51.100.254", on: 1)
        #expect(bench.pass(0.1).count == 2)
    }
}
