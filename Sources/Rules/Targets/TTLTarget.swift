/// `-j TTL`: change the time to live (kernel: xt_HL.c).
public struct TTLTarget: TargetExtension {
    public enum Operation: Hashable, Sendable {
        case set(UInt8)
        /// By 1 to 255; not below 0 or above 255.
        case decrease(UInt8)
        case increase(UInt8)
    }

    public var operation: Operation

    public init(_ operation: Operation) { self.operation = operation }

    public static let description = ExtensionDescription(
        .target, "TTL", summary: "change the time to live",
        options: [OptionDescription("ttl-set"), OptionDescription("ttl-dec"), OptionDescription("ttl-inc")],
        tables: [.mangle], scope: .packet, status: .acts)

    public var target: Target { .ttl(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        guard let given = try options.oneOf(["ttl-set", "ttl-dec", "ttl-inc"]) else {
            throw RuleError("TTL: You must specify an action", at: options.word)
        }
        switch given.name {
        case "ttl-set": operation = .set(try options.number(given, UInt8(0)...255))
        case "ttl-dec": operation = .decrease(try options.number(given, UInt8(1)...255))
        default: operation = .increase(try options.number(given, UInt8(1)...255))
        }
    }

    public func print(to printer: inout RulePrinter) {
        switch operation {
        case .set(let value): printer.option("ttl-set", String(value))
        case .decrease(let value): printer.option("ttl-dec", String(value))
        case .increase(let value): printer.option("ttl-inc", String(value))
        }
    }
}
