/// `-m state`: the older, shorter form of `-m conntrack --ctstate`.
public struct StateMatch: MatchExtension {
    public var states: Negatable<FlowStates>

    public init(states: Negatable<FlowStates>) { self.states = states }

    public static let description = ExtensionDescription(
        .match, "state", summary: "state of the packet's flow",
        options: [OptionDescription("state", canNegate: true)], scope: .flow, status: .acts)

    private static let names: KeyValuePairs<String, FlowStates> = [
        "INVALID": .invalid, "NEW": .new, "RELATED": .related, "ESTABLISHED": .established, "UNTRACKED": .untracked,
    ]

    public var match: Match { .state(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        let given = try options.required("state")
        states = Negatable(
            FlowStates(try options.names(given, Self.names, allowsBeginnings: true) {
                $0.isEmpty ? "\"--state\" requires a list of states with no spaces, e.g. ESTABLISHED,RELATED" : "Bad state \"\($0)\""
            }), isNegated: given.isNegated)
    }

    public func print(to printer: inout RulePrinter) {
        printer.option("state", isNegated: states.isNegated, states.value.description)
    }
}
