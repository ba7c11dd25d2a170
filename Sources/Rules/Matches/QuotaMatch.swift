/// `-m quota`: true until so many bytes have passed (kernel: xt_quota.c).
public struct QuotaMatch: MatchExtension {
    /// Bytes.
    public var quota: Negatable<UInt64>

    public init(quota: Negatable<UInt64>) { self.quota = quota }

    public static let description = ExtensionDescription(
        .match, "quota", summary: "until so many bytes have passed",
        options: [OptionDescription("quota", canNegate: true)], scope: .packet, status: .acts)

    public var match: Match { .quota(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        let given = try options.required("quota")
        quota = Negatable(try options.number(given, 0...UInt64.max), isNegated: given.isNegated)
    }

    public func print(to printer: inout RulePrinter) {
        printer.option("quota", isNegated: quota.isNegated, String(quota.value))
    }
}
