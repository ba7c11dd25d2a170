import Net
import TestSupport
import Testing

@testable import Dataplane

@Suite("A packet's way: routing, TTL, MTU, tags, options")
struct ForwardingTests {
    /// A line: what comes in, what goes out, what was dropped by which name.
    struct Case: Sendable, CustomTestStringConvertible {
        var rule: String
        var input: String
        var output: [String]
        var drops: [String: Int] = [:]
        var testDescription: String { rule }
    }

    static let cases = [
        Case(
            rule: "RFC 1812, 5.2.1: a packet is routed, its TTL is one less, its checksum follows",
            input: "lan udp 10.0.0.2:5000 > 192.0.2.9:53 \"question\"",
            output: ["wan udp 10.0.0.2:5000 > 192.0.2.9:53 ttl 63 \"question\""]),
        Case(
            rule: "on-link destinations are sent to themselves",
            input: "wan tcp 198.51.100.2:80 > 10.0.0.2:999 SA seq 7 ack 9 mss 1460",
            output: ["lan tcp 198.51.100.2:80 > 10.0.0.2:999 SA seq 7 ack 9 mss 1460 ttl 63"]),
        Case(
            rule: "RFC 1812, 5.3.1: TTL 1 is not forwarded but answered, about the packet as it came",
            input: "lan udp 10.0.0.2:5000 > 192.0.2.9:53 ttl 1 len 4",
            output: ["lan icmp 10.0.0.1 > 10.0.0.2 ttl-exceeded tos 0xc0 id * [udp 10.0.0.2:5000 > 192.0.2.9:53 ttl 1 len 4]"],
            drops: ["ttl-expired": 1]),
        Case(
            rule: "TTL 0 likewise",
            input: "lan udp 10.0.0.2:5000 > 192.0.2.9:53 ttl 0 len 4",
            output: ["lan icmp 10.0.0.1 > 10.0.0.2 ttl-exceeded tos 0xc0 id * [udp 10.0.0.2:5000 > 192.0.2.9:53 ttl 0 len 4]"],
            drops: ["ttl-expired": 1]),
        Case(
            rule: "TTL 2 is forwarded as 1", input: "lan udp 10.0.0.2:5000 > 192.0.2.9:53 ttl 2",
            output: ["wan udp 10.0.0.2:5000 > 192.0.2.9:53 ttl 1"]),
        Case(
            rule: "a packet for the host is delivered as it came",
            input: "lan icmp 10.0.0.2 > 10.0.0.1 echo 1 1 ttl 1 len 9", output: ["host lan icmp 10.0.0.2 > 10.0.0.1 echo 1 1 ttl 1 len 9"]),
        Case(
            rule: "an address of another port is the host's too",
            input: "lan udp 10.0.0.2:1 > 198.51.100.1:2", output: ["host lan udp 10.0.0.2:1 > 198.51.100.1:2"]),
        Case(
            rule: "broadcasts go to the host",
            input: "lan eth 0a:00:00:00:00:63 > ff:ff:ff:ff:ff:ff udp 10.0.0.2:68 > 10.0.0.255:67",
            output: ["host lan eth 0a:00:00:00:00:63 > ff:ff:ff:ff:ff:ff udp 10.0.0.2:68 > 10.0.0.255:67"]),
        Case(
            rule: "RFC 1112, 7.1: what is for all systems goes to the host",
            input: "lan eth 0a:00:00:00:00:63 > 01:00:5e:00:00:01 ip 10.0.0.2 > 224.0.0.1 proto 2 ttl 1 len 8",
            output: ["host lan eth 0a:00:00:00:00:63 > 01:00:5e:00:00:01 ip 10.0.0.2 > 224.0.0.1 proto 2 ttl 1 len 8"]),
        Case(
            rule: "what is for a group that the host has not joined goes nowhere",
            input: "lan eth 0a:00:00:00:00:63 > 01:00:5e:00:00:05 ip 10.0.0.2 > 224.0.0.5 proto 89 ttl 1 len 20", output: [],
            drops: ["group-not-joined": 1]),
        Case(
            rule: "RFC 1812, 5.3.4: a frame to a group's Ethernet address is not forwarded, nor answered",
            input: "lan eth 0a:00:00:00:00:63 > ff:ff:ff:ff:ff:ff udp 10.0.0.2:1 > 192.0.2.9:2 ttl 1", output: [],
            drops: ["link-broadcast": 1]),
        Case(
            rule: "a frame to another station is not ours",
            input: "lan eth 0a:00:00:00:00:63 > 0a:00:00:00:00:64 udp 10.0.0.2:1 > 192.0.2.9:2", output: [],
            drops: ["other-host": 1]),
        Case(
            rule: "802.1Q tags are kept",
            input: "lan vlan 5:3 udp 10.0.0.2:1 > 192.0.2.9:2 len 5", output: ["wan vlan 5:3 udp 10.0.0.2:1 > 192.0.2.9:2 ttl 63 len 5"]),
        Case(
            rule: "802.1ad tags outside of them too",
            input: "lan svlan 7 vlan 5 udp 10.0.0.2:1 > 192.0.2.9:2 len 5",
            output: ["wan svlan 7 vlan 5 udp 10.0.0.2:1 > 192.0.2.9:2 ttl 63 len 5"]),
        Case(
            rule: "an answer carries the tags of what it answers",
            input: "lan vlan 5 udp 10.0.0.2:1 > 192.0.2.9:2 ttl 1",
            output: ["lan vlan 5 icmp 10.0.0.1 > 10.0.0.2 ttl-exceeded tos 0xc0 id * [udp 10.0.0.2:1 > 192.0.2.9:2 ttl 1]"],
            drops: ["ttl-expired": 1]),
        Case(
            rule: "more tags than 802.1ad has are no packet for us",
            input: "lan svlan 7 vlan 5 vlan 6 udp 10.0.0.2:1 > 192.0.2.9:2 len 5", output: [], drops: ["not-ipv4": 1]),
        Case(
            rule: "RFC 791, 3.1: options that ask nothing of a router pass as they are",
            input: "lan udp 10.0.0.2:1 > 192.0.2.9:2 ipopt 94040000 len 5",
            output: ["wan udp 10.0.0.2:1 > 192.0.2.9:2 ttl 63 ipopt 94040000 len 5"]),
        Case(
            rule: "accept_source_route=0: source routing is refused",
            input: "lan udp 10.0.0.2:1 > 192.0.2.9:2 ipopt 830704c000020101 len 5", output: [], drops: ["source-route": 1]),
        Case(
            rule: "strict source routing as well",
            input: "lan udp 10.0.0.2:1 > 192.0.2.9:2 ipopt 890704c000020101 len 5", output: [], drops: ["source-route": 1]),
        Case(
            rule: "RFC 792: an option longer than the header spoils the packet, and its sender is told where",
            input: "lan udp 10.0.0.2:1 > 192.0.2.9:2 ipopt 94050000 len 5",
            output: ["lan icmp 10.0.0.1 > 10.0.0.2 parameter-problem 20 tos 0xc0 id * [udp 10.0.0.2:1 > 192.0.2.9:2 ipopt 94050000 len 5]"], drops: ["ip-options": 1]),
        Case(
            rule: "so does one of length zero", input: "lan udp 10.0.0.2:1 > 192.0.2.9:2 ipopt 94000000 len 5",
            output: ["lan icmp 10.0.0.1 > 10.0.0.2 parameter-problem 20 tos 0xc0 id * [udp 10.0.0.2:1 > 192.0.2.9:2 ipopt 94000000 len 5]"],
            drops: ["ip-options": 1]),
        Case(
            rule: "and one without its length", input: "lan udp 10.0.0.2:1 > 192.0.2.9:2 ipopt 01010194 len 5",
            output: ["lan icmp 10.0.0.1 > 10.0.0.2 parameter-problem 23 tos 0xc0 id * [udp 10.0.0.2:1 > 192.0.2.9:2 ipopt 01010194 len 5]"],
            drops: ["ip-options": 1]),
        Case(
            rule: "RFC 1812, 5.2.2: a wrong header checksum drops the packet",
            input: "lan udp 10.0.0.2:1 > 192.0.2.9:2 badipsum", output: [], drops: ["ip-checksum": 1]),
        Case(
            rule: "RFC 1812, 5.3.7: 127/8 is no source", input: "lan udp 127.0.0.1:1 > 192.0.2.9:2", output: [],
            drops: ["martian-source": 1]),
        Case(
            rule: "no destination either", input: "lan udp 10.0.0.2:1 > 127.0.0.1:2", output: [],
            drops: ["martian-destination": 1]),
        Case(
            rule: "an address of our own does not come from outside", input: "lan udp 10.0.0.1:1 > 192.0.2.9:2", output: [],
            drops: ["martian-source": 1]),
        Case(
            rule: "a frame that is not IPv4", input: "lan frame 0x86dd len 60", output: [], drops: ["not-ipv4": 1]),
        Case(
            rule: "a total length beyond the frame", input: "lan udp 10.0.0.2:1 > 192.0.2.9:2 total 29", output: [],
            drops: ["ip-truncated": 1]),
        Case(
            rule: "a total length less than the header", input: "lan udp 10.0.0.2:1 > 192.0.2.9:2 total 19", output: [],
            drops: ["ip-header": 1]),
        Case(
            rule: "RFC 1191, 4: too long with Don't Fragment: the sender is told the next hop's MTU",
            input: "lan udp 10.0.0.2:1 > 192.0.2.9:2 df len 1300",
            output: ["lan icmp 10.0.0.1 > 10.0.0.2 frag-needed 1000 tos 0xc0 id * …"], drops: ["too-big": 1]),
        Case(
            rule: "without it: cut into fragments of multiples of eight",
            input: "lan udp 10.0.0.2:1 > 192.0.2.9:2 id 9 len 1300",
            output: [
                "wan ip 10.0.0.2 > 192.0.2.9 proto 17 ttl 63 id 9 mf …976",
                "wan ip 10.0.0.2 > 192.0.2.9 proto 17 ttl 63 id 9 off 976 …332",
            ]),
    ]

