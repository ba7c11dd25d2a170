/// `-m ipcomp`: the compression parameter index of an IPComp header (kernel: xt_ipcomp.c; RFC 3173).
public struct IPCompMatch: MatchExtension {
    /// 0 if the rule gives none, as iptables 1.8.9 leaves it.
    public var index: Negatable<ClosedRange<UInt32>>
    /// `--compres`: taken and kept, but the kernel does nothing with it.
    public var checksReserved: Bool

    public init(index: Negatable<ClosedRange<UInt32>> = Negatable(0...0), checksReserved: Bool = false) {
        self.index = index
        self.checksReserved = checksReserved
    }

    public static let description = ExtensionDescription(
        .match, "ipcomp", summary: "compression parameter index of IPComp",
        options: [OptionDescription("ipcompspi", canNegate: true), OptionDescription("compres", arguments: 0)],
        protocols: [108], scope: .packet, status: .acts)

    public var match: Match { .ipcomp(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        index = Negatable(0...0)
        if let given = options["ipcompspi"] {
            index = Negatable(try options.range(given, UInt32.self), isNegated: given.isNegated)
        }
        checksReserved = options.contains("compres")
    }

    public func print(to printer: inout RulePrinter) {
        if index.isNegated || index.value != 0...UInt32.max {
            printer.option("ipcompspi", isNegated: index.isNegated, RulePrinter.range(index.value))
        }
        if checksReserved { printer.option("compres") }
    }
}
