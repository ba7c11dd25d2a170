/// Two routers, the same rules, the same packets: what differs between what came of them.
///
/// Compared are the packets out, with their Ethernet addresses and in order within a flow; counters of all rules and
/// policies; and the flows with their states. Numbers that NAT chose stand under the names that the scenario gives them, and
/// the IP ids of answers the router makes are open.
public struct Twin {
    public var scenario: Scenario
    public var first: ScenarioOutcome
    public var second: ScenarioOutcome
    public var names: (String, String)

    /// Runs a scenario through both.
    ///
    /// - Parameter rulesOfSecond: other rules for the second router, to see that a difference is noticed.
    public init(
        _ scenario: Scenario, _ one: some ScenarioRunner, _ other: some ScenarioRunner, names: (String, String),
        rulesOfSecond: String? = nil
    ) throws {
        var twin = scenario
        if let rulesOfSecond { twin.rules = rulesOfSecond }
        self.init(scenario, try one.run(scenario), try other.run(twin), names: names)
    }

    /// Compares two runs that were made already.
    public init(_ scenario: Scenario, _ first: ScenarioOutcome, _ second: ScenarioOutcome, names: (String, String)) {
        self.scenario = scenario
        self.first = first
        self.second = second
        self.names = names
    }

    /// One sentence each; empty if the two are twins.
    public var differences: [String] {
        var differences = packets()
        if let counters = first.counters, let others = second.counters {
            differences += counters.differences(from: others, names: names)
        }
        let (flows, others) = (first.flowTexts, second.flowTexts)
        for text in Set(flows).subtracting(others).sorted() {
            differences.append("only \(names.0) has the flow \(text)")
        }
        for text in Set(others).subtracting(flows).sorted() {
            differences.append("only \(names.1) has the flow \(text)")
        }
        return differences + timeouts()
    }

    private func packets() -> [String] {
        var differences: [String] = []
        for step in scenario.steps.indices {
            for side in ["lan", "wan", "dmz"] {
                let one = Self.texts(first, step, side)
                let other = Self.texts(second, step, side)
                guard one != other else { continue }
                let line = scenario.steps[step].line
                differences.append(
                    "after line \(line), on \(side): \(names.0) sends\n  \(one.joined(separator: "\n  "))\n\(names.1) sends\n  "
                        + other.joined(separator: "\n  "))
            }
        }
        return differences
    }

    /// What came out of a side after a step, flow by flow and in order within each.
    private static func texts(_ outcome: ScenarioOutcome, _ step: Int, _ side: String) -> [String] {
        let outputs = outcome.outputs.filter { $0.step == step && $0.side == side }
        let flows = Dictionary(grouping: outputs) { $0.text.split(separator: " ").prefix(4).joined(separator: " ") }
        return flows.keys.sorted().flatMap { flows[$0]! }.map { output in
            let ethernet = output.packet.ethernet.map { " (\($0.source) > \($0.destination))" } ?? ""
            return output.text + ethernet
        }
    }

    /// Both were asked within seconds of the last packet, so timeouts agree up to a few of them.
    private func timeouts() -> [String] {
        var others: [String: Int] = [:]
        for flow in second.flows { others[flow.text(renaming: second.bindings)] = flow.timeout }
        return first.flows.compactMap { flow in
            let text = flow.text(renaming: first.bindings)
            guard let timeout = flow.timeout, let other = others[text], abs(timeout - other) > 3 else { return nil }
            return "\(text): \(timeout) s left in \(names.0), \(other) s in \(names.1)"
        }
    }
}
