import Net

/// What the tracker says of a packet's place in its flow, as `--ctstate` and `--state` name it.
public struct FlowStates: OptionSet, Hashable, Sendable {
    public var rawValue: UInt8

    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let invalid = FlowStates(rawValue: 1)
    public static let new = FlowStates(rawValue: 2)
    public static let related = FlowStates(rawValue: 4)
    public static let established = FlowStates(rawValue: 8)
    public static let untracked = FlowStates(rawValue: 16)
    /// The flow's source address or port is translated; not a state of `-m state`.
    public static let snat = FlowStates(rawValue: 32)
    /// The flow's destination is translated; not a state of `-m state`.
    public static let dnat = FlowStates(rawValue: 64)

    static let names: KeyValuePairs<String, FlowStates> = [
        "INVALID": .invalid, "NEW": .new, "RELATED": .related, "ESTABLISHED": .established, "UNTRACKED": .untracked,
        "SNAT": .snat, "DNAT": .dnat,
    ]
}

extension FlowStates: CustomStringConvertible {
    public var description: String {
        Self.names.filter { contains($0.value) }.map(\.key).joined(separator: ",")
    }
}

/// Status bits of a flow, as `--ctstatus` names them.
public struct FlowStatus: OptionSet, Hashable, Sendable {
    public var rawValue: UInt8

    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let expected = FlowStatus(rawValue: 1)
    public static let seenReply = FlowStatus(rawValue: 2)
    public static let assured = FlowStatus(rawValue: 4)
    public static let confirmed = FlowStatus(rawValue: 8)

    static let names: KeyValuePairs<String, FlowStatus> = [
        "NONE": [], "EXPECTED": .expected, "SEEN_REPLY": .seenReply, "ASSURED": .assured, "CONFIRMED": .confirmed,
    ]
}

extension FlowStatus: CustomStringConvertible {
    public var description: String {
        isEmpty
            ? "NONE"
            : Self.names.filter { !$0.value.isEmpty && contains($0.value) }.map(\.key).joined(separator: ",")
    }
}

/// `-m conntrack`: everything the tracker knows of a packet's flow (kernel: xt_conntrack.c, revision 3).
public struct ConntrackMatch: MatchExtension {
    public enum FlowDirection: String, Hashable, Sendable {
        case original = "ORIGINAL"
        case reply = "REPLY"
    }

    public var states: Negatable<FlowStates>?
    public var ipProtocol: Negatable<IPProtocol>?
    public var originalSource: Negatable<AddressMask>?
    public var originalDestination: Negatable<AddressMask>?
    public var replySource: Negatable<AddressMask>?
    public var replyDestination: Negatable<AddressMask>?
    public var originalSourcePorts: Negatable<ClosedRange<UInt16>>?
    public var originalDestinationPorts: Negatable<ClosedRange<UInt16>>?
    public var replySourcePorts: Negatable<ClosedRange<UInt16>>?
    public var replyDestinationPorts: Negatable<ClosedRange<UInt16>>?
    public var status: Negatable<FlowStatus>?
    /// Seconds the flow has left.
    public var expiry: Negatable<Bounds<UInt32>>?
    public var direction: FlowDirection?

    public init() {}

    public static let description = ExtensionDescription(
        .match, "conntrack", summary: "state, tuples, status and direction of the packet's flow",
        options: [
            OptionDescription("ctstate", canNegate: true),
            OptionDescription("ctproto", canNegate: true),
            OptionDescription("ctorigsrc", canNegate: true),
            OptionDescription("ctorigdst", canNegate: true),
            OptionDescription("ctreplsrc", canNegate: true),
            OptionDescription("ctrepldst", canNegate: true),
            OptionDescription("ctorigsrcport", canNegate: true),
            OptionDescription("ctorigdstport", canNegate: true),
            OptionDescription("ctreplsrcport", canNegate: true),
            OptionDescription("ctrepldstport", canNegate: true),
            OptionDescription("ctstatus", canNegate: true),
            OptionDescription("ctexpire", canNegate: true),
            OptionDescription("ctdir"),
        ], scope: .flow, status: .acts)

