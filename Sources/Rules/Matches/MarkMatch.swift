/// `-m mark`: the packet's mark (kernel: xt_mark.c).
public struct MarkMatch: MatchExtension {
    public var mark: Negatable<MaskedValue>

    public init(mark: Negatable<MaskedValue>) { self.mark = mark }

    public static let description = ExtensionDescription(
        .match, "mark", summary: "the packet's mark",
        options: [OptionDescription("mark", canNegate: true)], scope: .flow, status: .acts)

    public var match: Match { .mark(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        let given = try options.required("mark")
        mark = Negatable(try options.maskedValue(given), isNegated: given.isNegated)
    }

    public func print(to printer: inout RulePrinter) {
        printer.option("mark", isNegated: mark.isNegated, mark.value.description)
    }
}
