/// Completes a scenario's text with what an oracle made of it: packets that no line expects yet, counters and flows.
/// Lines that are there already stay, except counters and flows, which are written anew.
public enum ScenarioRecorder {
    public static func record(_ scenario: Scenario, text: String, outcome: ScenarioOutcome) -> String {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        while lines.last == "" { lines.removeLast() }
        var insertions: [Int: [String]] = [:]
        for output in outcome.outputs where output.expectation == nil {
            let step = scenario.steps[output.step]
            let line = step.expectations.map(\.line).max() ?? step.line
            insertions[line, default: []].append("expect \(output.side) \(self.text(of: output.packet))")
        }
        let logged = outcome.logs.isEmpty && scenario.logs == nil ? nil : outcome.logs
        for (place, log) in outcome.logs.enumerated() {
            let step = scenario.steps[log.step]
            let line = step.expectations.map(\.line).max() ?? step.line
            // What is open in a line that is there already stays so.
            let known = scenario.logs.flatMap { $0.indices.contains(place) ? $0[place] : nil }
            let text = known.flatMap { $0.accepts(log.line) ? $0 : nil } ?? log.line.recorded
            insertions[line, default: []].append("log \(text)")
        }
        for line in insertions.keys.sorted(by: >) { lines.insert(contentsOf: insertions[line]!, at: line) }
        // Log lines are written anew; those of before come first among equals.
        var old = scenario.logs == nil ? [] : text.split(separator: "\n").map(String.init).filter { $0.hasPrefix("log ") }
        var inRules = false
        lines = lines.filter { line in
            if line == "rules" || line == "sets" { inRules = true }
            if line == "end" { inRules = false }
            if !inRules, line.hasPrefix("log "), let place = old.firstIndex(of: line) {
                old.remove(at: place)
                return false
            }
            return inRules || !(line.hasPrefix("counter ") || line.hasPrefix("flow ") || line.hasPrefix("expectation ")
                || line.hasPrefix("element "))
        }
        if let logged, logged.isEmpty { lines.append("log none") }
        if let counters = outcome.counters {
            let moved = counters.lines.filter { $0.packets != 0 }
            lines += moved.map {
                "counter \($0.table) [\($0.packets):\($0.bytes)] \(scenario.moments.contract($0.text))"
            }
        }
        lines += outcome.flowTexts.isEmpty ? ["flow none"] : outcome.flowTexts.map { "flow \($0)" }
        // Only who has a helper may expect anything.
        if outcome.expectations != nil, scenario.expectations != nil || scenario.rules.contains("--helper") {
            let expected = outcome.expectationTexts
            lines += expected.isEmpty ? ["expectation none"] : expected.map { "expectation \($0)" }
        }
        if let elements = outcome.elements {
            lines += elements.isEmpty ? ["element none"] : elements.map { "element \($0)" }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The packet without its Ethernet part, and with an open IP id where the router may choose it: in errors, resets and
    /// whatever else did not come from a cable with that id.
    private static func text(of packet: TestPacket) -> String {
        var bare = packet
        bare.ethernet = nil
        let isAnswer =
            switch packet.transport {
            case .icmp(let icmp): icmp.isError
            case .tcp(let tcp): tcp.flags & 4 != 0
            default: false
            }
        guard isAnswer || (packet.ip?.id ?? 0) >= 256 else { return bare.description }
        bare.ip?.id = 0
        let text = bare.description
        // Fields of IPv4 stand before the payload, and an error's quote is one.
        if let quote = text.firstIndex(of: "[") { return text[..<quote] + "id * " + text[quote...] }
        return text + " id *"
    }
}
