/// `-m esp`: the security parameter index of an encapsulating security payload (kernel: xt_esp.c; RFC 4303).
public struct ESPMatch: MatchExtension {
    public var spi: Negatable<Bounds<UInt32>>?

    public init(spi: Negatable<Bounds<UInt32>>? = nil) { self.spi = spi }

    public static let description = ExtensionDescription(
        .match, "esp", summary: "security parameter index of ESP",
        options: [OptionDescription("espspi", canNegate: true)], protocols: [50], scope: .packet,
        status: .acts)

    public var match: Match { .esp(self) }

    public init(_ options: GivenOptions) throws(RuleError) { spi = try options.spi("espspi") }

    public func print(to printer: inout RulePrinter) { printer.spi("espspi", spi) }
}
