/// `-m ah`: the security parameter index of an authentication header (kernel: ipt_ah.c; RFC 4302).
public struct AHMatch: MatchExtension {
    public var spi: Negatable<Bounds<UInt32>>?

    public init(spi: Negatable<Bounds<UInt32>>? = nil) { self.spi = spi }

    public static let description = ExtensionDescription(
        .match, "ah", summary: "security parameter index of AH",
        options: [OptionDescription("ahspi", canNegate: true)], protocols: [51], scope: .packet,
        status: .acts)

    public var match: Match { .ah(self) }

    public init(_ options: GivenOptions) throws(RuleError) { spi = try options.spi("ahspi") }

    public func print(to printer: inout RulePrinter) { printer.spi("ahspi", spi) }
}

extension GivenOptions {
    /// The range an option gives; every index there is goes without saying.
    func spi(_ name: String) throws(RuleError) -> Negatable<Bounds<UInt32>>? {
        guard let given = self[name] else { return nil }
        let bounds = try bounds(given, UInt32.self)
        return bounds.isEverything && !given.isNegated ? nil : Negatable(bounds, isNegated: given.isNegated)
    }
}

extension RulePrinter {
    mutating func spi(_ name: String, _ spi: Negatable<Bounds<UInt32>>?) {
        guard let spi else { return }
        option(name, isNegated: spi.isNegated, spi.value.text)
    }
}
