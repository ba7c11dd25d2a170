import Net
import Rules
import Testing

/// What rules go on counting while their successors are made.
@Suite("Inherited counters")
struct InheritedCountersTests {
    static func rules(_ lines: String...) throws -> Ruleset {
        let text = "*filter\n:INPUT ACCEPT [5:50]\n" + lines.map { $0 + "\n" }.joined() + "COMMIT\n"
        return try Ruleset.restoring(text, file: "-", options: RestoreOptions(counters: true))
    }

    static func counters(_ ruleset: Ruleset) -> [UInt64] {
        ruleset[.filter][chain: "INPUT"]?.rules.map(\.counters.packets) ?? []
    }

    static let before = ["[1:1] -A INPUT -j ACCEPT", "[2:2] -A INPUT -s 10.0.0.1 -j ACCEPT", "[3:3] -A INPUT -j DROP"]

    @Test(
        "a rule that stays takes what its predecessor still counted, a rule made anew does not",
        arguments: [
            // Appended, inserted, deleted, moved.
            (["[1:1] -A INPUT -j ACCEPT", "[2:2] -A INPUT -s 10.0.0.1 -j ACCEPT", "[3:3] -A INPUT -j DROP", "-A INPUT -j LOG"], false, [11, 22, 33, 0]),
            (["-A INPUT -j LOG", "[1:1] -A INPUT -j ACCEPT", "[2:2] -A INPUT -s 10.0.0.1 -j ACCEPT", "[3:3] -A INPUT -j DROP"], false, [0, 11, 22, 33]),
            (["[1:1] -A INPUT -j ACCEPT", "[3:3] -A INPUT -j DROP"], false, [11, 33]),
            (["[3:3] -A INPUT -j DROP", "[1:1] -A INPUT -j ACCEPT"], false, [33, 11]),
            // Told what to count from; begun at zero; zeroed while it stays.
            (["[7:7] -A INPUT -j ACCEPT", "-A INPUT -s 10.0.0.1 -j ACCEPT", "[3:3] -A INPUT -j DROP"], false, [7, 0, 33]),
            (["-A INPUT -j ACCEPT", "[2:2] -A INPUT -s 10.0.0.1 -j ACCEPT", "-A INPUT -j DROP"], true, [10, 22, 30]),
        ] as [([String], Bool, [UInt64])])
    func inherited(lines: [String], zeroed: Bool, expected: [UInt64]) throws {
        func restored(_ lines: [String]) throws -> Ruleset {
            let text = "*filter\n:INPUT ACCEPT [5:50]\n" + lines.map { $0 + "\n" }.joined() + "COMMIT\n"
            return try Ruleset.restoring(text, file: "-", options: RestoreOptions(counters: true))
        }
        let earlier = try restored(Self.before)
        var final = earlier
        for index in 0..<3 { final[.filter].chains[0].rules[index].counters.packets += UInt64(10 * (index + 1)) }
        final[.filter].chains[0].counters.packets += 4
        let result = try restored(lines).inheritingCounters(from: final, madeFrom: earlier, zeroed: zeroed)
        #expect(Self.counters(result) == expected)
        #expect(result[.filter].chains[0].counters.packets == 9)
    }

    @Test("rules that come back have the counters of those that stayed on, and their own where they were away")
    func taken() throws {
        let before = try Self.rules("[1:1] -A INPUT -j ACCEPT", "[2:2] -A INPUT -j DROP")
        let now = try Self.rules("[9:9] -A INPUT -j ACCEPT", "[8:8] -A INPUT -j LOG")
        #expect(Self.counters(before.takingCounters(of: now)) == [9, 2])
    }

    @Test("names are taken from the answers given, and those that are missing are told")
    func hosts() {
        let rule = "*filter\n-A INPUT -s gate.example -j DROP\nCOMMIT\n"
        let unknown = HostNames([:])
        #expect(unknown.using { try? Ruleset.restoring(rule, file: "-") } == nil && unknown.missing == ["gate.example"])
        let known = HostNames(["gate.example": .addresses(["192.0.2.1", "192.0.2.2"])])
        let ruleset = known.using { try? Ruleset.restoring(rule, file: "-") }
        #expect(ruleset?[.filter].chains[0].rules.count == 2 && known.missing.isEmpty)
        let refused = HostNames(["gate.example": .failure("no such host")])
        #expect(refused.using { try? Ruleset.restoring(rule, file: "-") } == nil && refused.missing.isEmpty)
    }
}
