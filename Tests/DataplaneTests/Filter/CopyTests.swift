import Net
import TestSupport
import Testing

@testable import Dataplane

@Suite("MIRROR (ipt_MIRROR.c of Linux 2.4) and TEE (nf_dup_ipv4.c), where no kernel of today can be asked or memory is at stake")
struct CopyTests {
    private static func bench(_ hook: Hook, _ target: CopyTarget, table: RuleTable = .mangle, tracks: Bool = true) -> Bench {
        var setup = Bench.Setup()
        setup.rules.tracks = tracks
        setup.rules.chain(table, hook, [RuleText.Rule(.copy(target))])
        return Bench(setup)
    }

    /// Hook, packet in, packet out, drops.
    static let mirrored: [(Hook, String, [String], [String: Int])] = [
        // The addresses are swapped, the ports stay: who scans us scans himself.
        (.forward, "lan tcp 10.0.0.2:1000 > 192.0.2.9:22 S", ["lan tcp 192.0.2.9:1000 > 10.0.0.2:22 S ttl 63"], ["mirror": 1]),
        (.prerouting, "lan tcp 10.0.0.2:1000 > 192.0.2.9:22 S", ["lan tcp 192.0.2.9:1000 > 10.0.0.2:22 S ttl 63"], ["mirror": 1]),
        (.input, "wan icmp 198.51.100.2 > 198.51.100.1 echo 7 1 len 8", ["wan icmp 198.51.100.1 > 198.51.100.2 echo 7 1 ttl 63 len 8"], ["mirror": 1]),
        (.prerouting, "wan udp 203.0.113.5:1 > 10.0.0.2:2 df tos 0x10 len 3", ["wan udp 10.0.0.2:1 > 203.0.113.5:2 ttl 63 tos 0x10 df len 3"], ["mirror": 1]),
        // The hop is counted once; a packet that has none left is answered as a router answers it.
        (.forward, "lan udp 10.0.0.2:1 > 192.0.2.9:2 ttl 2", ["lan udp 192.0.2.9:1 > 10.0.0.2:2 ttl 1"], ["mirror": 1]),
        // What no answer may be sent to goes nowhere.
        (.input, "lan udp 10.0.0.2:1 > 10.0.0.255:2", [], ["mirror": 1]),
        (.prerouting, "lan udp 10.0.0.2:1 > 224.0.0.5:2", [], ["mirror": 1]),
        (.prerouting, "lan eth 0a:00:0a:00:00:02 > ff:ff:ff:ff:ff:ff udp 10.0.0.2:1 > 192.0.2.9:2", [], ["mirror": 1]),
        (.prerouting, "lan udp 10.0.0.1:1 > 192.0.2.9:2", [], ["mirror": 1]),
    ]

    @Test("MIRROR sends a packet back, addresses swapped, and drops the packet itself", arguments: mirrored)
    func mirror(_ hook: Hook, _ packet: String, _ out: [String], _ drops: [String: Int]) {
        let bench = Self.bench(hook, .mirror)
        #expect(bench.send(packet) == out)
        #expect(bench.drops == drops)
        #expect(bench.total(.madeHere) == UInt64(out.count))
        #expect(bench.flowList.isEmpty)
    }

    @Test("MIRROR before routing answers a packet without a hop left as any router does")
    func mirrorWithoutTTL() {
        let bench = Self.bench(.prerouting, .mirror)
        let out = bench.send("lan udp 10.0.0.2:1 > 192.0.2.9:2 ttl 1")
        #expect(out.count == 1 && out[0].hasPrefix("lan icmp 10.0.0.1 > 10.0.0.2 ttl-exceeded"))
        #expect(bench.drops == ["ttl-expired": 1])
    }

    @Test("what MIRROR sends passes POSTROUTING, untracked and so untranslated, and no other chain")
    func mirrorPostrouting() {
        var setup = Bench.Setup()
        setup.rules.tracks = true
        setup.rules.chain(.mangle, .forward, [RuleText.Rule(.copy(.mirror))])
        setup.rules.chain(.mangle, .postrouting, [RuleText.Rule(.next).states(.untracked).output("lan")])
        setup.rules.chain(.mangle, .output, [RuleText.Rule(.next)])
        setup.rules.chain(.nat, .postrouting, [.masquerade])
        let bench = Bench(setup)
        #expect(bench.send("lan udp 10.0.0.2:1 > 192.0.2.9:2") == ["lan udp 192.0.2.9:1 > 10.0.0.2:2 ttl 63"])
        #expect((0..<bench.rules.ruleCount).map { bench.rules.counted(rule: $0).packets } == [1, 0, 1, 1, 0, 0, 0, 0])
    }

