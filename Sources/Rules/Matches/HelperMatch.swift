/// `-m helper`: packets of flows that a helper announced (kernel: xt_helper.c).
public struct HelperMatch: MatchExtension {
    /// The helper's name, `ftp` or `ftp-2121`; empty for any helper. At most 29 bytes.
    public var name: Negatable<String>

    public init(name: Negatable<String>) { self.name = name }

    public static let description = ExtensionDescription(
        .match, "helper", summary: "packets of flows a helper announced",
        options: [OptionDescription("helper", canNegate: true)], scope: .flow, status: .acts)

    public var match: Match { .helper(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        let given = try options.required("helper")
        name = Negatable(
            given.argument.text.isEmpty ? "" : try options.truncatedString(given, to: 29), isNegated: given.isNegated)
    }

    public func print(to printer: inout RulePrinter) {
        printer.quotedOption("helper", isNegated: name.isNegated, name.value)
    }
}
