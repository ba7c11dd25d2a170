import Net
import Testing

@testable import Dataplane

@Suite("Rules: chains, targets, matches, counters (ip_tables.c)")
struct RuleTests {
    typealias Rule = RuleText.Rule
    static let packet = "lan udp 10.0.0.2:1000 > 192.0.2.9:53 len 72"

    /// FORWARD with these rules and user chains, and what each rule has counted after `packets`, in order.
    private static func counts(
        _ rules: [Rule], policy: CompiledTarget = .policyAccept, chains: [(String, [Rule])] = [], packets: [String] = [packet]
    ) -> (counts: [UInt64], out: Int, drops: [String: Int]) {
        var setup = Bench.Setup()
        setup.rules = .tracking
        setup.rules.chain(.filter, .forward, policy: policy, rules)
        for chain in chains { setup.rules.chain(chain.0, chain.1) }
        let bench = Bench(setup)
        let out = packets.map { bench.send($0).count }.reduce(0, +)
        return ((0..<bench.rules.ruleCount).map { bench.rules.counted(rule: $0).packets }, out, bench.drops)
    }

    private static func jump(_ name: String) -> Rule { Rule(target: .jump(name)) }
    private static func goto(_ name: String) -> Rule { Rule(target: .goto(name)) }
    private static var next: Rule { Rule(.next) }
    private static var back: Rule { Rule(.return) }

    @Test("rules are tried in order; a rule without a target counts and goes on; the policy comes last")
    func order() {
        let result = Self.counts([Self.next, .drop.udp(to: 99), Self.next, .accept, Self.next])
        #expect(result.counts == [1, 0, 1, 1, 0, 0])
        #expect(Self.counts([Self.next], policy: .policyDrop).drops == ["policy": 1])
        #expect(Self.counts([.drop]).drops == ["rule": 1])
    }

    @Test("bytes are counted as well")
    func bytes() {
        var setup = Bench.Setup()
        setup.rules.chain(.filter, .forward, [Self.next])
        let bench = Bench(setup)
        bench.send(Self.packet, "lan udp 10.0.0.2:1000 > 192.0.2.9:53 len 172")
        #expect(bench.rules.counted(rule: 0) == (2, 300))
        #expect(bench.rules.counted(rule: 1) == (2, 300))
    }

    @Test("a jump comes back behind itself, by RETURN or at the chain's end")
    func jumps() {
        #expect(Self.counts([Self.jump("a"), Self.next], chains: [("a", [Self.next])]).counts == [1, 1, 1, 1, 1])
        #expect(Self.counts([Self.jump("a"), Self.next], chains: [("a", [Self.back, Self.next])]).counts == [1, 1, 1, 1, 0, 0])
        #expect(Self.counts([Self.jump("a"), Self.next], chains: [("a", [.accept])]).counts == [1, 0, 0, 1, 0])
    }

    @Test("RETURN in a built-in chain is its policy")
    func returns() {
        let result = Self.counts([Self.back, Self.next], policy: .policyDrop)
        #expect(result.counts == [1, 0, 1])
        #expect(result.drops == ["policy": 1])
    }

    @Test("a goto comes back to where the present chain was called from")
    func gotos() {
        // From a built-in chain: to the policy.
        #expect(Self.counts([Self.goto("a"), Self.next], chains: [("a", [Self.next])]).counts == [1, 0, 1, 1, 1])
        // From a user chain: behind the jump.
        #expect(Self.counts([Self.jump("a"), Self.next], chains: [("a", [Self.goto("b"), Self.next]), ("b", [Self.next])]).counts == [1, 1, 1, 1, 0, 0, 1, 1])
        // A jump behind a goto comes back to the chain gone to.
        #expect(Self.counts([Self.goto("a"), Self.next], chains: [("a", [Self.jump("b"), Self.next]), ("b", [Self.next])]).counts == [1, 0, 1, 1, 1, 1, 1, 1])
    }

    @Test("a thousand chains deep")
    func depth() {
        let chains = (1...999).map { ("c\($0)", [Self.jump("c\($0 + 1)"), Self.next]) } + [("c1000", [Self.next])]
        let result = Self.counts([Self.jump("c1"), Self.next], chains: chains)
        #expect(result.counts.allSatisfy { $0 == 1 } && result.out == 1)
    }

