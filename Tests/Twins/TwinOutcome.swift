import TestSupport

/// What came of a case in one router.
public struct TwinOutcome: Sendable {
    public struct Output: Sendable {
        /// Of the step that it followed.
        public var step: Int
        /// Place among the topology's sides.
        public var side: Int
        public var packet: TestPacket
        /// With names in place of numbers that NAT chose, and without the IP id of what the router made itself.
        public var text: String
    }

    public var outputs: [Output] = []
    public var counters: RuleCounters?
    /// Lines of /proc/net/nf_conntrack, renamed, sorted.
    public var flows: [String] = []
    /// Seconds that each flow has left, by the same text.
    public var timeouts: [String: Int] = [:]
    /// When each step began, in nanoseconds since the first.
    public var times: [UInt64] = []
    /// Lines of LOG by step, renamed.
    public var logs: [(step: Int, text: String)] = []
    /// What is in the sets and on the lists of `recent` at the end.
    public var memory: [String] = []
    /// Of each number that NAT chose, which class of numbers it is from.
    public var chosen: [String: String] = [:]
    /// Whether each command in the middle was carried out.
    public var answers: [Bool] = []
    /// Places of steps that could not be sent, for a number in them never came out.
    public var unsent: [Int] = []

    public init() {}

    /// What is in the sets, by the text that `ipset save` prints. Time left is rounded up to whole hundreds of seconds, which is what the
    /// generator sets it to.
    static func elements(_ saved: String) -> [String] {
        SetElements.lines(saved) { "\(($0 + 99) / 100 * 100)" }
    }
}

/// Collects what comes out of a router, the same way for both.
struct OutcomeRecorder {
    var outcome = TwinOutcome()
    var names: NumberNames
    /// IP ids that were sent; all others are the router's own choice.
    private(set) var sentIDs: Set<UInt16> = []
    private var logs: [(step: Int, line: LogText)] = []
    private var copies: [(step: Int, copy: PacketCopy)] = []
    /// A link's name by its number.
    var linkName: (UInt32) -> String = { String($0) }

    init(_ twinCase: TwinCase, given: PacketPattern.Bindings) { names = NumberNames(rules: twinCase.allWords, given: given) }

    /// The packet of a step with this router's numbers; nil if one of them is not known.
    func packet(_ step: TwinCase.Step) -> TestPacket? {
        guard var packet = try? TestPacket(PacketPattern.substitute(step.text, names.bindings)) else { return nil }
        Pool.topology.address(&packet, side: step.side)
        return packet
    }

    /// The frames of a step, which count as sent.
    mutating func frames(_ step: TwinCase.Step, packet: TestPacket) -> [[UInt8]] {
        names.sent(packet)
        if let id = packet.ip?.id { sentIDs.insert(id) }
        return (step.fragments.map { fragments(of: packet, size: $0) } ?? [packet]).map(\.bytes)
    }

    /// - Returns: the output with its text.
    mutating func receive(_ packet: TestPacket, step: Int, side: Int) {
        names.received(packet)
        outcome.outputs.append(.init(step: step, side: side, packet: packet, text: text(of: packet)))
    }

    /// NFLOG made a copy.
    mutating func receive(_ copy: PacketCopy, step: Int) { copies.append((step, copy)) }

    /// LOG wrote a line.
    mutating func receive(_ line: LogText, step: Int) { logs.append((step, line)) }

    func text(of packet: TestPacket) -> String {
        var packet = packet
        let isOwn = packet.ip.map { !sentIDs.contains($0.id) } ?? false
        if isOwn { packet.ip?.id = 0 }
        // An error about what the router made itself: the kernel has not computed its checksum yet.
        if isOwn, case .icmp(let icmp) = packet.transport, icmp.isError,
            var quoted = TestPacket(packet: packet.payload, trustsTransportSum: true), let id = quoted.ip?.id,
            !sentIDs.contains(id)
        {
            quoted.ip?.id = 0
            packet.payload = quoted.packetBytes
        }
        names.hide(in: &packet)
        return names.text(of: packet) + (isOwn ? " id *" : "")
    }

    mutating func finish(counters: RuleCounters?, flows: [String]) -> TwinOutcome {
        outcome.counters = counters
        // A number may have come out, and got its name, after the line that has it.
        outcome.logs = logs.map { ($0.step, text(ofLog: $0.line)) }
        outcome.logs += copies.map { ($0.step, text(of: $0.copy, link: linkName)) }
        outcome.chosen = names.classes
        for line in flows {
            let text = names.text(ofFlow: line)
            outcome.flows.append(text)
            let words = line.split(separator: " ")
            if words.count > 4, let seconds = Int(words[4]) { outcome.timeouts[text] = seconds }
        }
        outcome.flows.sort()
        return outcome
    }
}
