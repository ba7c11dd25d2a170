/// `-m tcpmss`: the maximum segment size of a SYN (kernel: xt_tcpmss.c). Without the option, what is negated matches.
public struct TCPMSSMatch: MatchExtension {
    public var size: Negatable<ClosedRange<UInt16>>

    public init(size: Negatable<ClosedRange<UInt16>>) { self.size = size }

    public static let description = ExtensionDescription(
        .match, "tcpmss", summary: "maximum segment size of a SYN",
        options: [OptionDescription("mss", canNegate: true)], protocols: [6], scope: .packet,
        status: .acts)

    public var match: Match { .tcpmss(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        let given = try options.required("mss")
        guard let range = try options.bounds(given, UInt16.self).range else {
            throw RuleError("tcpmss: invalid range given", hint: "it runs backwards", at: given.argument)
        }
        size = Negatable(range, isNegated: given.isNegated)
    }

    public func print(to printer: inout RulePrinter) {
        printer.option("mss", isNegated: size.isNegated, RulePrinter.range(size.value))
    }
}
