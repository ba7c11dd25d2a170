import Control
import Net
import TestSupport
import Testing

/// What rules remember, as an operator sees and edits it, and what of it outlives a change of the rules.
@Suite(
    "What rules of a running router remember", .serialized,
    .enabled(if: MartletBinary.isExpected, "no Martlet here: \(MartletBinary.advice)"))
struct MemoryRequestTests {
    typealias Running = RequestTests.Running

    /// Puts these rules into FORWARD, for what opens a flow; answers pass.
    private static func restore(_ running: Running, _ rules: String...) throws {
        let text =
            "*filter\n:FORWARD DROP [0:0]\n-A FORWARD -m conntrack --ctstate ESTABLISHED -i wan0 -j ACCEPT\n"
            + rules.map { "-A FORWARD \($0)\n" }.joined() + "COMMIT\n"
        _ = try running.final(.rulesRestore(RulesRestore(file: "rules", text: text)))
    }

    /// Answers to so many echo requests.
    private static func ping(_ running: Running, _ count: Int) throws -> Int {
        let command = ["ping", "-n", "-q", "-c", "\(count)", "-i", "0.02", "-W", "0.3", "198.51.100.2"]
        let words = try running.lab.run(command, in: "client").output.split(separator: " ")
        guard let place = words.firstIndex(of: "received,"), let number = Int(words[place - 1]) else {
            throw LabError("ping says nothing of what it received")
        }
        return number
    }

    @Test("a limit and a quota stay as they are while their rule stays, whatever changes around it")
    func ownStates() throws {
        let running = try Running()
        let limit = "-p icmp -m limit --limit 1/hour --limit-burst 5 -j ACCEPT"
        let quota = "-p icmp -m quota --quota 336 -j ACCEPT"
        try Self.restore(running, limit)
        #expect(try Self.ping(running, 3) == 3)
        try Self.restore(running, "-p tcp -j ACCEPT", limit, "-p udp -j ACCEPT")
        #expect(try Self.ping(running, 4) == 2)
        // Gone and back is new.
        try Self.restore(running, quota)
        #expect(try Self.ping(running, 3) == 3)
        try Self.restore(running, limit, "-p udp -j ACCEPT", quota)
        #expect(try Self.ping(running, 8) == 6)
    }

    @Test("a recent list lives while any rule names it, begins anew if it must remember more times, and is seen and edited as in /proc")
    func recent() throws {
        let running = try Running()
        func show(_ arguments: String...) throws -> String { try running.router.martlet(["show", "recent"] + arguments) }
        func lists() throws -> [String] {
            try running.rows(.recentLists) { if case .recentList(let row) = $0 { "\(row.name) \(row.count)/\(row.max) \(row.stamps)" } else { nil } }
        }
        func entries() throws -> [RecentEntryRow] {
            try running.rows(.recentEntries("seen")) { if case .recentEntry(let row) = $0 { row } else { nil } }
        }
        try Self.restore(running, "-p icmp -m recent --set --name seen -j ACCEPT", "-p udp -m recent --rcheck --name other -j ACCEPT")
        #expect(try lists() == ["other 0/100 32", "seen 0/100 32"])
        #expect(try Self.ping(running, 3) == 3)
        let first = try #require(try entries().first)
        #expect(first.address == "10.0.0.2" && first.ttl == 64 && first.stamps.count == 3 && first.oldestPacket == 3)
        #expect(first.lastSeen == first.stamps[2] && first.stamps[0] <= first.stamps[1] && first.stamps[1] <= first.stamps[2])
        #expect(try show("seen") == first.procText + "\n")

        // Another rule, in another table, that names it keeps it; no name, no list.
        _ = try running.final(.rulesRestore(RulesRestore(
            file: "rules", text: "*mangle\n-A PREROUTING -p udp -m recent --rcheck --name seen\nCOMMIT\n*filter\nCOMMIT\n")))
        #expect(try lists() == ["seen 1/100 32"] && entries() == [first])

        // As written to the list's file.
        _ = try show("seen", "--add", "192.0.2.1")
        #expect(try entries().map(\.address) == ["10.0.0.2", "192.0.2.1"] && entries()[1].ttl == 0)
        _ = try show("seen", "--remove", "10.0.0.2")
        _ = try show("seen", "--remove", "10.0.0.2")
        #expect(try show("seen", "--json").contains(#"{"address":"192.0.2.1","#))
        _ = try show("seen", "--flush")
        #expect(try show("seen") == "" && show().contains("seen"))
        #expect(throws: LabError.self) { try show("unseen") }
        #expect(throws: LabError.self) { try show("unseen", "--add", "192.0.2.1") }

        _ = try show("seen", "--add", "192.0.2.1")
        try Self.restore(running, "-p udp -m recent --rcheck --hitcount 20 --name seen")
        #expect(try lists() == ["seen 1/100 32"])
        try Self.restore(running, "-p udp -m recent --rcheck --hitcount 33 --name seen", "-p udp -m recent --rcheck --name seen")
        #expect(try lists() == ["seen 0/100 64"])
        _ = try running.final(.rulesRestore(RulesRestore(file: "rules", text: "*mangle\nCOMMIT\n*filter\nCOMMIT\n")))
        #expect(try lists() == [])
    }

    @Test("a hashlimit table lives while any rule names it, and is seen as in /proc; a rule with other settings uses the one there is")
    func hashlimit() throws {
        let running = try Running()
        func entries() throws -> [HashlimitEntryRow] {
            try running.rows(.hashlimitEntries("h")) { if case .hashlimitEntry(let row) = $0 { row } else { nil } }
        }
        let rule = "-p icmp -m hashlimit --hashlimit-upto 1/hour --hashlimit-burst 5 --hashlimit-mode srcip --hashlimit-name h -j ACCEPT"
        try Self.restore(running, rule)
        #expect(try Self.ping(running, 3) == 3)
        let cost: UInt64 = 3_600_000_000 * 137_438_953
        let row = try #require(try entries().first)
        #expect(row.source == "10.0.0.2" && row.destination == .any && row.creditCap == 5 * cost && row.cost == cost)
        #expect(row.credit >= 2 * cost && row.credit < 3 * cost && row.expires > 3590 && row.expires <= 3600)
        let text = try running.router.martlet(["show", "hashlimit", "h"])
        #expect(text.hasPrefix("35") && text.contains(" 10.0.0.2:0->0.0.0.0:0 ") && text.hasSuffix(" \(5 * cost) \(cost)\n"))
        #expect(try running.router.martlet(["show", "hashlimit"]).contains("h"))
        #expect(throws: LabError.self) { try running.router.martlet(["show", "hashlimit", "x"]) }

        let other = "-p icmp -m hashlimit --hashlimit-upto 1/hour --hashlimit-burst 9 --hashlimit-mode dstip --hashlimit-name h -j ACCEPT"
        try Self.restore(running, other)
        #expect(try Self.ping(running, 4) == 2 && entries().map(\.source) == ["10.0.0.2"])
        // To limit and to compare a rate do not go together in one table.
        #expect(throws: (any Error).self) { try Self.restore(running, rule, rule + " --hashlimit-rate-match") }
        #expect(try entries().count == 1)
    }
}
