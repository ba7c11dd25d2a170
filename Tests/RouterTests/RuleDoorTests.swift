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

    @Test("none gives way to one that was refused")
    func refusedIsNoReason() throws {
        let (first, second) = (door.takeTicket(), door.takeTicket())
        #expect(throws: Failure.self) { try reload(refused, second) }
        #expect(try reload(rules(1), first) == true)
        #expect(router.core.ruleset.saved().contains("--dport 1 "))
    }
}
