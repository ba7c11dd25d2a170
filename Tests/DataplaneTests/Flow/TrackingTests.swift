import Net
import Testing

@testable import Dataplane

@Suite("Tracking: UDP, ICMP and others")
struct TrackingTests {
    static func bench(_ change: (inout Bench.Setup) -> Void = { _ in }) -> Bench {
        var setup = Bench.Setup()
        setup.rules = .tracking
        setup.rules.chain(.filter, .forward, [.drop.states(.invalid)])
        change(&setup)
        return Bench(setup)
    }

    @Test("nf_conntrack_udp_timeout: 30 seconds, answered or not, for the first two seconds; then a stream: 120, and assured")
    func udp() {
        let bench = Self.bench()
        let question = "lan udp 10.0.0.2:5000 > 192.0.2.9:53"
        let answer = "wan udp 192.0.2.9:53 > 10.0.0.2:5000"
        let tuples = "10.0.0.2:5000>192.0.2.9:53 192.0.2.9:53>10.0.0.2:5000"
        bench.send(question)
        #expect(bench.flowList == ["udp 30 \(tuples) UNREPLIED 1/0"])
        bench.send(answer)
        #expect(bench.flowList == ["udp 30 \(tuples) 1/1"])
        bench.pass(1.9)
        bench.send(question)
        #expect(bench.flowList == ["udp 30 \(tuples) 2/1"])
        bench.pass(0.2)
        bench.send(answer)
        #expect(bench.flowList == ["udp 120 \(tuples) ASSURED 2/2"])
        bench.pass(119)
        #expect(bench.flows.count == 1)
        bench.pass(1.2)
        #expect(bench.flows.count == 0)
    }

    @Test("NEW until answered, ESTABLISHED from then on, in both directions")
    func states() {
        let states: [(FlowMatch.States, String)] = [(.new, "new"), (.established, "established"), (.related, "related"), (.invalid, "invalid"), (.untracked, "untracked")]
        func state(_ bench: Bench, _ packet: String) -> String {
            let before = states.indices.map { bench.rules.counted(rule: $0).packets }
            bench.send(packet)
            return states.indices.filter { bench.rules.counted(rule: $0).packets > before[$0] }.map { states[$0].1 }.joined(separator: ",")
        }
        var setup = Bench.Setup()
        setup.rules = .tracking
        setup.rules.chain(.filter, .forward, states.map { RuleText.Rule(.next).states($0.0) })
        setup.rules.chain(.raw, .prerouting, [RuleText.Rule(.flow(.noTrack)).udp(to: 99)])
        let bench = Bench(setup)
        #expect(state(bench, "lan udp 10.0.0.2:5000 > 192.0.2.9:53") == "new")
        #expect(state(bench, "lan udp 10.0.0.2:5000 > 192.0.2.9:53") == "new")
        #expect(state(bench, "wan udp 192.0.2.9:53 > 10.0.0.2:5000") == "established")
        #expect(state(bench, "lan udp 10.0.0.2:5000 > 192.0.2.9:53") == "established")
        #expect(state(bench, "wan icmp 192.0.2.7 > 10.0.0.2 ttl-exceeded [udp 10.0.0.2:5000 > 192.0.2.9:53]") == "related")
        #expect(state(bench, "wan icmp 192.0.2.7 > 10.0.0.2 ttl-exceeded [udp 10.0.0.2:5001 > 192.0.2.9:53]") == "invalid")
        #expect(state(bench, "lan udp 10.0.0.2:5000 > 192.0.2.9:99") == "untracked")
        #expect(state(bench, "lan ip 10.0.0.2 > 192.0.2.9 proto 89 len 4") == "new")
        #expect(state(bench, "wan ip 192.0.2.9 > 10.0.0.2 proto 89 len 4") == "established")
    }

    static let invalid: [(String, String)] = [
        ("a wrong UDP checksum", "lan udp 10.0.0.2:1 > 192.0.2.9:53 badsum len 4"),
        ("a wrong TCP checksum", "lan tcp 10.0.0.2:1 > 192.0.2.9:53 S badsum len 4"),
        ("a wrong ICMP checksum", "lan icmp 10.0.0.2 > 192.0.2.9 echo 1 1 badsum len 4"),
        ("a UDP length beyond the packet", "lan udp 10.0.0.2:1 > 192.0.2.9:53 ulen 20 len 4"),
        ("a UDP length less than its header", "lan udp 10.0.0.2:1 > 192.0.2.9:53 ulen 7 len 4"),
        ("half a UDP header", "lan ip 10.0.0.2 > 192.0.2.9 proto 17 len 7"),
        ("half a TCP header", "lan ip 10.0.0.2 > 192.0.2.9 proto 6 len 19"),
        ("half an ICMP header", "lan ip 10.0.0.2 > 192.0.2.9 proto 1 len 7"),
        ("an ICMP type that nobody knows", "lan icmp 10.0.0.2 > 192.0.2.9 type 19 0 0"),
        ("an answer nobody asked for", "wan icmp 192.0.2.9 > 10.0.0.2 echo-reply 1 1"),
        ("an ICMP message that is neither question nor error", "lan icmp 10.0.0.2 > 192.0.2.9 type 9 0 0"),
        ("an error without a packet", "wan icmp 192.0.2.9 > 10.0.0.2 port-unreachable"),
        ("an error about a later fragment", "wan icmp 192.0.2.9 > 10.0.0.2 port-unreachable [ip 10.0.0.2 > 192.0.2.9 proto 17 off 8 len 8]"),
    ]

