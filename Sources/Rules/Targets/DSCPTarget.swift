/// `-j DSCP`: set the differentiated-services code point (kernel: xt_DSCP.c).
public struct DSCPTarget: TargetExtension {
    /// 0 to 63.
    public var codePoint: UInt8

    public init(codePoint: UInt8) { self.codePoint = codePoint }

    public static let description = ExtensionDescription(
        .target, "DSCP", summary: "set the differentiated-services code point",
        options: [OptionDescription("set-dscp"), OptionDescription("set-dscp-class")], tables: [.mangle], scope: .packet,
        status: .acts)

    public var target: Target { .dscp(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        guard let given = try options.oneOf(["set-dscp", "set-dscp-class"]) else {
            throw RuleError("DSCP target: Parameter --set-dscp is required", at: options.word)
        }
        codePoint =
            given.name == "set-dscp"
            ? try options.number(given, UInt8(0)...63) : try DSCPClass.codePoint(given.argument)
    }

    public func print(to printer: inout RulePrinter) {
        printer.option("set-dscp", Number.hexadecimal(codePoint, digits: 2))
    }
}