    @Test("one line each", arguments: cases)
    func line(_ line: Case) {
        var setup = Bench.Setup()
        if line.output.contains(where: { $0.contains("1000") || $0.contains("…9") }) { setup.mtu[1] = 1000 }
        let bench = Bench(setup)
        expect(bench.send(line.input), line.output)
        #expect(bench.drops == line.drops)
    }

    @Test("RFC 1812, 4.3.2.8: errors to one destination are limited, to others not by it")
    func limits() {
        let bench = Bench()
        let probe = "lan udp 10.0.0.2:1 > 192.0.2.9:2 ttl 1"
        #expect((0..<20).map { _ in bench.send(probe).count }.reduce(0, +) == 6)
        #expect(bench.send("lan udp 10.0.0.3:1 > 192.0.2.9:2 ttl 1").count == 1)
        bench.pass(1)
        #expect((0..<5).map { _ in bench.send(probe).count }.reduce(0, +) == 1)
        bench.pass(60)
        #expect((0..<20).map { _ in bench.send(probe).count }.reduce(0, +) == 6)
        // Path MTU discovery is exempt.
        var setup = Bench.Setup()
        setup.mtu[1] = 1000
        let narrow = Bench(setup)
        #expect((0..<20).map { _ in narrow.send("lan udp 10.0.0.2:1 > 192.0.2.9:2 df len 1300").count }.reduce(0, +) == 20)
    }