    static let tcp = "lan tcp 10.0.0.2:1000 > 192.0.2.9:80 S mss 1460"
    static let echo = "lan icmp 10.0.0.2 > 192.0.2.9 echo 7 1"
    static func ports(_ first: UInt16, _ last: UInt16, not: Bool = false) -> PortTest { .init(first: first, last: last, isNegated: not) }
    /// Text, rule, packet, whether it matches.
    static let matches: [(String, Rule, String, Bool)] = [
        ("-s", .accept.from("10.0.0.0/24"), packet, true), ("-s of others", .accept.from("10.0.1.0/24"), packet, false),
        ("! -s", .accept.from("10.0.0.0/24").flags(.notSource), packet, false), ("! -s of others", .accept.from("10.0.1.0/24").flags(.notSource), packet, true),
        ("-d", .accept.to("192.0.2.9/32"), packet, true), ("! -d", .accept.to("192.0.2.9/32").flags(.notDestination), packet, false),
        ("-i", .accept.input("lan"), packet, true), ("-i another", .accept.input("wan"), packet, false),
        ("! -i", Rule(ingress: "lan", notIngress: true, target: .plain(.accept)), packet, false),
        ("! -i another", Rule(ingress: "wan", notIngress: true, target: .plain(.accept)), packet, true),
        ("-o", .accept.output("wan"), packet, true), ("-o another", .accept.output("dmz"), packet, false),
        ("-i of no port of ours", .accept.input("ppp0"), packet, false),
        ("-p", .accept.proto(.udp), packet, true), ("-p another", .accept.proto(.tcp), packet, false),
        ("! -p", .accept.proto(.udp).flags(.notProtocol), packet, false), ("! -p another", .accept.proto(.tcp).flags(.notProtocol), packet, true),
        ("--dport", .accept.udp(to: 53), packet, true), ("--dport another", .accept.udp(to: 54), packet, false),
        ("--sport range", .accept.proto(.udp).header(.udp(source: ports(999, 1001), destination: .init())), packet, true),
        ("! --sport range", .accept.proto(.udp).header(.udp(source: ports(999, 1001, not: true), destination: .init())), packet, false),
        ("--syn", .accept.proto(.tcp).header(.tcp(source: .init(), destination: .init(), mask: 0x17, flags: 0x02, isNegated: false)), tcp, true),
        ("! --syn", .accept.proto(.tcp).header(.tcp(source: .init(), destination: .init(), mask: 0x17, flags: 0x02, isNegated: true)), tcp, false),
        ("--tcp-option 2", .accept.proto(.tcp).header(.tcpOption(kind: 2, isNegated: false)), tcp, true),
        ("--tcp-option 3", .accept.proto(.tcp).header(.tcpOption(kind: 3, isNegated: false)), tcp, false),
        ("! --tcp-option 3", .accept.proto(.tcp).header(.tcpOption(kind: 3, isNegated: true)), tcp, true),
        ("--icmp-type echo-request", .accept.proto(.icmp).header(.icmp(type: 8, firstCode: 0, lastCode: 255, isNegated: false)), echo, true),
        ("--icmp-type another code", .accept.proto(.icmp).header(.icmp(type: 8, firstCode: 1, lastCode: 1, isNegated: false)), echo, false),
        ("--icmp-type any", .accept.proto(.icmp).header(.icmp(type: 255, firstCode: 0, lastCode: 255, isNegated: false)), echo, true),
        ("! --icmp-type", .accept.proto(.icmp).header(.icmp(type: 8, firstCode: 0, lastCode: 255, isNegated: true)), echo, false),
        ("--ctstate NEW", .accept.states(.new), packet, true), ("! --ctstate NEW", .accept.states(.new, not: true), packet, false),
        ("--ctstate ESTABLISHED", .accept.states(.established), packet, false),
        ("--ctstate SNAT", .accept.states(.sourceNAT), packet, false),
        ("--ctstatus NONE matches nothing", .accept.flow(.status(0, isNegated: false)), packet, false),
        ("! --ctstatus SEEN_REPLY", .accept.flow(.status(2, isNegated: true)), packet, true),
        ("--ctproto", .accept.flow(.ipProtocol(17, isNegated: false)), packet, true),
        ("--ctorigsrc", .accept.flow(.originalSource(.init(address: 0x0A00_0000, mask: 0xFFFF_FF00))), packet, true),
        ("! --ctorigsrc", .accept.flow(.originalSource(.init(address: 0x0A00_0000, mask: 0xFFFF_FF00, isNegated: true))), packet, false),
        ("--ctrepldst", .accept.flow(.replyDestination(.init(address: 0x0A00_0002, mask: .max))), packet, true),
        ("--ctorigdstport", .accept.flow(.originalDestinationPort(ports(53, 53))), packet, true),
        ("--ctreplsrcport", .accept.flow(.replySourcePort(ports(53, 53))), packet, true),
        ("--ctexpire of a first packet, whose clock does not run yet", .accept.flow(.expiry(first: 0, last: 0, isNegated: false)), packet, true),
        ("--ctexpire of others", .accept.flow(.expiry(first: 1, last: 99, isNegated: false)), packet, false),
        ("--ctdir ORIGINAL", .accept.flow(.direction(.original)), packet, true),
        ("--mark 0", .accept.surroundings(.mark(MaskedValueTest(value: 0, mask: .max, isNegated: false))), packet, true),
        ("! --mark 0", .accept.surroundings(.mark(MaskedValueTest(value: 0, mask: .max, isNegated: true))), packet, false),
        ("a packet without a flow has no state but INVALID", .accept.states(.invalid), "lan udp 10.0.0.2:1 > 192.0.2.9:53 badsum", true),
        ("and no flow's properties", .accept.flow(.direction(.original)), "lan udp 10.0.0.2:1 > 192.0.2.9:53 badsum", false),
    ]

