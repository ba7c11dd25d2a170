/// `-m statistic`: packets at random, or every so many (kernel: xt_statistic.c).
public struct StatisticMatch: MatchExtension {
    public enum Mode: Hashable, Sendable {
        /// Of 2^31 packets, this many on the average; 0 to 2^31.
        case random(probability: UInt32)
        /// One packet of `every` (at least 1), the first after `packet` others (less than `every`).
        case nth(every: UInt32, packet: UInt32)
    }

    public var mode: Mode
    public var isNegated: Bool

    public init(mode: Mode, isNegated: Bool = false) {
        self.mode = mode
        self.isNegated = isNegated
    }

    /// What a probability of 1 is counted as.
    public static let certainty: UInt32 = 1 << 31

    public static let description = ExtensionDescription(
        .match, "statistic", summary: "packets at random, or every so many",
        options: [
            OptionDescription("mode"), OptionDescription("probability", canNegate: true),
            OptionDescription("every", canNegate: true), OptionDescription("packet"),
        ], scope: .packet, status: .acts)

    public var match: Match { .statistic(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        let given = try options.required("mode")
        for name in ["every", "packet"] {
            if let other = options[name], options.contains("probability") {
                throw RuleError(
                    "statistic: option \"--probability\" cannot be used together with \"--\(name)\"", at: other.word)
            }
        }
        switch given.argument.text {
        case "random":
            guard let option = options["probability"] else {
                throw RuleError("--probability must be specified when using random mode", at: given.word)
            }
            guard let value = Double(option.argument.text), (0...1).contains(value) else {
                throw RuleError(
                    "statistic: bad value for option \"--probability\", or out of range (0-1)", at: option.argument)
            }
            mode = .random(probability: UInt32((value * Double(Self.certainty)).rounded(.toNearestOrAwayFromZero)))
            isNegated = option.isNegated
        case "nth":
            guard let option = options["every"] else {
                throw RuleError("--every must be specified when using nth mode", at: given.word)
            }
            let every: UInt32 = try options.number(option, 1...UInt32.max)
            guard let start = options["packet"] else {
                throw RuleError("statistic: option \"--every\" also requires \"--packet\"", at: option.word)
            }
            let packet: UInt32 = try options.number(start, 0...UInt32.max)
            guard packet < every else {
                throw RuleError("the --packet p must be 0 <= p <= n-1", at: start.argument)
            }
            mode = .nth(every: every, packet: packet)
            isNegated = option.isNegated
        default:
            throw RuleError(
                "Bad mode \"\(given.argument.text)\"",
                hint: Suggestion.hint(for: given.argument.text, among: ["random", "nth"]), at: given.argument)
        }
    }

    public func print(to printer: inout RulePrinter) {
        switch mode {
        case .random(let probability):
            printer.option("mode", "random")
            printer.option("probability", isNegated: isNegated, Self.decimal(probability))
        case .nth(let every, let packet):
            printer.option("mode", "nth")
            printer.option("every", isNegated: isNegated, String(every))
            printer.option("packet", String(packet))
        }
    }

    /// Eleven decimals, rounded half to even as printf(3) rounds.
    private static func decimal(_ probability: UInt32) -> String {
        let digits: UInt64 = 100_000_000_000
        let product = UInt64(probability).multipliedFullWidth(by: digits)
        var (quotient, remainder) = UInt64(certainty).dividingFullWidth(product)
        let half = UInt64(certainty) / 2
        if remainder > half || remainder == half && quotient % 2 == 1 { quotient += 1 }
        remainder = quotient % digits
        let fraction = String(remainder)
        return "\(quotient / digits)." + String(repeating: "0", count: 11 - fraction.count) + fraction
    }
}
