import Net
import TestSupport
import Testing

@testable import Dataplane

@Suite("NAT: bindings, ranges, ports (nf_nat_core.c)")
struct NATTests {
    static func bench(_ rules: (Hook, RuleText.Rule)..., seed: UInt64 = 1, change: (inout Bench.Setup) -> Void = { _ in }) -> Bench {
        var setup = Bench.Setup()
        var text = RuleText.tracking
        for hook in [Hook.prerouting, .input, .output, .postrouting] {
            text.chain(.nat, hook, rules.filter { $0.0 == hook }.map(\.1))
        }
        setup.rules = text
        setup.seed = seed
        change(&setup)
        return Bench(setup)
    }

    /// The source port of a packet that came out, as text.
    static func sourcePort(_ line: String) -> Int {
        Int(line.split(separator: " ")[2].split(separator: ":").last ?? "") ?? -1
    }

    @Test("RFC 3022, 4.1: MASQUERADE takes the egress port's address, keeps a port that is free, and undoes it for the answer")
    func masquerade() {
        let bench = Self.bench((.postrouting, .masquerade.output("wan")))
        #expect(bench.send("lan tcp 10.0.0.2:1000 > 192.0.2.9:80 S seq 1 mss 1460 len 3") == ["wan tcp 198.51.100.1:1000 > 192.0.2.9:80 S seq 1 mss 1460 ttl 63 len 3"])
        #expect(bench.send("wan tcp 192.0.2.9:80 > 198.51.100.1:1000 SA seq 5 ack 5") == ["lan tcp 192.0.2.9:80 > 10.0.0.2:1000 SA seq 5 ack 5 ttl 63"])
        #expect(bench.send("lan icmp 10.0.0.2 > 192.0.2.9 echo 7 1 len 20") == ["wan icmp 198.51.100.1 > 192.0.2.9 echo 7 1 ttl 63 len 20"])
        #expect(bench.send("wan icmp 192.0.2.9 > 198.51.100.1 echo-reply 7 1 len 20") == ["lan icmp 192.0.2.9 > 10.0.0.2 echo-reply 7 1 ttl 63 len 20"])
        // Traffic the other way is not touched.
        #expect(bench.send("lan udp 10.0.0.2:5 > 172.16.0.2:5") == ["dmz udp 10.0.0.2:5 > 172.16.0.2:5 ttl 63"])
        // Nor are packets of a protocol without ports, but for the address.
        #expect(bench.send("lan ip 10.0.0.2 > 192.0.2.9 proto 50 len 8") == ["wan ip 198.51.100.1 > 192.0.2.9 proto 50 ttl 63 len 8"])
        #expect(bench.send("wan ip 192.0.2.9 > 198.51.100.1 proto 50 len 8") == ["lan ip 192.0.2.9 > 10.0.0.2 proto 50 ttl 63 len 8"])
    }

    @Test(
        "RFC 4787, REQ-3: a port that is taken becomes another of its class",
        arguments: [(80, 1...511), (600, 600...1023), (1023, 600...1023), (5000, 1024...65535)] as [(Int, ClosedRange<Int>)])
    func classes(port: Int, range: ClosedRange<Int>) {
        for seed in 0..<20 as Range<UInt64> {
            let bench = Self.bench((.postrouting, .masquerade.output("wan")), seed: seed)
            #expect(Self.sourcePort(bench.send("lan udp 10.0.0.2:\(port) > 192.0.2.9:53")[0]) == port)
            let other = Self.sourcePort(bench.send("lan udp 10.0.0.3:\(port) > 192.0.2.9:53")[0])
            #expect(other != port && range.contains(other))
            // RFC 4787, REQ-1: toward another destination it stays that (find_appropriate_src).
            #expect(Self.sourcePort(bench.send("lan udp 10.0.0.3:\(port) > 192.0.2.8:53")[0]) == other)
        }
    }

