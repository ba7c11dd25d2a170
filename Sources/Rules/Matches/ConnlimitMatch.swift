/// `-m connlimit`: how many flows an address or network has (kernel: xt_connlimit.c, nf_conncount.c).
public struct ConnlimitMatch: MatchExtension {
    public var limit: UInt32
    /// True matches more than `limit` flows, false `limit` or fewer.
    public var isAbove: Bool
    /// Addresses with the same prefix of this length are counted together, 0 to 32.
    public var prefixLength: UInt8
    /// Count by destination instead of source.
    public var countsDestinations: Bool

    public init(limit: UInt32, isAbove: Bool, prefixLength: UInt8 = 32, countsDestinations: Bool = false) {
        self.limit = limit
        self.isAbove = isAbove
        self.prefixLength = prefixLength
        self.countsDestinations = countsDestinations
    }

    public static let description = ExtensionDescription(
        .match, "connlimit", summary: "how many flows an address or network has",
        options: [
            OptionDescription("connlimit-upto", canNegate: true), OptionDescription("connlimit-above", canNegate: true),
            OptionDescription("connlimit-mask"), OptionDescription("connlimit-saddr", arguments: 0),
            OptionDescription("connlimit-daddr", arguments: 0),
        ], scope: .packet, status: .acts)

    public var match: Match { .connlimit(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        guard let given = try options.oneOf(["connlimit-upto", "connlimit-above"]) else {
            throw RuleError("You must specify \"--connlimit-above\" or \"--connlimit-upto\".", at: options.word)
        }
        limit = try options.number(given, 0...UInt32.max)
        isAbove = (given.name == "connlimit-above") != given.isNegated
        prefixLength = 32
        if let mask = options["connlimit-mask"] {
            // More than 32 counts as 32, as it does to iptables.
            if let number = Number.parse(mask.argument.text, in: 0...128) {
                prefixLength = UInt8(min(number, 32))
            } else {
                prefixLength = try options.prefixLength(mask)
            }
        }
        countsDestinations = try options.oneOf(["connlimit-saddr", "connlimit-daddr"])?.name == "connlimit-daddr"
    }

    public func print(to printer: inout RulePrinter) {
        printer.option(isAbove ? "connlimit-above" : "connlimit-upto", String(limit))
        printer.option("connlimit-mask", String(prefixLength))
        printer.option(countsDestinations ? "connlimit-daddr" : "connlimit-saddr")
    }
}
