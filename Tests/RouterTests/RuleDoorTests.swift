import Control
import Net
import Rules
import TestSupport
import Testing

@testable import Router

@Suite("The door by which rules come into force")
struct RuleDoorTests {
    private let router: OfflineRouter
    private let door: RuleDoor

    init() throws {
        let text = """
            ports: [{name: lan0}]
            static:
              ports: [{name: lan0, mac: "02:00:00:00:00:01", addresses: [10.0.0.1/24]}]
            """
        router = try OfflineRouter(
            try Configuration.parse(text, file: "configuration"), ruleset: Ruleset(), start: .seconds(1000))
        door = RuleDoor(core: router.core)
    }

    /// As a reload that has read `rules`.
    private func reload(_ rules: String, _ ticket: UInt64) throws -> Bool? {
        let new = try Ruleset.restoring(rules, file: "rules")
        return try door.change(.replacement, ticket: ticket, describe: { Failure($0.description) }) { _ in
            (RuleDoor.Proposal(ruleset: new), true)
        }
    }

    private func rules(_ port: Int) -> String { "*filter\n-A INPUT -p tcp -m tcp --dport \(port) -j DROP\nCOMMIT\n" }
    /// Read, but not to be carried out yet.
    private let refused = "*raw\n-A PREROUTING -j TRACE\nCOMMIT\n"

    @Test("of two reloads at once the one that began later is in force at the end, whichever is faster")
    func laterWins() throws {
        let (first, second) = (door.takeTicket(), door.takeTicket())
        #expect(try reload(rules(2), second) == true)
        #expect(try reload(rules(1), first) == nil)
        #expect(router.core.ruleset.saved().contains("--dport 2 "))
        #expect(try reload(rules(3), door.takeTicket()) == true)
    }

    /// As `rules restore`, on trial or not.
    private func restore(_ rules: String, _ kind: RuleDoor.Kind) throws {
        let new = try Ruleset.restoring(rules, file: "rules")
        try door.change(kind, describe: { Failure($0.description) }) { _ in (RuleDoor.Proposal(ruleset: new), true) }
    }

    @Test(
        "a trial ends well whatever became of the sets that the earlier rules name",
        arguments: [["destroy s"], ["rename s t"], ["destroy s", "create s hash:net"], ["swap s u"], ["destroy"], ["flush s", "destroy u"]])
    func trialWithoutSets(commands: [String]) throws {
        func ipset(_ words: String) throws { try router.ipset(words.split(separator: " ").map(String.init)) }
        for words in ["create s hash:ip", "add s 10.9.9.9", "create u hash:ip"] { try ipset(words) }
        let earlier = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -m set --match-set s src -j DROP\nCOMMIT\n"
        try restore(earlier, .replacement)
        let sets = router.savedSets()
        #expect(throws: (any Error).self) { try ipset("destroy s") }
        let end = MonotonicClock.now() + 60_000_000_000
        // A trial that is refused leaves nothing behind.
        #expect(throws: Failure.self) { try restore(refused, .trial(until: end)) }
        try restore(rules(1), .trial(until: end))
        for words in commands { try ipset(words) }
        #expect(try door.endTrialIfDue(Instant(nanoseconds: end.nanoseconds - 1)) == false)
        #expect(try door.endTrialIfDue(end) == true)
        #expect(try door.endTrialIfDue(end) == false)
        #expect(router.core.ruleset.saved() == earlier && router.savedSets() == sets)
        #expect(throws: (any Error).self) { try ipset("destroy s") }
    }

    @Test("nothing comes before the end of a trial whose time is over")
    func overdue() throws {
        try restore(rules(1), .replacement)
        // It is over at once, and nobody has looked.
        try restore(rules(2), .trial(until: .seconds(0)))
        #expect(throws: Failure.self) { try door.confirm() }
        #expect(router.core.ruleset.saved().contains("--dport 1 "))
        #expect(try door.endTrialIfDue(MonotonicClock.now()) == true)
        try restore(rules(2), .trial(until: .seconds(0)))
        try restore(rules(3), .replacement)
        #expect(router.core.ruleset.saved().contains("--dport 3 "))
        #expect(try door.endTrialIfDue(MonotonicClock.now()) == true)
        #expect(try door.endTrialIfDue(MonotonicClock.now()) == false)
    }

    @Test("none gives way to one that was refused")
    func refusedIsNoReason() throws {
        let (first, second) = (door.takeTicket(), door.takeTicket())
        #expect(throws: Failure.self) { try reload(refused, second) }
        #expect(try reload(rules(1), first) == true)
        #expect(router.core.ruleset.saved().contains("--dport 1 "))
    }
}
