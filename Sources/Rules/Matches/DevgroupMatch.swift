/// `-m devgroup`: the group of an interface, as `ip link set … group` sets it (kernel: xt_devgroup.c).
public struct DevgroupMatch: MatchExtension {
    public var source: Negatable<MaskedValue>?
    public var destination: Negatable<MaskedValue>?

    public init(source: Negatable<MaskedValue>? = nil, destination: Negatable<MaskedValue>? = nil) {
        self.source = source
        self.destination = destination
    }

    public static let description = ExtensionDescription(
        .match, "devgroup", summary: "group of the interface",
        options: [OptionDescription("src-group", canNegate: true), OptionDescription("dst-group", canNegate: true)],
        scope: .flow, status: .acts)

    public var match: Match { .devgroup(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        if let given = options["src-group"] {
            source = Negatable(try options.namedValue(given, .deviceGroups), isNegated: given.isNegated)
        }
        if let given = options["dst-group"] {
            destination = Negatable(try options.namedValue(given, .deviceGroups), isNegated: given.isNegated)
        }
        guard source != nil || destination != nil else {
            throw RuleError(
                "devgroup match: You must specify either '--src-group' or '--dst-group'", at: options.word)
        }
    }

    public func check(at place: RulePlace) throws(RuleError) {
        if source != nil, !place.hooks.isSubset(of: [.prerouting, .input, .forward]) {
            throw RuleError("devgroup: --src-group needs PREROUTING, INPUT or FORWARD", exitCode: 1)
        }
        if destination != nil, !place.hooks.isSubset(of: [.forward, .output, .postrouting]) {
            throw RuleError("devgroup: --dst-group needs FORWARD, OUTPUT or POSTROUTING", exitCode: 1)
        }
    }

    public func print(to printer: inout RulePrinter) {
        if let source { printer.namedValue("src-group", source, .deviceGroups) }
        if let destination { printer.namedValue("dst-group", destination, .deviceGroups) }
    }
}