    @Test("INVALID, and of no flow", arguments: 0..<invalid.count)
    func ofNoFlow(place: Int) {
        let bench = Self.bench()
        #expect(bench.send(Self.invalid[place].1) == [], "\(Self.invalid[place].0)")
        #expect(bench.drops == ["rule": 1])
        #expect(bench.flows.count == 0)
    }

    @Test("nf_conntrack_checksum=0: a wrong checksum is nobody's business")
    func unverified() {
        let bench = Self.bench { $0.tracking.verifiesChecksums = false }
        #expect(bench.send("lan udp 10.0.0.2:1 > 192.0.2.9:53 badsum len 4").count == 1)
    }

    @Test("RFC 792's questions and answers are flows of 30 seconds, told apart by identifier", arguments: [(8, 0), (13, 14), (15, 16), (17, 18)])
    func queries(question: Int, answer: Int) {
        let bench = Self.bench()
        bench.send("lan icmp 10.0.0.2 > 192.0.2.9 type \(question) 0 \(7 << 16)")
        bench.send("lan icmp 10.0.0.2 > 192.0.2.9 type \(question) 0 \(8 << 16)")
        #expect(bench.flows.count == 2)
        #expect(bench.send("wan icmp 192.0.2.9 > 10.0.0.2 type \(answer) 0 \(7 << 16)").count == 1)
        #expect(bench.send("wan icmp 192.0.2.9 > 10.0.0.2 type \(answer) 0 \(9 << 16)").count == 0)
        #expect(bench.flowList.count == 2)
        #expect(bench.flowList.filter { $0.contains("UNREPLIED") }.count == 1)
        bench.pass(30.2)
        #expect(bench.flows.count == 0)
    }

    @Test("nf_conntrack_generic_timeout: 600 seconds for every other protocol")
    func generic() {
        let bench = Self.bench()
        bench.send("lan ip 10.0.0.2 > 192.0.2.9 proto 50 len 8")
        #expect(bench.flowList[0].hasPrefix("esp 600 "))
        for _ in 0..<6 { bench.pass(99.9) }
        #expect(bench.flows.count == 1)
        bench.pass(1)
        #expect(bench.flows.count == 0)
    }

    @Test("bytes are whole IP packets, gathered ones included")
    func bytes() {
        let bench = Self.bench()
        bench.send("lan udp 10.0.0.2:1 > 192.0.2.9:53 len 72", "wan udp 192.0.2.9:53 > 10.0.0.2:1 len 172")
        var counters: [UInt64] = []
        bench.flows.forEach { counters += [$0.originalCounter.bytes, $0.replyCounter.bytes] }
        #expect(counters == [100, 200])
    }

    @Test("both directions' first packets at once: the second to be confirmed is dropped, the next finds the flow")
    func clash() {
        let bench = Self.bench { $0.workers = 2 }
        #expect(bench.send("lan udp 10.0.0.2:1 > 192.0.2.9:53", worker: 0).count == 1)
        #expect(bench.send("wan udp 192.0.2.9:53 > 10.0.0.2:1", worker: 1).count == 1)
        #expect(bench.flowList == ["udp 30 10.0.0.2:1>192.0.2.9:53 192.0.2.9:53>10.0.0.2:1 1/1"])
    }

    @Test("a flow that one worker began is ended and found by the others")
    func workers() {
        let bench = Self.bench { $0.workers = 4 }
        for worker in 0..<4 { bench.send("lan udp 10.0.0.2:\(worker) > 192.0.2.9:53", worker: worker) }
        for worker in 0..<4 { bench.send("wan udp 192.0.2.9:53 > 10.0.0.2:\(worker)", worker: 3 - worker) }
        #expect(bench.flowList.allSatisfy { $0.hasSuffix(" 1/1") } && bench.flowList.count == 4)
        bench.pass(31)
        #expect(bench.flows.count == 0)
    }
}