    @Test("ICMP identifiers are kept apart likewise")
    func identifiers() {
        let bench = Self.bench((.postrouting, .masquerade.output("wan")))
        #expect(bench.send("lan icmp 10.0.0.2 > 192.0.2.9 echo 7 1") == ["wan icmp 198.51.100.1 > 192.0.2.9 echo 7 1 ttl 63"])
        let other = bench.send("lan icmp 10.0.0.3 > 192.0.2.9 echo 7 1")[0].split(separator: " ")
        #expect(other[6] != "7")
        #expect(bench.send("wan icmp 192.0.2.9 > 198.51.100.1 echo-reply \(other[6]) 1") == ["lan icmp 192.0.2.9 > 10.0.0.3 echo-reply 7 1 ttl 63"])
    }

    @Test("SNAT into a range of ports fills it, then the drop says so")
    func exhaustion() {
        let bench = Self.bench((.postrouting, .translate("198.51.100.1", ports: 7000...7015).proto(.udp)))
        var ports = Set<Int>()
        for port in 1...20 {
            for line in bench.send("lan udp 10.0.0.2:\(port) > 192.0.2.9:53") { ports.insert(Self.sourcePort(line)) }
        }
        #expect(ports == Set(7000...7015))
        #expect(bench.drops == ["nat-exhausted": 4])
        #expect(bench.flows.count == 16)
        // Another destination has its own.
        #expect(bench.send("lan udp 10.0.0.2:99 > 192.0.2.8:53").count == 1)
        // When the flows have gone, their ports are free.
        bench.pass(31)
        bench.pass(0.2)
        #expect(bench.flows.count == 0)
        #expect(bench.send("lan udp 10.0.0.2:99 > 192.0.2.9:53").count == 1)
    }

    @Test("a port that lies in the range is kept")
    func keeps() {
        let bench = Self.bench((.postrouting, .translate("198.51.100.1", ports: 7000...7015).proto(.udp)))
        #expect(bench.send("lan udp 10.0.0.2:7003 > 192.0.2.9:53") == ["wan udp 198.51.100.1:7003 > 192.0.2.9:53 ttl 63"])
    }

    @Test("--random and --random-fully choose anew although the port is free", arguments: [NATRange.Options.random, .fullyRandom])
    func random(option: NATRange.Options) {
        let bench = Self.bench((.postrouting, .translate("198.51.100.1", options: option).proto(.udp)))
        let ports = (2000..<2050).map { Self.sourcePort(bench.send("lan udp 10.0.0.2:\($0) > 192.0.2.9:53")[0]) }
        #expect(Set(ports).count == 50 && zip(ports, 2000...).filter { $0 == $1 }.count < 3)
        #expect(ports.allSatisfy { (1024...65535).contains($0) })
    }

    @Test("SNAT to a range of addresses spreads clients, and gives the same for the same pair")
    func addresses() {
        let bench = Self.bench((.postrouting, .translate("198.51.100.16", "198.51.100.31")))
        var seen = Set<Substring>()
        for host in 0..<64 {
            let source = (0..<3).map { bench.send("lan udp 10.0.0.2:\(1000 + host * 3 + $0) > 192.0.2.\(host):53")[0].split(separator: " ")[2].split(separator: ":")[0] }
            #expect(Set(source).count == 1)
            seen.insert(source[0])
        }
        #expect(seen.count > 10)
        #expect(seen.allSatisfy { IPv4Address($0).map { $0 >= "198.51.100.16" && $0 <= "198.51.100.31" } ?? false })
    }

    @Test("a table filled to its last flow, each in the index three times, has room for all")
    func full() {
        let bench = Self.bench((.postrouting, .translate("198.51.100.16", "198.51.100.31"))) { $0.flows = 32768 }
        for client in 0..<4 {
            for first in stride(from: 0, to: 8192, by: 32) {
                bench.send((first..<first + 32).map { bench.read("lan udp 10.0.0.\(client + 10):\(2000 + $0) > 192.0.2.9:53") })
            }
        }
        #expect(bench.drops == [:])
        #expect(bench.flows.count == 32768)
    }

