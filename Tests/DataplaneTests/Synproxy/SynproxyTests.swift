import Net
import TestSupport
import Testing

@testable import Dataplane

@Suite("SYNPROXY (nf_synproxy_core.c)")
struct SynproxyTests {
    static let all: SynproxyRule.Options = [.maximumSegmentSize, .windowScale, .permitsSACK, .timestamp, .ecn]

    static func bench(_ options: SynproxyRule.Options) -> Bench {
        var setup = Bench.Setup()
        setup.tracking.tcp.loose = false
        var rules = RuleText.tracking
        rules.chain(
            .raw, .prerouting,
            [RuleText.Rule(.flow(.noTrack)).proto(.tcp).header(.tcp(source: .init(), destination: .init(first: 80, last: 80), mask: 0x17, flags: 0x02, isNegated: false))])
        rules.chain(
            .filter, .forward,
            [
                RuleText.Rule(.synproxy(SynproxyRule(options: options, windowScale: 5, maximumSegmentSize: 1440)))
                    .tcp(to: 80).states([.invalid, .untracked]),
                RuleText.Rule.drop.states(.invalid),
            ])
        setup.rules = rules
        return Bench(setup)
    }

    /// The number after a word of a packet's text, such as `seq`.
    static func number(_ word: String, _ line: String) -> UInt32 {
        let words = line.split(separator: " ")
        return words.firstIndex(of: Substring(word)).flatMap { UInt32(words[$0 + 1]) } ?? 0
    }

