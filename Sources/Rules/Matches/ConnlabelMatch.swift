/// `-m connlabel`: one of the 128 labels of a flow (kernel: xt_connlabel.c).
public struct ConnlabelMatch: MatchExtension {
    /// 0 to 127.
    public var label: UInt8
    public var isNegated: Bool
    /// Set the label first; true if that worked.
    public var setsLabel: Bool

    public init(label: UInt8, isNegated: Bool = false, setsLabel: Bool = false) {
        self.label = label
        self.isNegated = isNegated
        self.setsLabel = setsLabel
    }

    public static let description = ExtensionDescription(
        .match, "connlabel", summary: "a label of the flow",
        options: [OptionDescription("label", canNegate: true), OptionDescription("set", arguments: 0)],
        scope: .packet, status: .acts)

    public var match: Match { .connlabel(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        let given = try options.required("label")
        let text = given.argument.text
        guard
            let number = NumberedNames.connectionLabels.number(of: text).map(UInt64.init)
                ?? Number.parse(text, in: 0...127),
            number < 128
        else {
            if Number.parse(text, in: 0...UInt64(UInt16.max)) != nil {
                throw RuleError("connlabel: there are 128 labels, the last is 127", at: given.argument).byKernel(.range)
            }
            var error = RuleError("label '\(text)' not found or invalid value", at: given.argument)
            error.warning = NumberedNames.connectionLabels.warning
            throw error
        }
        label = UInt8(number)
        isNegated = given.isNegated
        setsLabel = options.contains("set")
    }

    public func print(to printer: inout RulePrinter) {
        let name = NumberedNames.connectionLabels.name(of: UInt32(label)) ?? String(label)
        printer.option("label", isNegated: isNegated, "\"\(name)\"")
        if setsLabel { printer.option("set") }
    }
}
