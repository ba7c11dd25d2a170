/// `-m connbytes`: how much a flow has carried so far (kernel: xt_connbytes.c).
public struct ConnbytesMatch: MatchExtension {
    public enum Unit: String, Hashable, Sendable {
        case packets, bytes
        /// Bytes divided by packets.
        case averagePacket = "avgpkt"
    }

    public enum Side: String, Hashable, Sendable {
        case original, reply, both
    }

    /// An upper end of `UInt64.max` is no end.
    public var amount: Negatable<ClosedRange<UInt64>>
    public var unit: Unit
    public var side: Side

    public init(amount: Negatable<ClosedRange<UInt64>>, unit: Unit, side: Side) {
        self.amount = amount
        self.unit = unit
        self.side = side
    }

    public static let description = ExtensionDescription(
        .match, "connbytes", summary: "how much the flow has carried",
        options: [
            OptionDescription("connbytes", canNegate: true), OptionDescription("connbytes-dir"),
            OptionDescription("connbytes-mode"),
        ], scope: .packet, status: .acts)

    public var match: Match { .connbytes(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        let given = try options.required("connbytes")
        let range = try Self.amount(given, options)
        // iptables says `!` by swapping the ends; where they are alike nothing is left of it.
        amount = Negatable(range, isNegated: given.isNegated && range.lowerBound != range.upperBound)
        let modeOption = try options.required("connbytes-mode")
        guard let unit = Unit(rawValue: modeOption.argument.text) else {
            throw RuleError(
                "Unknown --connbytes-mode `\(modeOption.argument.text)'",
                hint: Suggestion.hint(for: modeOption.argument.text, among: ["packets", "bytes", "avgpkt"]),
                at: modeOption.argument)
        }
        let sideOption = try options.required("connbytes-dir")
        guard let side = Side(rawValue: sideOption.argument.text) else {
            throw RuleError(
                "Unknown --connbytes-dir `\(sideOption.argument.text)'",
                hint: Suggestion.hint(for: sideOption.argument.text, among: ["original", "reply", "both"]),
                at: sideOption.argument)
        }
        self.unit = unit
        self.side = side
    }

    /// A single number is a lower end.
    private static func amount(_ given: GivenOption, _ options: GivenOptions) throws(RuleError) -> ClosedRange<UInt64> {
        if given.argument.text.contains(":") { return try options.range(given, UInt64.self) }
        let value: UInt64 = try options.number(given, 0...UInt64.max)
        return value...UInt64.max
    }

    public func print(to printer: inout RulePrinter) {
        let range = amount.value
        // 0:0 is saved as 0, although that is read back as 0 and more.
        let text = range.upperBound == .max || range.upperBound == 0 ? "\(range.lowerBound)" : "\(range.lowerBound):\(range.upperBound)"
        printer.option("connbytes", isNegated: amount.isNegated, text)
        printer.option("connbytes-mode", unit.rawValue)
        printer.option("connbytes-dir", side.rawValue)
    }
}
