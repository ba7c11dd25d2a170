import Net

/// Runs scenarios through some router: namespaces with the kernel or Martlet, or the data plane alone.
public protocol ScenarioRunner {
    /// Sends what the scenario says and collects what comes out.
    ///
    /// - Throws: `LabError` if the run itself fails. Broken expectations are part of the outcome.
    func run(_ scenario: Scenario) throws -> ScenarioOutcome
}

/// What came of a scenario.
public struct ScenarioOutcome: Sendable {
    /// A packet that came out.
    public struct Output: Sendable {
        /// Index of the step that it followed.
        public var step: Int
        public var side: String
        public var packet: TestPacket
        /// The expectation it met, by its place among the step's; nil if it was not expected.
        public var expectation: Int?
        /// The text for comparison: the expectation's, or the packet's own.
        public var text: String
    }

    public var outputs: [Output] = []
    public var bindings: PacketPattern.Bindings = [:]
    public var counters: RuleCounters?
    public var flows: [FlowLine] = []
    /// What helpers have announced, as `ExpectationLine` has it; nil if nobody asked.
    public var expectations: [ExpectationLine]?
    public var drops: [String: Int64]?
    /// Log lines in order, each with the index of the step after which it came.
    public var logs: [(step: Int, line: LogText)] = []
    /// What is in the sets, as `SetElements` has it; nil if there are none.
    public var elements: [String]?
    /// What did not go as the scenario says, one sentence each.
    public var problems: [String] = []

    public init() {}

    /// The flows in the scenario's words: numbers that NAT chose by their names, sorted.
    public var flowTexts: [String] { flows.map { $0.text(renaming: bindings) }.sorted() }

    /// Likewise.
    public var expectationTexts: [String] { (expectations ?? []).map { $0.text(renaming: bindings) }.sorted() }
}

/// Meets packets with expectations while a scenario runs. Runners feed it; it is the same for all of them.
public struct ScenarioJudge {
    public private(set) var outcome = ScenarioOutcome()
    private let scenario: Scenario
    private var step = 0
    /// Expectations of the current step not met yet, by place.
    private var open: [Int] = []

    public init(_ scenario: Scenario) { self.scenario = scenario }

    public var bindings: PacketPattern.Bindings { outcome.bindings }

    /// Goes on to a step; what the one before still owes becomes a problem.
    public mutating func begin(step: Int) {
        reportMissing()
        self.step = step
        open = Array(scenario.steps[step].expectations.indices)
    }

    /// Seconds that the current step is still worth waiting; nil if everything it owes has come.
    public var patience: Double? { open.map { scenario.steps[step].expectations[$0].within }.max() }

    /// Something else went wrong in the current step.
    public mutating func note(_ problem: String) { outcome.problems.append("line \(line): \(problem)") }

    /// A packet came out of a side.
    public mutating func receive(_ packet: TestPacket, on side: String) {
        var reasons: [String] = []
        for place in open {
            let expectation = scenario.steps[step].expectations[place]
            guard expectation.side == side else { continue }
            let differences = expectation.pattern.differences(from: packet, bindings: &outcome.bindings)
            if differences.isEmpty {
                open.removeAll { $0 == place }
                outcome.outputs.append(
                    .init(step: step, side: side, packet: packet, expectation: place, text: expectation.pattern.text))
                requireOrder(place)
                return
            }
            reasons.append("line \(expectation.line): " + differences.joined(separator: ", "))
        }
        var bare = packet
        bare.ethernet = nil
        outcome.outputs.append(.init(step: step, side: side, packet: packet, expectation: nil, text: bare.description))
        let why = reasons.isEmpty ? "" : " (" + reasons.joined(separator: "; ") + ")"
        outcome.problems.append("after line \(line), unexpected on \(side): \(bare)\(why)")
    }

    /// LOG wrote a line.
    public mutating func receive(_ line: LogText) { outcome.logs.append((step, line)) }

    private mutating func compareLogs(_ expected: [LogText]) {
        let found = outcome.logs.map(\.line)
        for (place, line) in found.enumerated() {
            if place >= expected.count {
                outcome.problems.append("log line too many: \(line)")
            } else if !expected[place].accepts(line) {
                outcome.problems.append("log line \(place + 1) is\n    \(line)\n  not\n    \(expected[place])")
            }
        }
        for line in expected.dropFirst(found.count) { outcome.problems.append("log line missing: \(line)") }
    }

