import Testing

@testable import Rules

@Suite("Chains and the ways between them")
struct ModelTests {
    private func table(_ text: String, _ name: TableName = .filter) throws -> Table {
        try Ruleset.restoring("*\(name.rawValue)\n\(text)\nCOMMIT\n", file: "-")[name]
    }

    @Test("a user chain is at the hooks that jump or go to it, over other chains too")
    func hooks() throws {
        let table = try table(
            """
            :a - [0:0]
            :b - [0:0]
            :c - [0:0]
            :lost - [0:0]
            -A INPUT -j a
            -A FORWARD -p tcp -g b
            -A a -j c
            -A b -j c
            -A lost -j c
            """)
        let reachability = table.reachability
        #expect(reachability.hooks["a"] == .input)
        #expect(reachability.hooks["b"] == .forward)
        #expect(reachability.hooks["c"] == [.input, .forward])
        #expect(reachability.hooks["lost"] == nil)
    }

    @Test("rules behind one that always ends the chain are not come to, and may therefore be anything")
    func dead() throws {
        let table = try table(":a - [0:0]\n-A INPUT -j ACCEPT\n-A INPUT -j a\n-A a -m owner --uid-owner 0")
        #expect(table.reachability.hooks["a"] == nil)
        #expect(throws: Diagnostics.self) {
            try Ruleset.restoring(
                "*filter\n:a - [0:0]\n-A INPUT -j a\n-A a -m owner --uid-owner 0\nCOMMIT\n", file: "-")
        }
    }

    @Test("a loop is found, however long, and a chain called from two places is none")
    func loops() throws {
        #expect(throws: Diagnostics.self) {
            try Ruleset.restoring(
                "*filter\n:a - [0:0]\n:b - [0:0]\n-A INPUT -j a\n-A a -j b\n-A b -j a\nCOMMIT\n", file: "-")
        }
        #expect(throws: Diagnostics.self) {
            try Ruleset.restoring("*filter\n:a - [0:0]\n-A INPUT -j a\n-A a -p tcp -g a\nCOMMIT\n", file: "-")
        }
        _ = try table(":a - [0:0]\n:b - [0:0]\n-A INPUT -j a\n-A INPUT -j b\n-A a -j b")
        // Nothing leads into it, so no packet can be caught in it.
        _ = try table(":a - [0:0]\n:b - [0:0]\n-A a -j b\n-A b -j a")
    }

    @Test("ten thousand chains in a row overflow nothing")
    func depth() throws {
        var text = "*filter\n"
        for number in 0..<10_000 { text += ":c\(number) - [0:0]\n" }
        text += "-A INPUT -j c0\n"
        for number in 0..<9_999 { text += "-A c\(number) -j c\(number + 1)\n" }
        let ruleset = try Ruleset.restoring(text + "COMMIT\n", file: "-")
        #expect(ruleset[.filter].reachability.hooks["c9999"] == .input)
    }

    @Test("rules are equal by what they ask and do, not by counters or where they were read")
    func meaning() throws {
        let table = try table(
            "-A INPUT -p tcp --dport 22 -j DROP -c 5 6\n-A INPUT -p 6 -m tcp --dport ssh -j DROP\n-A INPUT -p udp -j DROP"
        )
        let rules = try #require(table[chain: "INPUT"]?.rules)
        #expect(rules[0] != rules[1])
        #expect(rules[0].hasSameMeaning(as: rules[1]))
        #expect(!rules[0].hasSameMeaning(as: rules[2]))
    }

    @Test("what does not act yet is named")
    func inactive() throws {
        let ruleset = try Ruleset.restoring(
            "*filter\n-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n-A OUTPUT -m owner --uid-owner 0 -j DROP\nCOMMIT\n",
            file: "-")
        let found = ruleset.inactive()
        #expect(found.map(\.chain) == ["OUTPUT"])
        #expect(found.first?.error.message == "match \"owner\" does not act yet")
    }

    @Test("every option of CT acts")
    func options() throws {
        let ruleset = try Ruleset.restoring(
            "*raw\n-A PREROUTING -j CT --zone 5\n-A PREROUTING -j CT --notrack\n-A PREROUTING -p tcp -j CT --helper ftp --ctevents new --expevents new --timeout a --zone 3\nCOMMIT\n",
            file: "-")
        #expect(ruleset.inactive().isEmpty)
    }

    @Test("rules that stay keep their counters, each old rule's once, and so does a policy")
    func keptCounters() throws {
        let old = try Ruleset.restoring(
            "*filter\n:INPUT DROP [1:2]\n[3:4] -A INPUT -p tcp -j ACCEPT\n[5:6] -A INPUT -p udp -j ACCEPT\n[7:8] -A INPUT -p udp -j ACCEPT\nCOMMIT\n",
            file: "-", options: RestoreOptions(counters: true))
        let new = try Ruleset.restoring(
            "*filter\n:INPUT DROP [0:0]\n-A INPUT -p udp -j ACCEPT\n-A INPUT -p icmp -j ACCEPT\n-A INPUT -p tcp -j ACCEPT\nCOMMIT\n",
            file: "-", onto: old)
        let chain = try #require(new.keepingCounters(of: old)[.filter][chain: "INPUT"])
        #expect(chain.counters == RuleCounters(packets: 1, bytes: 2))
        #expect(chain.rules.map(\.counters.packets) == [5, 0, 3])
    }
}
