/// `-m ttl`: the time to live of the IP header (kernel: xt_hl.c).
public struct TTLMatch: MatchExtension {
    public enum Comparison: Hashable, Sendable {
        case equal(UInt8)
        case notEqual(UInt8)
        case less(UInt8)
        case greater(UInt8)
    }

    public var comparison: Comparison

    public init(_ comparison: Comparison) { self.comparison = comparison }

    public static let description = ExtensionDescription(
        .match, "ttl", summary: "time to live",
        options: [
            OptionDescription("ttl-eq", "ttl", canNegate: true), OptionDescription("ttl-lt"),
            OptionDescription("ttl-gt"),
        ], scope: .packet, status: .acts)

    public var match: Match { .ttl(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        guard let given = try options.oneOf(["ttl-eq", "ttl-lt", "ttl-gt"]) else {
            throw RuleError("TTL match: You must specify one of `--ttl-eq', `--ttl-lt', `--ttl-gt", at: options.word)
        }
        let value: UInt8 = try options.number(given, UInt8(0)...255)
        comparison =
            switch given.name {
            case "ttl-lt": .less(value)
            case "ttl-gt": .greater(value)
            default: given.isNegated ? .notEqual(value) : .equal(value)
            }
    }

    public func print(to printer: inout RulePrinter) {
        switch comparison {
        case .equal(let value): printer.option("ttl-eq", String(value))
        case .notEqual(let value): printer.option("ttl-eq", isNegated: true, String(value))
        case .less(let value): printer.option("ttl-lt", String(value))
        case .greater(let value): printer.option("ttl-gt", String(value))
        }
    }
}
