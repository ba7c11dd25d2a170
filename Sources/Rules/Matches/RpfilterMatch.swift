/// `-m rpfilter`: whether the way back to the source leads out where the packet came in (kernel: ipt_rpfilter.c).
///
/// Invariant as routing is: while no route and no policy rule asks for the tos.
public struct RpfilterMatch: MatchExtension {
    /// Any interface will do for the way back.
    public var isLoose: Bool
    /// The packet's mark takes part in the look-up.
    public var usesMark: Bool
    /// A local source address passes.
    public var acceptsLocal: Bool
    /// Match what fails.
    public var isInverted: Bool

    public init(isLoose: Bool = false, usesMark: Bool = false, acceptsLocal: Bool = false, isInverted: Bool = false) {
        self.isLoose = isLoose
        self.usesMark = usesMark
        self.acceptsLocal = acceptsLocal
        self.isInverted = isInverted
    }

    public static let description = ExtensionDescription(
        .match, "rpfilter", summary: "reverse path test",
        options: [
            OptionDescription("loose", arguments: 0), OptionDescription("validmark", arguments: 0),
            OptionDescription("accept-local", arguments: 0), OptionDescription("invert", arguments: 0),
        ], tables: [.raw, .mangle], hooks: .prerouting, scope: .flow, status: .acts)

    public var match: Match { .rpfilter(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        isLoose = options.contains("loose")
        usesMark = options.contains("validmark")
        acceptsLocal = options.contains("accept-local")
        isInverted = options.contains("invert")
    }

    public func print(to printer: inout RulePrinter) {
        if isLoose { printer.option("loose") }
        if usesMark { printer.option("validmark") }
        if acceptsLocal { printer.option("accept-local") }
        if isInverted { printer.option("invert") }
    }
}
