import Net
import Testing

@testable import Rules

@Suite("Restoring and saving")
struct RestoreTests {
    private func restore(
        _ text: String, onto current: Ruleset = Ruleset(), _ options: RestoreOptions = RestoreOptions()
    ) throws(Diagnostics) -> Ruleset {
        try Ruleset.restoring(text, file: "rules.v4", onto: current, options: options)
    }

    @Test(
        "what is saved restores to equal rules, for every line iptables takes",
        arguments: Line.all.filter { $0.saved() != nil })
    func roundTrip(line: Line) throws {
        let first = try restore(line.text)
        let second = try restore(first.saved())
        let firstRules = first.tables.flatMap(\.chains).flatMap(\.rules)
        let secondRules = second.tables.flatMap(\.chains).flatMap(\.rules)
        #expect(firstRules.count == secondRules.count)
        for (a, b) in zip(firstRules, secondRules) {
            // icmp codes 3/1:5 are saved as 3/1; iptables has no other spelling.
            if line.rule.contains("/0:4") || line.rule.contains("/1:5") { continue }
            #expect(a.hasSameMeaning(as: b), "\(a.specification)")
        }
        #expect(second.saved() == first.saved())
    }

    @Test("the values of a rule are those that were written")
    func values() throws {
        let text = """
            *filter
            -A FORWARD -s 10.0.0.0/8 ! -i lan+ -p tcp -m tcp --sport 1024: ! --dport 22 --syn -m conntrack --ctstate NEW -j REJECT --reject-with tcp-reset
            COMMIT
            """
        let rule = try #require(try restore(text)[.filter][chain: "FORWARD"]?.rules.first)
        #expect(rule.source == Negatable(AddressMask("10.0.0.0/8")))
        #expect(rule.destination == nil)
        #expect(rule.inInterface == Negatable(InterfacePattern(name: "lan", isWildcard: true), isNegated: true))
        #expect(rule.ipProtocol == Negatable(.tcp))
        var conntrack = ConntrackMatch()
        conntrack.states = Negatable(.new)
        let tcp = TCPMatch(
            ports: TransportPorts(source: Negatable(1024...65535), destination: Negatable(22...22, isNegated: true)),
            flags: Negatable(.syn))
        #expect(rule.matches == [.tcp(tcp), .conntrack(conntrack)])
        #expect(rule.target == .reject(RejectTarget(.tcpReset)))
        #expect(rule.location == SourceLocation(line: 2, column: 1))
    }

    @Test("tables are replaced, those that are not named stay, and the one used last is saved first")
    func tables() throws {
        let first = try restore(
            "*filter\n:old - [0:0]\n-A INPUT -j DROP\nCOMMIT\n*nat\n-A POSTROUTING -j MASQUERADE\nCOMMIT\n")
        #expect(first.tables.map(\.name) == [.nat, .filter])
        let second = try restore("*filter\n:new - [0:0]\nCOMMIT\n", onto: first)
        #expect(second[.filter].userChains.map(\.name) == ["new"])
        #expect(second[.filter][chain: "INPUT"]?.rules == [])
        #expect(second[.nat] == first[.nat])
        #expect(second.tables.map(\.name) == [.nat, .filter])
    }

    @Test("with --noflush rules are added, and a user chain that is declared is emptied")
    func noFlush() throws {
        let first = try restore("*filter\n:a - [0:0]\n:b - [0:0]\n-A a -j DROP\n-A b -j DROP\n-A INPUT -j a\nCOMMIT\n")
        let second = try restore(
            "*filter\n:a - [0:0]\n-A INPUT -j b\nCOMMIT\n", onto: first, RestoreOptions(noFlush: true))
        #expect(second[.filter][chain: "a"]?.rules.count == 0)
        #expect(second[.filter][chain: "b"]?.rules.count == 1)
        #expect(second[.filter][chain: "INPUT"]?.rules.map(\.target) == [.jump("a"), .jump("b")])
    }

    @Test("counters are taken over only if that is asked for")
    func counters() throws {
        let text = "*filter\n:INPUT DROP [1:2]\n[3:4] -A INPUT -j ACCEPT\n-A INPUT -j DROP -c 5 6\nCOMMIT\n"
        let plain = try restore(text)[.filter][chain: "INPUT"]
        #expect(plain?.counters == .zero)
        #expect(plain?.rules.map(\.counters) == [.zero, RuleCounters(packets: 5, bytes: 6)])
        let counted = try restore(text, onto: Ruleset(), RestoreOptions(counters: true))[.filter][chain: "INPUT"]
        #expect(counted?.counters == RuleCounters(packets: 1, bytes: 2))
        #expect(
            counted?.rules.map(\.counters) == [RuleCounters(packets: 3, bytes: 4), RuleCounters(packets: 5, bytes: 6)])
        let saved = Ruleset(tables: [try restore(text, onto: Ruleset(), RestoreOptions(counters: true))[.filter]])
            .saved(Ruleset.SaveOptions(counters: true))
        #expect(saved.contains(":INPUT DROP [1:2]\n"))
        #expect(saved.contains("[3:4] -A INPUT -j ACCEPT\n"))
    }

    @Test("one table of a file can be picked, and date comments are printed if asked for")
    func selection() throws {
        let text = "*nat\n-A POSTROUTING -j MASQUERADE\nCOMMIT\n*filter\n-A INPUT -j DROP\nCOMMIT\n"
        let ruleset = try restore(text, onto: Ruleset(), RestoreOptions(table: .filter))
        #expect(ruleset.tables.map(\.name) == [.filter])
        let comments = Ruleset.SaveOptions.Comments(generator: "martlet v1", date: "Sat Nov 21 07:00:00 2026")
        let saved = ruleset.saved(Ruleset.SaveOptions(table: .filter, comments: comments))
        #expect(saved.hasPrefix("# Generated by martlet v1 on Sat Nov 21 07:00:00 2026\n*filter\n"))
        #expect(saved.hasSuffix("COMMIT\n# Completed on Sat Nov 21 07:00:00 2026\n"))
    }

    @Test("lists of addresses become one rule each, the source varying slowest")
    func addressLists() throws {
        let ruleset = try restore("*filter\n-A INPUT -s 10.0.0.1,10.0.0.2 -d 10.1.0.0/16,10.2.0.0/16 -j DROP\nCOMMIT\n")
        let rules = try #require(ruleset[.filter][chain: "INPUT"]?.rules)
        #expect(
            rules.map { "\($0.source!.value) \($0.destination!.value)" } == [
                "10.0.0.1/32 10.1.0.0/16", "10.0.0.1/32 10.2.0.0/16", "10.0.0.2/32 10.1.0.0/16",
                "10.0.0.2/32 10.2.0.0/16",
            ])
    }

    @Test("a mask with holes is kept and compared bit by bit")
    func holes() throws {
        let ruleset = try restore("*filter\n-A INPUT -s 10.1.2.3/255.0.255.0\nCOMMIT\n")
        let source = try #require(ruleset[.filter][chain: "INPUT"]?.rules.first?.source?.value)
        #expect(source.prefix == nil)
        #expect(source.contains("10.77.2.99"))
        #expect(!source.contains("10.77.3.99"))
    }
}
