/// `-j SNAT`: a new source for the flow (kernel: xt_nat.c).
public struct SNATTarget: TargetExtension {
    /// Always has addresses or ports.
    public var range: NATRange

    public init(range: NATRange) { self.range = range }

    public static let description = ExtensionDescription(
        .target, "SNAT", summary: "a new source for the flow",
        options: [
            OptionDescription("to-source"), OptionDescription("random", arguments: 0),
            OptionDescription("random-fully", arguments: 0), OptionDescription("persistent", arguments: 0),
        ], tables: [.nat], hooks: [.input, .postrouting], scope: .flow, status: .acts)

    public var target: Target { .snat(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        let given = try options.required("to-source")
        range = try NATRange(destination: given, options, allowsBase: false)
        range.isRandom = options.contains("random")
        range.isFullyRandom = options.contains("random-fully")
        range.isPersistent = options.contains("persistent")
    }

    public func print(to printer: inout RulePrinter) {
        printer.option("to-source", range.mapping)
        if range.isRandom { printer.option("random") }
        if range.isFullyRandom { printer.option("random-fully") }
        if range.isPersistent { printer.option("persistent") }
    }
}