    @Test("a match, yes or no", arguments: 0..<matches.count)
    func match(place: Int) {
        let (text, rule, packet, wanted) = Self.matches[place]
        #expect((Self.counts([rule], policy: .policyDrop, packets: [packet]).out == 1) == wanted, "\(text)")
    }

    @Test("-f: later fragments, where nothing puts them together")
    func fragments() {
        var setup = Bench.Setup()
        setup.rules.chain(.filter, .forward, [.drop.flags(.fragment), Self.next.flags(.notFragment), .drop.udp(to: 0)])
        let bench = Bench(setup)
        #expect(bench.send("lan ip 10.0.0.2 > 192.0.2.9 proto 17 mf x 0001003500100000").count == 1)
        #expect(bench.send("lan ip 10.0.0.2 > 192.0.2.9 proto 17 off 8 len 8").count == 0)
        #expect(bench.rules.counted(rule: 1).packets == 1)
    }

    @Test("MARK: bits cleared and bits flipped")
    func marks() {
        var setup = Bench.Setup()
        setup.rules.chain(
            .mangle, .prerouting,
            [
                Rule(.flow(.mark(value: 0xF0, mask: .max))), Rule(.flow(.mark(value: 0x0F, mask: 0x0F))),
                .drop.surroundings(.mark(MaskedValueTest(value: 0xFF, mask: 0xFF, isNegated: true))), Rule(.flow(.mark(value: 0x01, mask: 0))),
            ])
        setup.rules.chain(.filter, .input, [.accept.surroundings(.mark(MaskedValueTest(value: 0xFE, mask: .max, isNegated: false))), .drop])
        #expect(Bench(setup).send("lan udp 10.0.0.2:1 > 10.0.0.1:2").count == 1)
    }

    @Test("NOTRACK keeps a packet away from flows and NAT")
    func noTrack() {
        var setup = Bench.Setup()
        setup.rules = .nat((.postrouting, .masquerade.output("wan")))
        setup.rules.chain(.raw, .prerouting, [Rule(.flow(.noTrack))])
        let bench = Bench(setup)
        #expect(bench.send("lan udp 10.0.0.2:5 > 192.0.2.9:53") == ["wan udp 10.0.0.2:5 > 192.0.2.9:53 ttl 63"])
        #expect(bench.flows.count == 0)
    }

    @Test("new rules are in force with the next burst, and count from zero")
    func replaced() {
        var rules = RuleText()
        rules.chain(.filter, .forward, [Self.next])
        var setup = Bench.Setup()
        setup.rules = rules
        let bench = Bench(setup)
        bench.send(Self.packet)
        #expect(bench.rules.counted(rule: 0).packets == 1)
        var other = RuleText()
        other.chain(.filter, .forward, policy: .policyDrop, [])
        bench.load(other)
        #expect(bench.send(Self.packet) == [])
        #expect(bench.rules.counted(rule: 0).packets == 1)
    }

    // MARK: REJECT

    static let kinds: [(RejectKind, String)] = [
        (.networkUnreachable, "net-unreachable"), (.hostUnreachable, "host-unreachable"), (.protocolUnreachable, "proto-unreachable"),
        (.portUnreachable, "port-unreachable"), (.networkProhibited, "net-prohibited"), (.hostProhibited, "host-prohibited"),
        (.administrativelyProhibited, "admin-prohibited"),
    ]