    @Test("--persistent: one address for all destinations of a client")
    func persistent() {
        let bench = Self.bench((.postrouting, .translate("198.51.100.16", "198.51.100.31", options: .persistent)))
        #expect(Set((0..<32).map { bench.send("lan udp 10.0.0.2:9 > 192.0.2.\($0):53")[0].split(separator: " ")[2] }).count == 1)
    }

    @Test("the widest range of addresses")
    func everyAddress() {
        let bench = Self.bench((.postrouting, .translate("0.0.0.0", "255.255.255.255")))
        #expect(bench.send("lan udp 10.0.0.2:9 > 192.0.2.9:53") == ["wan udp 10.0.0.2:9 > 192.0.2.9:53 ttl 63"])
    }

    @Test("DNAT sends to another address and port, and undoes it for the answer")
    func destination() {
        let bench = Self.bench((.prerouting, .translate("10.0.0.2", ports: 8080...8080).tcp(to: 80).input("wan")))
        #expect(bench.send("wan tcp 192.0.2.9:5 > 198.51.100.1:80 S seq 1") == ["lan tcp 192.0.2.9:5 > 10.0.0.2:8080 S seq 1 ttl 63"])
        #expect(bench.send("lan tcp 10.0.0.2:8080 > 192.0.2.9:5 SA seq 1 ack 2") == ["wan tcp 198.51.100.1:80 > 192.0.2.9:5 SA seq 1 ack 2 ttl 63"])
        #expect(bench.flowList == ["tcp 60 SYN_RECV 192.0.2.9:5>198.51.100.1:80 10.0.0.2:8080>192.0.2.9:5 1/1"])
    }

