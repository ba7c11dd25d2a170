import Net
import Testing

@testable import Dataplane

@Suite("The host's own traffic: INPUT and OUTPUT")
struct HostPathTests {
    @Test("what the host sends leaves by the port and to the Ethernet address that the kernel chose, its TTL untouched")
    func out() {
        let bench = Bench()
        #expect(
            bench.send("host wan eth 02:00:00:00:01:01 > 01:00:5e:00:00:05 ip 198.51.100.1 > 224.0.0.5 proto 89 ttl 1 len 20")
                == ["wan eth 02:00:00:00:01:01 > 01:00:5e:00:00:05 ip 198.51.100.1 > 224.0.0.5 proto 89 ttl 1 len 20"])
        #expect(bench.send("host wan tcp 198.51.100.1:1 > 192.0.2.9:2 S") == ["wan tcp 198.51.100.1:1 > 192.0.2.9:2 S"])
    }

    @Test(
        "SCTP's checksum, which the host leaves to the NIC as a zero, is filled in; what the host has filled in stays, right or wrong",
        arguments: [("00000000", "dd66b3d0"), ("dd66b3d0", "dd66b3d0"), ("12345678", "12345678")])
    func sctpChecksum(sum: String, sent: String) {
        // The example of the scenario snat-sctp, whose sum the kernel has made.
        let rest = "01000014112233440000ffff0001000100000001"
        #expect(
            Bench().send("host wan ip 198.51.100.1 > 192.0.2.9 proto 132 x 03e8005000000000\(sum)\(rest)")
                == ["wan ip 198.51.100.1 > 192.0.2.9 proto 132 x 03e8005000000000\(sent)\(rest)"])
    }

    @Test("INPUT DROP with an ESTABLISHED rule lets the host's own connections work")
    func established() {
        var setup = Bench.Setup()
        setup.rules = .tracking
        setup.rules.chain(.filter, .input, policy: .policyDrop, [.accept.states([.established, .related])])
        let bench = Bench(setup)
        #expect(bench.send("wan tcp 192.0.2.9:22 > 198.51.100.1:1 S") == [])
        #expect(bench.send("host wan tcp 198.51.100.1:2000 > 192.0.2.9:80 S seq 1").count == 1)
        #expect(bench.send("wan tcp 192.0.2.9:80 > 198.51.100.1:2000 SA seq 9 ack 2").count == 1)
        expect(
            bench.send("wan icmp 192.0.2.7 > 198.51.100.1 host-unreachable [tcp 198.51.100.1:2000 > 192.0.2.9:80 S seq 1]"),
            ["host wan icmp …"])
        #expect(bench.drops == ["policy": 1])
    }

    @Test("a mark that a rule gives finds the packet another way")
    func marked() {
        var setup = Bench.Setup()
        setup.rules.chain(.mangle, .output, [RuleText.Rule(.flow(.mark(value: 1, mask: .max))).udp(to: 53)])
        let bench = Bench(setup)
        bench.writer.apply([
            .route(Route(table: 100, prefix: .all, hops: [RouteHop(link: Bench.link(2), gateway: "172.16.0.2")])),
            .policy(PolicyRule(priority: 100, mark: 1, markMask: .max, action: .lookup(table: 100))),
        ])
        #expect(bench.send("host wan udp 198.51.100.1:2000 > 192.0.2.9:53") == ["dmz udp 198.51.100.1:2000 > 192.0.2.9:53"])
        #expect(bench.send("host wan udp 198.51.100.1:2000 > 192.0.2.9:54") == ["wan udp 198.51.100.1:2000 > 192.0.2.9:54"])
    }

    @Test("DNAT in OUTPUT sends it elsewhere, and the answer comes back as expected")
    func translated() {
        var setup = Bench.Setup()
        setup.rules = .nat((.output, .translate("172.16.0.2", ports: 8080...8080).tcp(to: 80)))
        let bench = Bench(setup)
        #expect(bench.send("host wan tcp 198.51.100.1:2000 > 192.0.2.9:80 S seq 1") == ["dmz tcp 198.51.100.1:2000 > 172.16.0.2:8080 S seq 1"])
        #expect(bench.send("dmz tcp 172.16.0.2:8080 > 198.51.100.1:2000 SA seq 7 ack 2") == ["host dmz tcp 192.0.2.9:80 > 198.51.100.1:2000 SA seq 7 ack 2"])
    }

    @Test("RFC 1122, 3.3.1: REJECT in OUTPUT answers the host itself, by the port it wanted to send by")
    func rejected() {
        var setup = Bench.Setup()
        setup.rules.chain(.filter, .output, [RuleText.Rule(.reject(.portUnreachable)).udp(to: 53), RuleText.Rule(.reject(.tcpReset)).proto(.tcp).to("192.0.2.0/24")])
        let bench = Bench(setup)
        expect(
            bench.send("host wan udp 198.51.100.1:2000 > 192.0.2.9:53 len 3"),
            ["host wan icmp 198.51.100.1 > 198.51.100.1 port-unreachable tos 0xc0 id * [udp 198.51.100.1:2000 > 192.0.2.9:53 len 3]"])
        #expect(
            bench.send("host wan tcp 198.51.100.1:2000 > 192.0.2.9:80 S seq 9")
                == ["host wan tcp 192.0.2.9:80 > 198.51.100.1:2000 RA ack 10 win 0 df"])
    }

    @Test("masqueraded connections and the host's own never clash on a port")
    func clash() throws {
        var setup = Bench.Setup()
        setup.rules = .nat((.postrouting, .masquerade.output("wan")))
        let bench = Bench(setup)
        #expect(bench.send("lan udp 10.0.0.2:2000 > 192.0.2.9:53") == ["wan udp 198.51.100.1:2000 > 192.0.2.9:53 ttl 63"])
        let out = bench.send("host wan udp 198.51.100.1:2000 > 192.0.2.9:53")
        #expect(out.count == 1 && !out[0].contains(":2000"))
        let port = out[0].split(separator: " ")[2].split(separator: ":")[1]
        #expect(bench.send("wan udp 192.0.2.9:53 > 198.51.100.1:2000") == ["lan udp 192.0.2.9:53 > 10.0.0.2:2000 ttl 63"])
        #expect(bench.send("wan udp 192.0.2.9:53 > 198.51.100.1:\(port)") == ["host wan udp 192.0.2.9:53 > 198.51.100.1:2000"])
    }

    @Test("a frame that could not be sent after all is a drop by name")
    func lost() throws {
        let bench = Bench()
        let frame = bench.read("lan udp 10.0.0.2:1 > 192.0.2.9:2")
        #expect(bench.send([frame]).count == 1)
        #expect(bench.total(.transmitted) == 1)
    }
}
