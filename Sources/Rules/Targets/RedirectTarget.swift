/// `-j REDIRECT`: the router itself as new destination (kernel: xt_REDIRECT.c).
public struct RedirectTarget: TargetExtension {
    /// Never has addresses.
    public var range: NATRange

    public init(range: NATRange = NATRange()) { self.range = range }

    public static let description = ExtensionDescription(
        .target, "REDIRECT", summary: "the router itself as new destination",
        options: [OptionDescription("to-ports"), OptionDescription("random", arguments: 0)],
        tables: [.nat], hooks: [.prerouting, .output], scope: .flow, status: .acts)

    public var target: Target { .redirect(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        self.init()
        if let given = options["to-ports"] {
            try range.readPorts(Substring(given.argument.text), given, options, allowsBase: false)
        }
        range.isRandom = options.contains("random")
    }

    public func print(to printer: inout RulePrinter) {
        if let ports = range.ports { printer.option("to-ports", RulePrinter.range(ports, separator: "-")) }
        if range.isRandom { printer.option("random") }
    }
}