    @Test("DNAT to a range of ports takes the first (as tried on Linux 6.18)")
    func destinationPorts() {
        let bench = Self.bench((.prerouting, .translate("10.0.0.2", ports: 8080...8090).tcp(to: 80).input("wan")))
        for port in 1...5 { #expect(bench.send("wan tcp 192.0.2.9:\(port) > 198.51.100.1:80 S") == ["lan tcp 192.0.2.9:\(port) > 10.0.0.2:8080 S ttl 63"]) }
        // A second address that leads to the same place finds it taken for this client.
        #expect(bench.send("wan tcp 192.0.2.9:1 > 198.51.100.77:80 S") == ["lan tcp 192.0.2.9:1 > 10.0.0.2:8081 S ttl 63"])
    }

    @Test("two ways in to one server: the second client's port makes room")
    func destinationClash() {
        let bench = Self.bench((.prerouting, .translate("10.0.0.2", ports: 80...80).proto(.tcp).input("wan")))
        #expect(bench.send("wan tcp 192.0.2.9:5000 > 198.51.100.1:80 S seq 1").count == 1)
        let out = bench.send("wan tcp 192.0.2.9:5000 > 198.51.100.1:81 S seq 1")
        #expect(out.count == 1 && Self.sourcePort(out[0]) != 5000)
        #expect(bench.send("lan tcp 10.0.0.2:80 > 192.0.2.9:\(Self.sourcePort(out[0])) SA seq 1 ack 2") == ["wan tcp 198.51.100.1:81 > 192.0.2.9:5000 SA seq 1 ack 2 ttl 63"])
    }

    @Test("hairpin: inside to inside by the outside address, there and back")
    func hairpin() {
        let bench = Self.bench(
            (.prerouting, .translate("10.0.0.3", ports: 80...80).tcp(to: 8080).to("198.51.100.1/32")),
            (.postrouting, .masquerade.from("10.0.0.0/24").output("lan")))
        #expect(bench.send("lan tcp 10.0.0.2:1000 > 198.51.100.1:8080 S seq 1") == ["lan tcp 10.0.0.1:1000 > 10.0.0.3:80 S seq 1 ttl 63"])
        #expect(bench.send("lan tcp 10.0.0.3:80 > 10.0.0.1:1000 SA seq 9 ack 2") == ["lan tcp 198.51.100.1:8080 > 10.0.0.2:1000 SA seq 9 ack 2 ttl 63"])
        #expect(bench.send("lan tcp 10.0.0.2:1000 > 198.51.100.1:8080 A seq 2 ack 10") == ["lan tcp 10.0.0.1:1000 > 10.0.0.3:80 A seq 2 ack 10 ttl 63"])
    }

    @Test("MASQUERADE without an address on the egress port")
    func noAddress() {
        let bench = Self.bench((.postrouting, .masquerade.output("wan")))
        for (port, address) in Bench.addresses.enumerated() {
            bench.writer.apply([.addressRemoved(LinkAddress(link: Bench.link(port), prefix: IPv4Prefix(address, 24), broadcast: IPv4Prefix(address, 24).last))])
        }
        #expect(bench.send("lan udp 10.0.0.2:5 > 192.0.2.9:53") == [])
        #expect(bench.drops == ["nat-no-address": 1])
        #expect(bench.flows.count == 0)
    }

    @Test("two flows of a protocol without ports cannot share an address")
    func portless() {
        let bench = Self.bench((.postrouting, .masquerade.output("wan")))
        #expect(bench.send("lan ip 10.0.0.2 > 192.0.2.9 proto 50 len 8").count == 1)
        #expect(bench.send("lan ip 10.0.0.3 > 192.0.2.9 proto 50 len 8") == [])
        #expect(bench.send("lan ip 10.0.0.2 > 192.0.2.9 proto 51 len 12").count == 1)
        #expect(bench.send("lan ip 10.0.0.3 > 192.0.2.9 proto 51 len 12") == [])
        #expect(bench.drops == ["nat-exhausted": 2])
    }

    @Test("what was tracked before there was NAT stays as it is; a dropped first packet leaves nothing behind")
    func order() {
        var setup = Bench.Setup()
        setup.rules = .tracking
        let bench = Bench(setup)
        bench.send("lan udp 10.0.0.2:5 > 192.0.2.9:53")
        var rules = RuleText.nat((.postrouting, .masquerade.output("wan")))
        rules.chain(.filter, .forward, [.drop.udp(to: 99)])
        bench.load(rules)
        #expect(bench.send("lan udp 10.0.0.2:5 > 192.0.2.9:53") == ["wan udp 10.0.0.2:5 > 192.0.2.9:53 ttl 63"])
        #expect(bench.send("lan udp 10.0.0.2:6 > 192.0.2.9:99") == [])
        #expect(bench.flows.count == 1)
        for _ in 0..<10000 { bench.send("lan udp 10.0.0.2:6 > 192.0.2.9:99") }
        #expect(bench.flows.count == 1)
    }

    // MARK: ICMP errors

    static let errors: [(rule: String, first: String, error: String, out: String)] = [
        (
            "UDP inside", "lan udp 10.0.0.2:5000 > 192.0.2.9:53 len 10",
            "wan icmp 192.0.2.7 > 198.51.100.1 port-unreachable [udp 198.51.100.1:7000 > 192.0.2.9:53 ttl 60 len 10]",
            "lan icmp 192.0.2.7 > 10.0.0.2 port-unreachable ttl 63 [udp 10.0.0.2:5000 > 192.0.2.9:53 ttl 60 len 10]"
        ),
        (
            "UDP without a checksum inside", "lan udp 10.0.0.2:5000 > 192.0.2.9:53 nosum len 10",
            "wan icmp 192.0.2.7 > 198.51.100.1 port-unreachable [udp 198.51.100.1:7000 > 192.0.2.9:53 nosum ttl 60 len 10]",
            "lan icmp 192.0.2.7 > 10.0.0.2 port-unreachable ttl 63 [udp 10.0.0.2:5000 > 192.0.2.9:53 nosum ttl 60 len 10]"
        ),
        (
            "TCP inside", "lan tcp 10.0.0.2:5000 > 192.0.2.9:80 S seq 9",
            "wan icmp 192.0.2.7 > 198.51.100.1 frag-needed 1400 [tcp 198.51.100.1:7000 > 192.0.2.9:80 S seq 9 ttl 60]",
            "lan icmp 192.0.2.7 > 10.0.0.2 frag-needed 1400 ttl 63 [tcp 10.0.0.2:5000 > 192.0.2.9:80 S seq 9 ttl 60]"
        ),
        (
            "IP options inside", "lan tcp 10.0.0.2:5000 > 192.0.2.9:80 S seq 9",
            "wan icmp 192.0.2.7 > 198.51.100.1 ttl-exceeded [tcp 198.51.100.1:7000 > 192.0.2.9:80 S seq 9 ttl 1 ipopt 94040000]",
            "lan icmp 192.0.2.7 > 10.0.0.2 ttl-exceeded ttl 63 [tcp 10.0.0.2:5000 > 192.0.2.9:80 S seq 9 ttl 1 ipopt 94040000]"
        ),
    ]

    @Test("RFC 5508, REQ-4: an error about a translated packet is translated inside and out", arguments: 0..<errors.count)
    func error(place: Int) {
        let line = Self.errors[place]
        let bench = Self.bench((.postrouting, .translate("198.51.100.1", ports: 7000...7000)))
        #expect(bench.send(line.first).count == 1)
        #expect(bench.send(line.error) == [line.out], "\(line.rule)")
        #expect(bench.flows.count == 1)
    }

    @Test("RFC 792: eight bytes of the transport header are enough")
    func truncatedInner() throws {
        let bench = Self.bench((.postrouting, .translate("198.51.100.1", ports: 7000...7000)))
        bench.send("lan tcp 10.0.0.2:5000 > 192.0.2.9:80 S seq 9 mss 1460")
        let sent = try TestPacket("tcp 198.51.100.1:7000 > 192.0.2.9:80 S seq 9 mss 1460 ttl 63").packetBytes
        let wanted = try TestPacket("tcp 10.0.0.2:5000 > 192.0.2.9:80 S seq 9 mss 1460 ttl 63").packetBytes
        for length in 20...sent.count {
            let hex = sent[..<length].map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            let out = bench.send("wan icmp 192.0.2.7 > 198.51.100.1 ttl-exceeded x \(hex)")
            if length >= 24, length < 28 {
                // The ports tell the flow, but there is not enough to translate (nf_nat_icmp_reply_translation).
                #expect(out == [], "\(length)")
            } else if length < 24 {
                #expect(out == ["host wan icmp 192.0.2.7 > 198.51.100.1 ttl-exceeded x \(hex)"] || out[0].hasPrefix("host wan"), "\(length)")
            } else {
                let inner = try TestPacket(String(out[0].dropFirst(4))).payload
                // All but the TCP checksum, which follows only where the header is whole.
                var same = Array(wanted[..<length])
                if length < 40 { for at in [36, 37] where at < length { same[at] = sent[at] } }
                #expect(inner == same, "\(length)")
                #expect(!out[0].contains("sum"), "\(out)")
            }
        }
    }

    @Test("ICMP inside: the identifier is the client's again")
    func icmpInner() {
        let bench = Self.bench((.postrouting, .masquerade.output("wan")))
        bench.send("lan icmp 10.0.0.2 > 192.0.2.9 echo 7 1 len 30")
        let id = bench.send("lan icmp 10.0.0.3 > 192.0.2.9 echo 7 1 len 30")[0].split(separator: " ")[6]
        #expect(
            bench.send("wan icmp 192.0.2.7 > 198.51.100.1 ttl-exceeded [icmp 198.51.100.1 > 192.0.2.9 echo \(id) 1 ttl 1 len 30]")
                == ["lan icmp 192.0.2.7 > 10.0.0.3 ttl-exceeded ttl 63 [icmp 10.0.0.3 > 192.0.2.9 echo 7 1 ttl 1 len 30]"])
    }

