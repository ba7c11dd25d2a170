import TestSupport
import Testing

extension NamespaceTests {
    @Suite("Twins", .serialized)
    struct Twins {
        /// One in eight, since this asks about the comparison and not about the scenarios.
        static let sample = ScenarioFolder.all.enumerated().filter { $0.offset % 8 == 0 }.map(\.element)

        @Test("the kernel is its own twin: the comparison does not depend on chance", arguments: sample)
        func kernelAndKernel(scenario: Scenario) throws {
            let again = try NamespaceScenarioRunner(.kernel).run(scenario)
            let twin = Twin(scenario, try kernelOutcome(of: scenario), again, names: ("kernel", "its twin"))
            for difference in twin.differences { Issue.record("\(difference)") }
        }

        /// A scenario, a change of its rules, and a word of what must be noticed.
        static let changes: [(name: String, from: String, to: String, noticed: String)] = [
            ("forward-counters", "--dport 53 -j ACCEPT", "--dport 54 -j ACCEPT", "the rules read differently"),
            ("policy-drop", ":FORWARD DROP", ":FORWARD ACCEPT", "kernel sends"),
            ("masquerade", "MASQUERADE", "SNAT --to-source 198.51.100.7", "kernel sends"),
            ("state-established", "RELATED,ESTABLISHED", "RELATED", "after line"),
            ("reject-tcp-reset", "--reject-with tcp-reset", "--reject-with icmp-port-unreachable", "after line"),
            ("state-tcp-established", "-A FORWARD -m conntrack --ctstate NEW\n", "", "the rules read differently"),
            ("user-chains", "--dport 4 -j DROP", "--dport 4", "after line"),
        ]

        @Test("different rules are noticed", arguments: changes)
        func differences(change: (name: String, from: String, to: String, noticed: String)) throws {
            let scenario = try #require(ScenarioFolder.all.first { $0.name == change.name })
            let rules = Self.replace(change.from, with: change.to, in: scenario.rules)
            try #require(rules != scenario.rules)
            let twin = try Twin(
                scenario, NamespaceScenarioRunner(.kernel), NamespaceScenarioRunner(.kernel),
                names: ("kernel", "changed"),
                rulesOfSecond: rules)
            #expect(twin.differences.contains { $0.contains(change.noticed) }, "\(twin.differences)")
        }

        private static func replace(_ old: String, with new: String, in text: String) -> String {
            var result = ""
            var rest = text[...]
            while !rest.isEmpty {
                if rest.hasPrefix(old) {
                    result += new
                    rest = rest.dropFirst(old.count)
                } else {
                    result.append(rest.removeFirst())
                }
            }
            return result
        }

        private static func requireTwin(_ scenario: Scenario, _ runner: NamespaceScenarioRunner, _ name: String) throws
        {
            let outcome = try runner.run(scenario)
            for problem in outcome.problems { Issue.record("\(name): \(problem)") }
            let twin = Twin(scenario, try kernelOutcome(of: scenario), outcome, names: ("kernel", name))
            for difference in twin.differences { Issue.record("\(difference)") }
        }

        @Test("Martlet is the kernel's twin", .needsMartlet, arguments: ScenarioFolder.all)
        func kernelAndMartlet(scenario: Scenario) throws {
            // With one worker and with two in turn: what the number of workers could change has tests of its own.
            let place = ScenarioFolder.all.firstIndex { $0.name == scenario.name } ?? 0
            let kind = RouterKind.martlets[place % RouterKind.martlets.count]
            try Self.requireTwin(scenario, NamespaceScenarioRunner(kind), "\(kind)")
        }
    }
}
