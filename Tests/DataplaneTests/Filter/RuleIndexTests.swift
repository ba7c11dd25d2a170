import Net
import Testing

@testable import Dataplane

/// Random rules and packets out of few values, so that they meet.
private struct Dice {
    var random: RandomSource

    init(_ seed: UInt64) { random = RandomSource(seed: seed) }

    mutating func below(_ count: Int) -> Int { Int(truncatingIfNeeded: random.next() % UInt64(count)) }
    mutating func one(in count: Int) -> Bool { below(count) == 0 }
    mutating func pick<T>(_ list: [T]) -> T { list[below(list.count)] }

    mutating func port() -> UInt16 { one(in: 8) ? pick([0, 65535]) : UInt16(1 + below(12)) }
    mutating func portTest() -> PortTest {
        switch below(4) {
        case 0: return PortTest()
        case 1:
            let first = port()
            return PortTest(first: first, last: first, isNegated: one(in: 3))
        default: return PortTest(first: port(), last: port(), isNegated: one(in: 3))
        }
    }
    mutating func prefix(_ network: String) -> IPv4Prefix {
        IPv4Prefix(IPv4Address("\(network).\(below(6))")!, pick([0, 8, 24, 29, 30, 31, 32, 32, 32])).network
    }

    mutating func rule(_ text: inout RuleText, chains: Int) -> RuleText.Rule {
        var rule: RuleText.Rule
        switch below(20) {
        case 0: rule = .accept
        case 1: rule = .drop
        case 2: rule = RuleText.Rule(.return)
        case 3 where chains > 0: rule = RuleText.Rule(target: .jump("c\(1 + below(chains))"))
        case 4 where chains > 0: rule = RuleText.Rule(target: .goto("c\(1 + below(chains))"))
        default: rule = RuleText.Rule(.next)
        }
        if !one(in: 3) { rule.source = prefix("10.0.0") }
        if !one(in: 3) { rule.destination = prefix("192.0.2") }
        if one(in: 5) { rule.flags.insert(.notSource) }
        if one(in: 5) { rule.flags.insert(.notDestination) }
        if one(in: 6) { rule.ingress = pick(["lan", "wan", "ppp0"]) }
        if one(in: 12) { rule.egress = pick(["wan", "dmz"]) }
        if one(in: 9) { rule.flags.insert(.notFragment) }
        switch below(5) {
        case 0: rule = rule.proto(pick([.udp, .tcp, .icmp]))
        case 1: rule = rule.proto(.udp).header(.udp(source: portTest(), destination: portTest()))
        case 2:
            rule = rule.proto(.tcp).header(
                .tcp(source: portTest(), destination: portTest(), mask: one(in: 3) ? 2 : 0, flags: 0, isNegated: false))
        case 3:
            let first = port()
            let match = text.destinationPorts([first...first, 4...7], not: one(in: 4))
            rule = rule.proto(.udp)
            if one(in: 2) { rule = rule.flow(.states(pick([.new, .established]), isNegated: one(in: 2))) }
            rule.matches.append(match)
        default: break
        }
        if one(in: 10) { rule.flags.insert(.notProtocol) }
        // `! -p udp -m udp` is no rule.
        if rule.flags.contains(.notProtocol) { rule.matches = [] }
        return rule
    }

    mutating func packet() -> String {
        let ends = "10.0.0.\(2 + below(3)):\(port()) > 192.0.2.\(below(7)):\(port())"
        return switch below(8) {
        case 0: "lan tcp \(ends) S"
        case 1: "lan icmp 10.0.0.2 > 192.0.2.\(below(7)) echo \(below(3)) 1"
        default: "lan udp \(ends)"
        }
    }
}

@Suite("The index of long chains: every rule counts as if it had been asked")
struct RuleIndexTests {
    private static func counts(_ text: RuleText, _ packets: [String]) -> [UInt64] {
        var setup = Bench.Setup()
        setup.rules = text
        let bench = Bench(setup)
        for packet in packets { bench.send(packet) }
        return (0..<bench.rules.ruleCount).flatMap { rule -> [UInt64] in
            let counted = bench.rules.counted(rule: rule)
            return [counted.packets, counted.bytes]
        }
    }

    /// Lengths on both sides of a block's and a chunk's border.
    static let lengths: [[Int]] = [[511, 600], [1100, 40, 512], [8191, 300], [8192], [9000, 8000]]
    static let seeds = 0..<45

    @Test("the same counters as one by one", arguments: seeds)
    func sameCounters(seed: Int) {
        let lengths = seed < Self.lengths.count ? Self.lengths[seed] : [seed * 2 + 20, 40, 3, 70]
        var dice = Dice(UInt64(seed + 1))
        var text = RuleText.tracking
        let chains = lengths.count - 1
        var rules: [RuleText.Rule] = []
        for _ in 0..<lengths[0] { rules.append(dice.rule(&text, chains: chains)) }
        text.chain(.filter, .forward, policy: dice.one(in: 2) ? .policyDrop : .policyAccept, rules)
        for chain in lengths.indices.dropFirst() {
            // Deeper chains only, so that none calls itself.
            rules = []
            for _ in 0..<lengths[chain] {
                var rule = dice.rule(&text, chains: 0)
                if chain < chains, dice.one(in: 10) { rule.target = .jump("c\(chain + 1)") }
                rules.append(rule)
            }
            text.chain("c\(chain)", rules)
        }
        let packets = (0..<200).map { _ in dice.packet() }
        let indexed = Self.counts(text, packets)
        text.isIndexed = false
        let oneByOne = Self.counts(text, packets)
        #expect(indexed == oneByOne)
        #expect(oneByOne.contains { $0 > 0 })
    }

    @Test("a header that is cut off still ends at the first rule that asks for its ports")
    func cutOff() {
        var text = RuleText.tracking
        text.chain(.filter, .forward, (1...50).map { .accept.udp(to: $0) })
        var setup = Bench.Setup()
        setup.rules = text
        let bench = Bench(setup)
        bench.send("lan ip 10.0.0.2 > 192.0.2.9 proto 17 x 00350035")
        #expect(bench.drops == ["transport-cut": 1])
    }

    @Test("short chains have none")
    func short() {
        var text = RuleText()
        text.chain(.filter, .forward, (1..<31).map { .accept.udp(to: $0) })
        #expect(text.compiled(workerCount: 1).index == nil)
        text.chain(.filter, .input, (1..<32).map { .accept.udp(to: $0) })
        #expect(text.compiled(workerCount: 1).index != nil)
    }

    @Test("ten thousand rules take a few megabytes")
    func size() throws {
        var text = RuleText()
        text.chain(
            .filter, .forward,
            (0..<10_000).map { number in
                .drop.from(IPv4Prefix(IPv4Address(rawValue: 0x0A00_0000 + UInt32(number) * 7), 32)).tcp(to: UInt16(number + 1))
            })
        let index = try #require(text.compiled(workerCount: 1).index)
        #expect(index.size < 8 << 20, "\(index.size) bytes")
    }
}
