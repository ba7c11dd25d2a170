/// `-m length`: bytes of the IP packet, header included (kernel: xt_length.c).
public struct LengthMatch: MatchExtension {
    public var lengths: Negatable<Bounds<UInt16>>

    public init(lengths: Negatable<Bounds<UInt16>>) { self.lengths = lengths }

    public static let description = ExtensionDescription(
        .match, "length", summary: "length of the IP packet",
        options: [OptionDescription("length", canNegate: true)], scope: .packet,
        status: .acts)

    public var match: Match { .length(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        let given = try options.required("length")
        lengths = Negatable(try options.bounds(given, UInt16.self), isNegated: given.isNegated)
    }

    public func print(to printer: inout RulePrinter) {
        printer.option("length", isNegated: lengths.isNegated, lengths.value.text)
    }
}
