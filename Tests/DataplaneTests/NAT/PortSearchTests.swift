import Net
import TestSupport
import Testing

@testable import Dataplane

@Suite("NAT: the last ports toward a destination")
struct PortSearchTests {
    /// A bench with SNAT into a range of ports, each flow of which comes from a client and port of its own.
    static func bench(_ ports: ClosedRange<UInt16>, workers: Int = 1, seed: UInt64 = 1) -> Bench {
        var setup = Bench.Setup()
        setup.workers = workers
        setup.seed = seed
        setup.flows = 8192
        setup.rules = .nat((.postrouting, .translate("198.51.100.1", ports: ports)))
        return Bench(setup)
    }

    /// Sends the first packets of flows and returns the ports they leave from.
    static func open(_ bench: Bench, _ flows: Range<Int>, worker: Int = 0, to server: String = "192.0.2.9:53") -> [Int] {
        var ports: [Int] = []
        for first in stride(from: flows.lowerBound, to: flows.upperBound, by: 32) {
            let burst = (first..<min(first + 32, flows.upperBound)).map {
                bench.read("lan udp 10.1.\(1 + $0 / 200).\(1 + $0 % 200):20000 > \(server)")
            }
            ports += bench.send(burst, worker: worker).map { NATTests.sourcePort($0) }
        }
        return ports
    }

    @Test("every port of a range can be had, the last as well, by any number of workers", arguments: [1, 2], [1, 7, 99] as [UInt64])
    func all(workers: Int, seed: UInt64) {
        let bench = Self.bench(2000...5999, workers: workers, seed: seed)
        var ports: [Int] = []
        for part in 0..<40 { ports += Self.open(bench, part * 100..<part * 100 + 100, worker: part % workers) }
        #expect(ports.count == 4000 && Set(ports) == Set(2000...5999))
        #expect(Self.open(bench, 4000..<4100) == [])
        #expect(bench.drops == ["nat-exhausted": 100])
        // Toward another destination all are free.
        #expect(Self.open(bench, 4000..<4100, to: "192.0.2.8:53").count == 100)
    }

    @Test("a port that comes free is found again")
    func again() {
        let bench = Self.bench(2000...3999)
        #expect(Set(Self.open(bench, 0..<2000)).count == 2000)
        // They live for thirty seconds; those that go on live on.
        bench.pass(20)
        for flow in 0..<1990 { _ = Self.open(bench, flow..<flow + 1) }
        #expect(Self.open(bench, 2000..<2001) == [])
        bench.pass(11)
        bench.pass(0.2)
        #expect(bench.flows.count == 1990)
        #expect(Set(Self.open(bench, 2000..<2020)).count == 10)
        #expect(bench.drops == ["nat-exhausted": 11])
        // When all have gone, so has what was known of them.
        for _ in 0..<200 { bench.pass(1) }
        #expect(bench.flows.count == 0)
        #expect(bench.flows.crowdedPorts.isEmpty)
    }

