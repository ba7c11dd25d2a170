/// `-j MASQUERADE`: as SNAT, to whatever address the egress interface has (kernel: xt_MASQUERADE.c). Flows end when
/// the address goes.
public struct MasqueradeTarget: TargetExtension {
    /// Never has addresses.
    public var range: NATRange

    public init(range: NATRange = NATRange()) { self.range = range }

    public static let description = ExtensionDescription(
        .target, "MASQUERADE", summary: "the egress interface's address as new source",
        options: [
            OptionDescription("to-ports"), OptionDescription("random", arguments: 0),
            OptionDescription("random-fully", arguments: 0),
        ], tables: [.nat], hooks: [.postrouting], scope: .flow, status: .acts)

    public var target: Target { .masquerade(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        self.init()
        if let given = options["to-ports"] {
            try range.readPorts(Substring(given.argument.text), given, options, allowsBase: false)
        }
        range.isRandom = options.contains("random")
        range.isFullyRandom = options.contains("random-fully")
    }

    public func print(to printer: inout RulePrinter) {
        if let ports = range.ports { printer.option("to-ports", RulePrinter.range(ports, separator: "-")) }
        if range.isRandom { printer.option("random") }
        if range.isFullyRandom { printer.option("random-fully") }
    }
}