    @Test("with time stamps: what the client offered comes back with its acknowledgment, and both clocks are put right")
    func timestamps() {
        let bench = Self.bench(Self.all)
        let answer = bench.send("lan tcp 10.0.0.2:1000 > 192.0.2.9:80 SEC seq 100 win 8000 mss 1400 sackok ts 77:0 nop ws 7")
        #expect(answer.count == 1)
        let cookie = Self.number("seq", answer[0])
        // The milliseconds without their last 64, scale 7, SACK, ECN.
        let clock: UInt32 = 1_000_000 & ~63 | 7 | 16 | 32
        #expect(answer == ["lan tcp 192.0.2.9:80 > 10.0.0.2:1000 SEA seq \(cookie) ack 101 win 0 mss 1440 sackok ts \(clock):77 nop ws 5 df"])
        #expect(bench.flows.count == 0)
        #expect(
            bench.send("lan tcp 10.0.0.2:1000 > 192.0.2.9:80 A seq 101 ack \(cookie &+ 1) win 9 nop nop ts 80:\(clock)")
                == ["wan tcp 10.0.0.2:1000 > 192.0.2.9:80 SEC seq 100 ack \(cookie) win 9 mss 1300 sackok ts 80:\(clock) nop ws 7 df"])
        #expect(bench.flowList == ["tcp 120 SYN_SENT 10.0.0.2:1000>192.0.2.9:80 192.0.2.9:80>10.0.0.2:1000 UNREPLIED 1/0"])
        #expect(
            bench.send("wan tcp 192.0.2.9:80 > 10.0.0.2:1000 SA seq 7000 ack 101 win 5000 mss 1400 sackok ts 500:80 nop ws 5")
                == [
                    // The kernel's own acknowledgment passes the place where echoes are put right, although its is right.
                    "wan tcp 10.0.0.2:1000 > 192.0.2.9:80 A seq 101 ack 7001 win 9 nop nop ts 80:\(1000 &- clock) df",
                    "lan tcp 192.0.2.9:80 > 10.0.0.2:1000 A seq \(cookie &+ 1) ack 101 win 156 nop nop ts \(clock):80 df",
                ])
        #expect(
            bench.send("lan tcp 10.0.0.2:1000 > 192.0.2.9:80 PA seq 101 ack \(cookie &+ 1) win 9 nop nop ts 90:\(clock) len 9")
                == ["wan tcp 10.0.0.2:1000 > 192.0.2.9:80 PA seq 101 ack 7001 win 9 nop nop ts 90:500 ttl 63 len 9"])
        #expect(
            bench.send("wan tcp 192.0.2.9:80 > 10.0.0.2:1000 A seq 7001 ack 110 win 156 nop nop ts 510:90 len 30")
                == ["lan tcp 192.0.2.9:80 > 10.0.0.2:1000 A seq \(cookie &+ 1) ack 110 win 156 nop nop ts \(clock + 10):90 ttl 63 len 30"])
        // The client misses the first ten bytes and says which it has: that is a number of the server's too.
        #expect(
            bench.send("lan tcp 10.0.0.2:1000 > 192.0.2.9:80 A seq 110 ack \(cookie &+ 1) win 9 nop nop ts 91:\(clock + 10) nop nop sack \(cookie &+ 11)-\(cookie &+ 31)")
                == ["wan tcp 10.0.0.2:1000 > 192.0.2.9:80 A seq 110 ack 7001 win 9 nop nop ts 91:510 nop nop sack 7011-7031 ttl 63"])
        #expect(bench.flowList == ["tcp 300 ESTABLISHED 10.0.0.2:1000>192.0.2.9:80 192.0.2.9:80>10.0.0.2:1000 ASSURED 4/2"])
    }

    @Test("a cookie is good for its client, its number and two minutes", arguments: [(0, true), (1, true), (2, true), (3, false), (60, false), (256 * 60, true)] as [(Int, Bool)])
    func cookie(halfMinutesLater: Int, isGood: Bool) {
        let bench = Self.bench(.maximumSegmentSize)
        let cookie = Self.number("seq", bench.send("lan tcp 10.0.0.2:1000 > 192.0.2.9:80 S seq 100 mss 1460")[0])
        // The bench begins at second 1000, forty seconds into a minute.
        bench.pass(Double(halfMinutesLater) * 30)
        #expect(bench.send("lan tcp 10.0.0.2:1001 > 192.0.2.9:80 A seq 101 ack \(cookie &+ 1)") == [])
        #expect(bench.send("lan tcp 10.0.0.2:1000 > 192.0.2.9:80 A seq 5101 ack \(cookie &+ 1)") == [])
        #expect(bench.send("lan tcp 10.0.0.2:1000 > 192.0.2.9:80 A seq 101 ack \(cookie &+ 9)") == [])
        #expect(bench.drops["synproxy-cookie"] == 3)
        if halfMinutesLater < 100 {
            #expect(bench.send("lan tcp 10.0.0.2:1000 > 192.0.2.9:80 A seq 101 ack \(cookie &+ 1)").count == (isGood ? 1 : 0))
        }
    }

    @Test("segment sizes are rounded down to what a cookie can name", arguments: [("", 536), ("mss 536", 536), ("mss 1299", 536), ("mss 1300", 1300), ("mss 1440", 1440), ("mss 1459", 1440), ("mss 1460", 1460), ("mss 9000", 1460)] as [(String, Int)])
    func sizes(announced: String, named: Int) {
        let bench = Self.bench(.maximumSegmentSize)
        let cookie = Self.number("seq", bench.send("lan tcp 10.0.0.2:1000 > 192.0.2.9:80 S seq 100 \(announced)")[0])
        #expect(
            bench.send("lan tcp 10.0.0.2:1000 > 192.0.2.9:80 A seq 101 ack \(cookie &+ 1) win 9")
                == ["wan tcp 10.0.0.2:1000 > 192.0.2.9:80 S seq 100 ack \(cookie) win 9 mss \(named) df"])
    }

    @Test("a flood of SYNs leaves no flow behind")
    func flood() {
        let bench = Self.bench(Self.all)
        for source in 0..<200 { #expect(bench.send("lan tcp 10.0.0.2:\(1000 + source) > 192.0.2.9:80 S seq \(source) mss 1460").count == 1) }
        #expect(bench.flows.count == 0)
        #expect(bench.drops == ["synproxy": 200])
    }
}
