/// `-m connmark`: the flow's mark (kernel: xt_connmark.c).
public struct ConnmarkMatch: MatchExtension {
    public var mark: Negatable<MaskedValue>

    public init(mark: Negatable<MaskedValue>) { self.mark = mark }

    /// The mark of a flow may change under way, so it is not decided once for all.
    public static let description = ExtensionDescription(
        .match, "connmark", summary: "the flow's mark",
        options: [OptionDescription("mark", canNegate: true)], scope: .packet, status: .acts)

    public var match: Match { .connmark(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        let given = try options.required("mark")
        mark = Negatable(try options.maskedValue(given), isNegated: given.isNegated)
    }

    public func print(to printer: inout RulePrinter) {
        printer.option("mark", isNegated: mark.isNegated, mark.value.description)
    }
}