    @Test("exhaustion is told of once a second")
    func effect() {
        let bench = Self.bench(2000...2000)
        func told() -> Int { bench.effects.count { if case .portsExhausted = $0 { true } else { false } } }
        _ = Self.open(bench, 0..<1)
        #expect(told() == 0)
        _ = Self.open(bench, 1..<30)
        #expect(
            bench.effects == [
                .portsExhausted(ipProtocol: .udp, address: "198.51.100.1", destination: "192.0.2.9", destinationPort: 53)
            ])
        _ = Self.open(bench, 1..<30)
        #expect(told() == 0)
        bench.pass(1)
        _ = Self.open(bench, 1..<30)
        #expect(told() == 1)
    }

    @Test("nf_nat_used_tuple_harder: a connection in TIME-WAIT gives its port to one whose numbers lie beyond", arguments: [(5000, true), (50, false)] as [(Int, Bool)])
    func timeWait(sequence: Int, isGiven: Bool) {
        let bench = Self.bench(2000...2000)
        let wan = "wan tcp 192.0.2.9:80 > 198.51.100.1:2000"
        let lan = "lan tcp 10.0.0.2:1000 > 192.0.2.9:80"
        bench.send("\(lan) S seq 100")
        bench.send("\(wan) SA seq 900 ack 101")
        bench.send("\(lan) A seq 101 ack 901")
        #expect(bench.send("lan tcp 10.0.0.3:1000 > 192.0.2.9:80 S seq \(sequence)") == [])
        bench.send("\(lan) FA seq 101 ack 901")
        bench.send("\(wan) FA seq 901 ack 102")
        bench.send("\(lan) A seq 102 ack 902")
        #expect(bench.flowList.first?.contains("TIME_WAIT") ?? false)
        #expect(bench.send("lan tcp 10.0.0.3:1000 > 192.0.2.9:80 S seq \(sequence)").count == (isGiven ? 1 : 0))
    }

    @Test("nf_nat_oif_changed: a masqueraded flow ends when its route moves to another port")
    func routeMoves() {
        let bench = NATTests.bench((.postrouting, .masquerade))
        #expect(bench.send("lan udp 10.0.0.2:1000 > 192.0.2.9:53").count == 1)
        bench.writer.apply([
            .route(
                Route(
                    table: Route.mainTable, prefix: IPv4Prefix("192.0.2.0", 24),
                    hops: [RouteHop(link: Bench.link(2), gateway: "172.16.0.2")]))
        ])
        #expect(bench.send("lan udp 10.0.0.2:1000 > 192.0.2.9:53") == [])
        #expect(bench.drops == ["nat-egress-changed": 1])
        #expect(bench.flows.count == 0)
        #expect(bench.send("lan udp 10.0.0.2:1000 > 192.0.2.9:53") == ["dmz udp 172.16.0.1:1000 > 192.0.2.9:53 ttl 63"])
    }

    @Test("what a map knows: the next port not known to be taken, round the range")
    func map() {
        let ports = CrowdedPorts(flows: 1024)
        func reply(_ port: UInt16) -> FlowTuple {
            FlowTuple(source: "192.0.2.9", destination: "198.51.100.1", ipProtocol: .tcp, sourcePort: 80, destinationPort: port)
        }
        func next(_ range: ClosedRange<UInt16>, _ from: UInt16) -> Int {
            switch ports.next(reply(0), in: range, from: from, hashKey: 1) {
            case .free(let port): Int(port)
            case .allTaken: -1
            case .noMap: -2
            }
        }
        #expect(next(0...65535, 0) == -2)
        ports.open(reply(0), hashKey: 1, now: .seconds(1))
        #expect(next(0...65535, 0) == 0)
        for port in 1000...40000 as ClosedRange<UInt16> { ports.mark(reply(port), hashKey: 1) }
        #expect(next(1000...40000, 20000) == -1)
        #expect(next(999...40000, 20000) == 999)
        #expect(next(1000...40001, 1000) == 40001)
        for port in [1000, 1023, 1024, 4095, 4096, 8191, 20000, 39999, 40000] as [UInt16] {
            ports.clear(reply(port), hashKey: 1)
            for start in [1000, 1001, 4096, 20000, 20001, 39999, 40000] as [UInt16] { #expect(next(1000...40000, start) == Int(port)) }
            ports.mark(reply(port), hashKey: 1)
        }
        for port in 1000...40000 as ClosedRange<UInt16> { ports.clear(reply(port), hashKey: 1) }
        #expect(ports.isEmpty)
    }

    @Test("however many ask at once, a destination has one map, which goes with its last mark")
    func oneMap() {
        for round in 0..<200 as Range<UInt16> {
            let ports = CrowdedPorts(flows: 1024)
            let reply = FlowTuple(source: "192.0.2.9", destination: "198.51.100.1", ipProtocol: .tcp, sourcePort: round, destinationPort: 7)
            onThreads(4) { _ in ports.open(reply, hashKey: 1, now: .seconds(1)) }
            ports.mark(reply, hashKey: 1)
            ports.clear(reply, hashKey: 1)
            #expect(ports.isEmpty)
        }
    }

    @Test("the checksum of SCTP (RFC 9260, appendix A) and SipHash-2-4, by their authors' examples")
    func hashes() {
        let sum = unsafe Array("123456789".utf8).withUnsafeBytes { bytes in
            unsafe bytes.baseAddress.map { unsafe CRC32C.compute($0, count: bytes.count, field: bytes.count) }
        }
        #expect(sum == 0xE306_9283)
        let siphash = SipHash(key: (0x0706_0504_0302_0100, 0x0F0E_0D0C_0B0A_0908))
        #expect(siphash.hash(0x0706_0504_0302_0100, 0x0F0E_0D0C_0B0A_0908, 0x1716_1514_1312_1110) == 0xB8AD_50C6_F649_AF94)
    }
}
