/// `-j MARK`: change the packet's mark (kernel: xt_mark.c, revision 2). All five options come down to one operation:
/// mark = (mark & ~mask) ^ value.
public struct MarkTarget: TargetExtension {
    /// `value` is xor-ed in after the bits of `mask` are cleared.
    public var operation: MaskedValue

    public init(operation: MaskedValue) { self.operation = operation }

    public static let description = ExtensionDescription(
        .target, "MARK", summary: "change the packet's mark",
        options: [
            OptionDescription("set-xmark"), OptionDescription("set-mark"), OptionDescription("and-mark"),
            OptionDescription("or-mark"), OptionDescription("xor-mark"),
        ], scope: .flow, status: .acts)

    public var target: Target { .mark(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        guard let given = try options.oneOf(Self.description.options.map(\.name)) else {
            throw RuleError(
                "MARK: One of the --set-xmark, --{and,or,xor,set}-mark options is required", at: options.word)
        }
        operation = try MaskedValue(markOperation: given, options)
    }

    public func apply(to mark: UInt32) -> UInt32 { (mark & ~operation.mask) ^ operation.value }

    public func print(to printer: inout RulePrinter) { printer.markOperation(operation) }
}

extension MaskedValue {
    /// Any of `--set-xmark`, `--set-mark`, `--and-mark`, `--or-mark`, `--xor-mark` as clear-and-xor.
    init(markOperation given: GivenOption, _ options: GivenOptions) throws(RuleError) {
        switch given.name {
        case "set-xmark":
            self = try options.maskedValue(given)
        case "set-mark":
            let pair = try options.maskedValue(given)
            self.init(pair.value, mask: pair.mask | pair.value)
        case "and-mark":
            let bits: UInt32 = try options.number(given, 0...UInt32.max)
            self.init(0, mask: ~bits)
        case "or-mark":
            let bits: UInt32 = try options.number(given, 0...UInt32.max)
            self.init(bits, mask: bits)
        default:
            let bits: UInt32 = try options.number(given, 0...UInt32.max)
            self.init(bits, mask: 0)
        }
    }
}

extension RulePrinter {
    mutating func markOperation(_ operation: MaskedValue) {
        option("set-xmark", "\(Number.hexadecimal(operation.value))/\(Number.hexadecimal(operation.mask))")
    }
}
