import Control
import Dataplane
import Net
import Rules
import Testing

@testable import Router

@Suite("Rules from text, and how they are carried out")
struct RuleTextTests {
    @Test("what does not act yet is reported beside what is mistaken")
    func together() {
        let text = """
            *raw
            -A PREROUTING -j TRACE
            -A PREROUTING -j NIX
            COMMIT
            *mangle
            -A OUTPUT -m owner --uid-owner 0
            -A FORWARD -p tcp --dport x
            """
        let errors = RulesText.check(text, file: "r").errors
        #expect(errors.map(\.line) == [2, 3, 6, 7, 7], "\(errors)")
        #expect(errors.first?.message.contains("does not act yet") == true)
        #expect(errors.dropFirst(2).first?.message.contains("owner") == true)
        #expect(RulesText.check(text, file: "r", allowInactive: true).errors.map(\.line) == [3, 7, 7])
        let arguments = try? IPTables.restoreArguments([])
        let outcome = IPTables.restore(text, arguments!, onto: Ruleset(), refusesInactive: true)
        #expect(outcome.exitCode == 2 && outcome.errors.contains("Error occurred at line: 3\n"))
        #expect(outcome.errors.contains("unknown target or chain \"NIX\""))
    }

    @Test("check finds sets that there will not be, and every rule that is refused is told with its place")
    func missingSets() throws {
        let text = "*filter\n-A INPUT -m set --match-set a src -j DROP\n-A INPUT -m set --match-set b src -j DROP\n-A INPUT -j SET --add-set c src\nCOMMIT\n"
        #expect(RulesText.check(text, file: "r").errors.isEmpty)
        let found = RulesText.check(text, file: "r", sets: ["a"]).errors
        #expect(found.map(\.line) == [3, 4] && found.allSatisfy { $0.message.contains("doesn't exist") && $0.message.contains("^") }, "\(found)")
        let configuration = try Configuration.parse(
            "ports: [{name: lan0}]\nstatic:\n  ports: [{name: lan0, mac: \"02:00:00:00:00:01\", addresses: [10.0.0.1/24]}]\n", file: "c")
        let router = try OfflineRouter(configuration, ruleset: Ruleset(), sets: "create a hash:ip\n", start: .seconds(1))
        let failure = #expect(throws: Failure.self) { try router.restore(text, options: RestoreOptions()) }
        #expect(failure?.diagnostics == found.map { Diagnostic(file: "rules", line: $0.line, column: $0.column, message: $0.message) })
    }

    @Test(
        "chains nest as deep as one likes",
        arguments: [("jump", 60), ("jump", 2000), ("goto", 2000), ("unreachable", 2000), ("behind a verdict", 2000)])
    func depth(how: String, depth: Int) throws {
        var text = "*filter\n" + (0...depth).map { ":c\($0) -\n" }.joined()
        if how == "behind a verdict" { text += "-A INPUT -j ACCEPT\n" }
        if how != "unreachable" { text += "-A INPUT -\(how == "goto" ? "g" : "j") c1\n" }
        text += (1..<depth).map { "-A c\($0) -\(how == "goto" ? "g" : "j") c\($0 + 1)\n" }.joined()
        // Nothing leads here, so nobody is ever caught in it.
        text += "-A c0 -j c0\nCOMMIT\n"
        let errors = RulesText.check(text, file: "r").errors
        #expect(errors.isEmpty, "\(errors)")
    }

    @Test("lists of recent are as large as the configuration says; another size makes them anew")
    func recent() throws {
        let rules = try Ruleset.restoring("*filter\n-A INPUT -m recent --set --name L\n-A INPUT -m recent --rcheck --hitcount 20 --name M\nCOMMIT\n", file: "r")
        func sizes(_ recent: RecentConfiguration, after states: RuleStates = RuleStates()) throws -> (RuleStates, [[Int]]) {
            let result = try RuleCompiler.compile(rules, for: RuleCompiler.Surroundings(states: states, recent: recent))
            let lists = ["L", "M"].map { name in
                result.states.all(RecentList.self).first { $0.name == name }.map { [$0.state.table.capacity, $0.state.table.stampsPerEntry] } ?? []
            }
            return (result.states, lists)
        }
        #expect(try sizes(RecentConfiguration()).1 == [[100, 32], [100, 32]])
        var configuration = RecentConfiguration()
        configuration.entries = 7
        configuration.stamps = 5
        let (states, lists) = try sizes(configuration)
        #expect(lists == [[7, 8], [7, 32]])
        configuration.entries = 9
        #expect(try sizes(configuration, after: states).1 == [[9, 8], [9, 32]])
    }
}