    private var line: Int { scenario.steps.isEmpty ? 0 : scenario.steps[step].line }

    /// Packets of one flow keep their order: none may overtake an earlier one on the same side.
    private mutating func requireOrder(_ place: Int) {
        let met = scenario.steps[step].expectations[place]
        for earlier in open where earlier < place {
            let other = scenario.steps[step].expectations[earlier]
            if other.side == met.side, Self.flowWords(other.pattern.text) == Self.flowWords(met.pattern.text) {
                outcome.problems.append(
                    "after line \(line), out of order on \(met.side): \(met.pattern) before \(other.pattern)")
            }
        }
    }

    /// Protocol and endpoints.
    private static func flowWords(_ text: String) -> [Substring] { Array(text.split(separator: " ").prefix(4)) }

    private mutating func reportMissing() {
        for place in open {
            let expectation = scenario.steps[step].expectations[place]
            outcome.problems.append(
                "line \(expectation.line), missing on \(expectation.side): "
                    + PacketPattern.substitute(expectation.pattern.text, outcome.bindings))
        }
        open = []
    }

    /// Closes the account: what is owed still, counters, flows and drops.
    public mutating func finish(
        counters: RuleCounters?, flows: [FlowLine], drops: [String: Int64]?, elements: [String]? = nil,
        expectations: [ExpectationLine]? = nil
    ) -> ScenarioOutcome {
        reportMissing()
        outcome.elements = elements
        if let expected = scenario.elements, let elements, expected != elements {
            outcome.problems.append("the sets hold \(elements), not \(expected)")
        }
        outcome.counters = counters
        outcome.flows = flows
        outcome.drops = drops
        outcome.expectations = expectations
        if let expected = scenario.counters, let counters { compare(expected, counters) }
        if let expected = scenario.flows {
            let found = outcome.flowTexts
            for text in Set(expected).subtracting(found).sorted() { outcome.problems.append("missing flow: \(text)") }
            for text in Set(found).subtracting(expected).sorted() {
                outcome.problems.append("unexpected flow: \(text)")
            }
        }
        if let expected = scenario.expectations, expectations != nil, expected.sorted() != outcome.expectationTexts {
            outcome.problems.append("expected flows are \(outcome.expectationTexts), not \(expected.sorted())")
        }
        if let expected = scenario.logs { compareLogs(expected) }
        if let drops {
            for (reason, count) in scenario.drops.sorted(by: { $0.key < $1.key }) where drops[reason] ?? 0 != count {
                outcome.problems.append("drops by \(reason): \(drops[reason] ?? 0), not \(count)")
            }
        }
        return outcome
    }

    private mutating func compare(_ expected: [RuleCounters.Line], _ found: RuleCounters) {
        var rest = expected
        for line in found.lines {
            // The same rule may stand in a chain twice: each expectation is used once.
            let place = rest.firstIndex {
                $0.table == line.table && $0.text == line.text && $0.packets == line.packets && $0.bytes == line.bytes
            }
            if let place {
                rest.remove(at: place)
            } else if line.packets != 0 {
                outcome.problems.append("counter \(line.table) \(line.text) is \(line.packets):\(line.bytes)")
            }
        }
        for line in rest {
            outcome.problems.append("counter \(line.table) \(line.text) is not \(line.packets):\(line.bytes)")
        }
    }
}

/// Cuts a packet into fragments with at most `size` bytes of payload, a multiple of 8 (RFC 791, 3.2).
public func fragments(of packet: TestPacket, size: Int) -> [TestPacket] {
    guard var ip = packet.ip else { return [packet] }
    let bytes = packet.packetBytes
    let body = Array(bytes[(20 + ip.options.count)...])
    ip.checksum = .computed
    ip.totalLength = nil
    return stride(from: 0, to: max(body.count, 1), by: size).map { at in
        let end = min(at + size, body.count)
        ip.offset = packet.ip!.offset + at
        ip.moreFragments = packet.ip!.moreFragments || end < body.count
        var fragment = TestPacket(ip: ip, transport: .bare, payload: Array(body[at..<end]))
        fragment.ethernet = packet.ethernet
        fragment.tags = packet.tags
        return fragment
    }
}