    @Test("icmp_msgs_per_sec and icmp_msgs_burst bound all errors; those held back for one destination do not count")
    func limitsAll() {
        var setup = Bench.Setup()
        setup.settings.icmp.burst = 10
        setup.settings.icmp.perSecond = 10
        let bench = Bench(setup)
        for _ in 0..<100 { bench.send("lan udp 10.0.0.2:1 > 192.0.2.9:2 ttl 1") }
        #expect((0..<20).map { bench.send("lan udp 10.0.0.\(3 + $0 % 2):1 > 192.0.2.9:2 ttl 1").count }.reduce(0, +) == 4)
    }

    static let silent: [(String, String)] = [
        ("another error", "lan icmp 10.0.0.2 > 192.0.2.9 port-unreachable ttl 1 [udp 192.0.2.9:1 > 10.0.0.2:2]"),
        ("a type that nobody knows", "lan icmp 10.0.0.2 > 192.0.2.9 type 40 0 0 ttl 1"),
        ("a later fragment", "lan ip 10.0.0.2 > 192.0.2.9 proto 17 off 8 ttl 1 len 16"),
        ("a packet from nobody", "lan udp 0.0.0.0:1 > 192.0.2.9:2 ttl 1"),
        ("a packet from a group", "lan udp 224.0.0.9:1 > 192.0.2.9:2 ttl 1"),
    ]

    @Test("RFC 1122, 3.2.2: no ICMP error is sent about", arguments: silent)
    func neverAnswers(what: String, packet: String) {
        #expect(Bench().send(packet) == [], "\(what)")
    }

    @Test("an error carries at most 576 bytes, header included (RFC 1812, 4.3.2.3)")
    func errorLength() throws {
        let out = Bench().send("lan udp 10.0.0.2:1 > 192.0.2.9:2 ttl 1 len 1400")
        #expect(try TestPacket(String(out[0].dropFirst(4))).packetBytes.count == 576)
    }

    @Test(
        "routes that say no say why",
        arguments: [
            (RouteKind.blackhole, [], "blackhole"), (.unreachable, ["host-unreachable"], "unreachable"),
            (.prohibit, ["admin-prohibited"], "prohibited"),
        ])
    func refusals(kind: RouteKind, answer: [String], drop: String) {
        var setup = Bench.Setup()
        setup.routes = [Route(prefix: "192.0.2.0/24", kind: kind, hops: [])]
        let bench = Bench(setup)
        expect(
            bench.send("lan udp 10.0.0.2:1 > 192.0.2.9:2"),
            answer.map { "lan icmp 10.0.0.1 > 10.0.0.2 \($0) tos 0xc0 id * [udp 10.0.0.2:1 > 192.0.2.9:2]" })
        #expect(bench.drops == [drop: 1])
    }
}

/// Compares lines; `*` stands for any word, `…` at a line's end for any rest, and `…N` for N bytes of payload or a rest with them.
func expect(_ lines: [String], _ patterns: [String], sourceLocation: SourceLocation = #_sourceLocation) {
    func fits(_ line: String, _ pattern: String) -> Bool {
        let words = line.split(separator: " ").map(String.init)
        let wanted = pattern.split(separator: " ").map(String.init)
        for (at, word) in wanted.enumerated() {
            if word.hasPrefix("…") {
                guard let count = Int(word.dropFirst()) else { return true }
                guard let packet = try? TestPacket(words.dropFirst().joined(separator: " ")) else { return false }
                return packet.payload.count == count
            }
            guard at < words.count, word == "*" || word == words[at] else { return false }
        }
        return words.count == wanted.count
    }
    #expect(
        lines.count == patterns.count && zip(lines, patterns).allSatisfy { fits($0, $1) },
        "\(lines) are not \(patterns)", sourceLocation: sourceLocation)
}