    @Test("REJECT answers with an ICMP error of its kind", arguments: 0..<kinds.count)
    func reject(place: Int) {
        var setup = Bench.Setup()
        setup.rules.chain(.filter, .forward, [Rule(.reject(Self.kinds[place].0))])
        let bench = Bench(setup)
        expect(bench.send(Self.packet), ["lan icmp 10.0.0.1 > 10.0.0.2 \(Self.kinds[place].1) tos 0xc0 id * [udp 10.0.0.2:1000 > 192.0.2.9:53 ttl 63 len 72]"])
        #expect(bench.drops == ["reject": 1])
    }

    /// A segment and the reset that answers it.
    static let resets = [
        ("S seq 9", "RA ack 10 win 0 df"), ("S seq 9 len 5", "RA ack 15 win 0 df"), ("A seq 9 ack 77", "R seq 77 win 0 df"), ("FA seq 9 ack 77 len 3", "R seq 77 win 0 df"),
        ("F seq 4294967295 len 3", "RA ack 3 win 0 df"), ("- seq 9", "RA ack 9 win 0 df"),
    ]

    @Test("RFC 9293, 3.5.2: the reset that REJECT --reject-with tcp-reset sends", arguments: resets)
    func reset(segment: String, answer: String) {
        var setup = Bench.Setup()
        setup.rules.chain(.filter, .forward, [Rule(.reject(.tcpReset)).proto(.tcp)])
        #expect(Bench(setup).send("lan tcp 10.0.0.2:1000 > 192.0.2.9:80 \(segment)") == ["lan tcp 192.0.2.9:80 > 10.0.0.2:1000 \(answer)"])
    }

    @Test(
        "no answer to a reset, to a damaged packet, to a broadcast, to a later fragment",
        arguments: ["lan tcp 10.0.0.2:1 > 192.0.2.9:80 R", "lan tcp 10.0.0.2:1 > 192.0.2.9:80 S badsum", "lan ip 10.0.0.2 > 192.0.2.9 proto 6 off 8 len 24", "lan ip 10.0.0.2 > 192.0.2.9 proto 6 len 12"])
    func noReset(packet: String) {
        var setup = Bench.Setup()
        setup.rules.chain(.filter, .forward, [Rule(.reject(.tcpReset)).proto(.tcp)])
        let bench = Bench(setup)
        #expect(bench.send(packet) == [])
        #expect(bench.drops == ["reject": 1])
    }

    @Test("a rejected broadcast is not answered")
    func broadcast() {
        var setup = Bench.Setup()
        setup.rules.chain(.filter, .input, [Rule(.reject(.portUnreachable))])
        let bench = Bench(setup)
        #expect(bench.send("lan udp 10.0.0.2:1 > 10.0.0.255:2") == [])
        #expect(bench.send("lan udp 10.0.0.2:1 > 255.255.255.255:2") == [])
        #expect(bench.send("lan udp 10.0.0.2:1 > 224.0.0.9:2") == [])
        #expect(bench.send("lan udp 10.0.0.2:1 > 10.0.0.1:2").count == 1)
    }

    @Test("the reset of a DNATed connection comes from the address that the client spoke to (nf_conntrack_attach)")
    func translatedReset() {
        var setup = Bench.Setup()
        setup.rules = .nat((.prerouting, .translate("10.0.0.2", ports: 8080...8080).tcp(to: 80).input("wan")))
        setup.rules.chain(.filter, .forward, [Rule(.reject(.tcpReset)).proto(.tcp).input("wan")])
        let bench = Bench(setup)
        #expect(bench.send("wan tcp 192.0.2.9:5 > 198.51.100.1:80 S seq 1") == ["wan tcp 198.51.100.1:80 > 192.0.2.9:5 RA ack 2 win 0 df"])
        #expect(bench.flows.count == 0)
    }

    @Test("answers of ours pass OUTPUT and POSTROUTING")
    func answersPassRules() {
        var setup = Bench.Setup()
        setup.rules.chain(.filter, .output, policy: .policyDrop, [])
        let bench = Bench(setup)
        #expect(bench.send("lan udp 10.0.0.2:1 > 192.0.2.9:2 ttl 1") == [])
        #expect(bench.drops == ["policy": 1, "ttl-expired": 1])
    }
}