    public var match: Match { .conntrack(self) }
    public var isFlowInvariant: Bool { expiry == nil }

    public init(_ options: GivenOptions) throws(RuleError) {
        func address(_ name: String) throws(RuleError) -> Negatable<AddressMask>? {
            guard let given = options[name] else { return nil }
            return Negatable(try options.address(given), isNegated: given.isNegated)
        }
        guard !options.list.isEmpty else {
            throw RuleError("conntrack: At least one option is required", at: options.word)
        }
        if let given = options["ctstate"] {
            let list = try options.names(given, FlowStates.names, allowsBeginnings: true) { "Bad ctstate \"\($0)\"" }
            states = Negatable(FlowStates(list), isNegated: given.isNegated)
        }
        if let given = options["ctproto"] {
            let text = given.argument.text
            guard let number = Number.parse(text, in: 0...255).map(UInt8.init) ?? Names.protocolNumber(text) else {
                throw RuleError("unknown protocol \"\(text)\" specified", at: given.argument)
            }
            guard number != 0 else {
                throw RuleError("conntrack: rule would never match protocol", at: given.argument)
            }
            ipProtocol = Negatable(IPProtocol(rawValue: number), isNegated: given.isNegated)
        }
        originalSource = try address("ctorigsrc")
        originalDestination = try address("ctorigdst")
        replySource = try address("ctreplsrc")
        replyDestination = try address("ctrepldst")
        originalSourcePorts = try options.negatablePorts("ctorigsrcport")
        originalDestinationPorts = try options.negatablePorts("ctorigdstport")
        replySourcePorts = try options.negatablePorts("ctreplsrcport")
        replyDestinationPorts = try options.negatablePorts("ctrepldstport")
        if let given = options["ctstatus"] {
            status = Negatable(
                FlowStatus(try options.names(given, FlowStatus.names, allowsBeginnings: true) { "Bad ctstatus \"\($0)\"" }),
                isNegated: given.isNegated)
        }
        if let given = options["ctexpire"] {
            expiry = Negatable(try options.bounds(given, UInt32.self), isNegated: given.isNegated)
        }
        if let given = options["ctdir"] {
            guard let value = FlowDirection(rawValue: given.argument.text.uppercased()) else {
                throw options.invalid(
                    given, hint: Suggestion.hint(for: given.argument.text, among: ["ORIGINAL", "REPLY"]))
            }
            direction = value
        }
    }

    public func print(to printer: inout RulePrinter) {
        if let states { printer.option("ctstate", isNegated: states.isNegated, states.value.description) }
        if let ipProtocol {
            printer.option("ctproto", isNegated: ipProtocol.isNegated, String(ipProtocol.value.rawValue))
        }
        let addresses = [
            ("ctorigsrc", originalSource), ("ctorigdst", originalDestination), ("ctreplsrc", replySource),
            ("ctrepldst", replyDestination),
        ]
        for case (let name, let address?) in addresses {
            printer.option(name, isNegated: address.isNegated, address.value.shortDescription)
        }
        let ports = [
            ("ctorigsrcport", originalSourcePorts), ("ctorigdstport", originalDestinationPorts),
            ("ctreplsrcport", replySourcePorts), ("ctrepldstport", replyDestinationPorts),
        ]
        for case (let name, let ports?) in ports {
            printer.option(name, isNegated: ports.isNegated, RulePrinter.range(ports.value))
        }
        if let status { printer.option("ctstatus", isNegated: status.isNegated, status.value.description) }
        if let expiry { printer.option("ctexpire", isNegated: expiry.isNegated, expiry.value.text) }
        if let direction { printer.option("ctdir", direction.rawValue) }
    }
}