    @Test("a mirrored datagram that came in fragments leaves in the same")
    func mirrorFragments() {
        let bench = Self.bench(.forward, .mirror)
        let parts = [
            "lan ip 10.0.0.2 > 192.0.2.9 proto 17 id 5 mf x 00010002001800000001020304050607",
            "lan ip 10.0.0.2 > 192.0.2.9 proto 17 id 5 off 16 x 08090a0b0c0d0e0f",
        ]
        #expect(bench.send(parts[0]).isEmpty)
        #expect(
            bench.send(parts[1]) == [
                "lan ip 192.0.2.9 > 10.0.0.2 proto 17 ttl 63 id 5 mf x 00010002001800000001020304050607",
                "lan ip 192.0.2.9 > 10.0.0.2 proto 17 ttl 63 id 5 off 16 x 08090a0b0c0d0e0f",
            ])
    }

    @Test("a mirrored datagram that a TEE in POSTROUTING copies leaves as if it had not")
    func mirrorAndTee() {
        var setup = Bench.Setup()
        setup.rules.tracks = true
        setup.rules.chain(.mangle, .forward, [RuleText.Rule(.copy(.mirror))])
        setup.rules.chain(.mangle, .postrouting, [RuleText.Rule(.copy(.tee(gateway: "172.16.0.2", egress: .none)))])
        let bench = Bench(setup)
        #expect(bench.send("lan ip 10.0.0.2 > 192.0.2.9 proto 17 id 5 mf x 00010002001800000001020304050607").isEmpty)
        let out = bench.send("lan ip 10.0.0.2 > 192.0.2.9 proto 17 id 5 off 16 x 08090a0b0c0d0e0f")
        #expect(
            out.filter { $0.hasPrefix("lan") } == [
                "lan ip 192.0.2.9 > 10.0.0.2 proto 17 ttl 63 id 5 mf x 00010002001800000001020304050607",
                "lan ip 192.0.2.9 > 10.0.0.2 proto 17 ttl 63 id 5 off 16 x 08090a0b0c0d0e0f",
            ])
        #expect(out.filter { $0.hasPrefix("dmz") }.count == 2, "\(out)")
    }

    @Test("copies without end: every chain copies, each packet is copied once a rule, no copy is")
    func everywhere() {
        var setup = Bench.Setup()
        let tee = RuleText.Rule(.copy(.tee(gateway: "172.16.0.2", egress: .none)))
        for hook in Hook.allCases { setup.rules.chain(.mangle, hook, [tee]) }
        let bench = Bench(setup)
        #expect(bench.send("lan udp 10.0.0.2:1 > 192.0.2.9:2").count == 4)
        #expect(bench.total(.madeHere) == 3)
    }

    @Test("a copy for which no frame is left is a drop; the packet goes on")
    func noFrame() {
        var setup = Bench.Setup()
        setup.chunks = 1
        setup.rules.chain(.mangle, .forward, [RuleText.Rule(.copy(.tee(gateway: "172.16.0.2", egress: .none)))])
        let bench = Bench(setup)
        #expect(bench.send("lan udp 10.0.0.2:1 > 192.0.2.9:2") == ["wan udp 10.0.0.2:1 > 192.0.2.9:2 ttl 63"])
        #expect(bench.drops == ["no-frame": 1])
    }

    @Test("the walk goes on behind a TEE in nested chains, though its copy walked others")
    func nested() {
        var setup = Bench.Setup()
        let tee = RuleText.Rule(.copy(.tee(gateway: "172.16.0.2", egress: .none)))
        let next = RuleText.Rule(.next)
        func jump(_ name: String) -> RuleText.Rule { RuleText.Rule(target: .jump(name)) }
        setup.rules.chain(.mangle, .forward, [jump("a"), next])
        setup.rules.chain(.mangle, .output, [jump("c"), next])
        setup.rules.chain("a", [jump("b"), next])
        setup.rules.chain("b", [tee, next])
        setup.rules.chain("c", [jump("b"), jump("a"), next])
        let bench = Bench(setup)
        #expect(bench.send("lan udp 10.0.0.2:1 > 192.0.2.9:2").count == 2)
        let counts = (0..<bench.rules.ruleCount).map { bench.rules.counted(rule: $0).packets }
        // FORWARD 1 1 +policy; OUTPUT 1 1 +policy; a twice; b three times; c once.
        #expect(counts == [1, 1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 3, 1, 1, 1, 1])
    }
}
