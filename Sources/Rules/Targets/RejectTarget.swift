import Net

/// `-j REJECT`: drop, and tell the sender (kernel: ipt_REJECT.c).
public struct RejectTarget: TargetExtension {
    /// The answer. The raw value is the name a saved rule has.
    public enum Answer: String, Hashable, Sendable, CaseIterable {
        case netUnreachable = "icmp-net-unreachable"
        case hostUnreachable = "icmp-host-unreachable"
        case protocolUnreachable = "icmp-proto-unreachable"
        case portUnreachable = "icmp-port-unreachable"
        case netProhibited = "icmp-net-prohibited"
        case hostProhibited = "icmp-host-prohibited"
        case tcpReset = "tcp-reset"
        case adminProhibited = "icmp-admin-prohibited"

        /// The code of the ICMP destination-unreachable message (RFC 792, RFC 1812); nil for a TCP reset.
        public var icmpCode: UInt8? {
            switch self {
            case .netUnreachable: 0
            case .hostUnreachable: 1
            case .protocolUnreachable: 2
            case .portUnreachable: 3
            case .netProhibited: 9
            case .hostProhibited: 10
            case .adminProhibited: 13
            case .tcpReset: nil
            }
        }

        var alias: String {
            switch self {
            case .netUnreachable: "net-unreach"
            case .hostUnreachable: "host-unreach"
            case .protocolUnreachable: "proto-unreach"
            case .portUnreachable: "port-unreach"
            case .netProhibited: "net-prohib"
            case .hostProhibited: "host-prohib"
            case .tcpReset: "tcp-rst"
            case .adminProhibited: "admin-prohib"
            }
        }
    }

    public var answer: Answer

    public init(_ answer: Answer = .portUnreachable) { self.answer = answer }

    public static let description = ExtensionDescription(
        .target, "REJECT", summary: "drop and answer with an ICMP error or a TCP reset",
        options: [OptionDescription("reject-with")], tables: [.filter], hooks: [.input, .forward, .output],
        scope: .packet, status: .acts)

    public var target: Target { .reject(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        self.init()
        guard let given = options["reject-with"] else { return }
        let text = given.argument.text.lowercased()
        guard let found = Answer.allCases.first(where: { $0.rawValue.hasPrefix(text) || $0.alias.hasPrefix(text) })
        else {
            throw RuleError(
                "unknown reject type \"\(given.argument.text)\"",
                hint: Suggestion.hint(for: text, among: Answer.allCases.flatMap { [$0.rawValue, $0.alias] }),
                at: given.argument)
        }
        answer = found
    }

    public func check(at place: RulePlace) throws(RuleError) {
        guard answer == .tcpReset else { return }
        guard let ipProtocol = place.rule.ipProtocol, ipProtocol.value == .tcp, !ipProtocol.isNegated else {
            throw RuleError("REJECT: --reject-with tcp-reset needs -p tcp", exitCode: 1)
        }
    }

    public func print(to printer: inout RulePrinter) { printer.option("reject-with", answer.rawValue) }
}
