/// `-j DNAT`: a new destination for the flow (kernel: xt_nat.c, revision 2).
public struct DNATTarget: TargetExtension {
    public var range: NATRange

    public init(range: NATRange) { self.range = range }

    public static let description = ExtensionDescription(
        .target, "DNAT", summary: "a new destination for the flow",
        options: [
            OptionDescription("to-destination"), OptionDescription("random", arguments: 0),
            OptionDescription("persistent", arguments: 0),
        ], tables: [.nat], hooks: [.prerouting, .output], scope: .flow, status: .acts)

    public var target: Target { .dnat(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        let given = try options.required("to-destination")
        range = try NATRange(destination: given, options, allowsBase: true)
        range.isRandom = options.contains("random")
        range.isPersistent = options.contains("persistent")
    }

    public func print(to printer: inout RulePrinter) {
        printer.option("to-destination", range.mapping)
        if range.isRandom { printer.option("random") }
        if range.isPersistent { printer.option("persistent") }
    }
}