    @Test("an error by the inside server about a DNATed packet looks as if the outside address sent it")
    func fromInside() {
        let bench = Self.bench((.prerouting, .translate("10.0.0.2", ports: 8080...8080).udp(to: 80).input("wan")))
        #expect(bench.send("wan udp 192.0.2.9:5 > 198.51.100.1:80 len 4") == ["lan udp 192.0.2.9:5 > 10.0.0.2:8080 ttl 63 len 4"])
        #expect(
            bench.send("lan icmp 10.0.0.2 > 192.0.2.9 port-unreachable [udp 192.0.2.9:5 > 10.0.0.2:8080 ttl 63 len 4]")
                == ["wan icmp 198.51.100.1 > 192.0.2.9 port-unreachable ttl 63 [udp 192.0.2.9:5 > 198.51.100.1:80 ttl 63 len 4]"])
    }

    @Test("our own error about a packet that was translated names what the sender sent, once its flow is known")
    func own() {
        let bench = Self.bench((.prerouting, .translate("10.0.0.2", ports: 8080...8080).udp(to: 80).input("wan")))
        bench.send("wan udp 192.0.2.9:5 > 198.51.100.1:80 len 4")
        expect(
            bench.send("wan udp 192.0.2.9:5 > 198.51.100.1:80 ttl 1 len 4"),
            ["wan icmp 198.51.100.1 > 192.0.2.9 ttl-exceeded tos 0xc0 id * [udp 192.0.2.9:5 > 198.51.100.1:80 ttl 1 len 4]"])
    }

    @Test("an error that came damaged is not mended", arguments: [true, false])
    func damaged(verifies: Bool) {
        let bench = Self.bench((.postrouting, .masquerade.output("wan"))) { $0.tracking.verifiesChecksums = verifies }
        bench.send("lan udp 10.0.0.2:5000 > 192.0.2.9:53 len 10")
        let out = bench.send("wan icmp 192.0.2.7 > 198.51.100.1 port-unreachable badsum [udp 198.51.100.1:5000 > 192.0.2.9:53 len 10]")
        #expect(out.count == (verifies ? 1 : 0))
        #expect(out.allSatisfy { $0.hasPrefix("host wan") && $0.contains("badsum") }, "\(out)")
    }

    @Test("an error to another than the sender is of no flow")
    func stray() {
        let bench = Self.bench((.postrouting, .masquerade.output("wan")))
        bench.send("lan udp 10.0.0.2:5000 > 192.0.2.9:53 len 10")
        #expect(
            bench.send("wan icmp 192.0.2.7 > 10.0.0.3 port-unreachable [udp 198.51.100.1:5000 > 192.0.2.9:53 len 10]")
                == ["lan icmp 192.0.2.7 > 10.0.0.3 port-unreachable ttl 63 [udp 198.51.100.1:5000 > 192.0.2.9:53 len 10]"])
    }

    @Test("a redirect about a translated flow is dropped: it would lead around us")
    func redirect() {
        let bench = Self.bench((.postrouting, .masquerade.output("wan")))
        bench.send("lan udp 10.0.0.2:5000 > 192.0.2.9:53 len 10")
        #expect(bench.send("wan icmp 192.0.2.7 > 198.51.100.1 redirect-host 198.51.100.9 [udp 198.51.100.1:5000 > 192.0.2.9:53 len 10]") == [])
        #expect(bench.drops == ["nat-icmp": 1])
    }
}
