/// `-j TOS`: change the type-of-service byte (kernel: xt_DSCP.c, TOS revision 1). All options come down to
/// tos = (tos & ~mask) ^ value.
public struct TOSTarget: TargetExtension {
    /// `value` is xor-ed in after the bits of `mask` are cleared.
    public var operation: MaskedByte

    public init(operation: MaskedByte) { self.operation = operation }

    public static let description = ExtensionDescription(
        .target, "TOS", summary: "change the type of service",
        options: [
            OptionDescription("set-tos"), OptionDescription("and-tos"), OptionDescription("or-tos"),
            OptionDescription("xor-tos"),
        ], tables: [.mangle], scope: .packet, status: .acts)

    public var target: Target { .tos(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        guard let given = try options.oneOf(Self.description.options.map(\.name)) else {
            throw RuleError("TOS: An action is required", at: options.word)
        }
        if given.name == "set-tos" {
            operation = try MaskedByte(tos: given, options, symbolMask: 0x3F)
            return
        }
        let bits: UInt8 = try options.number(given, UInt8(0)...255)
        operation =
            switch given.name {
            case "and-tos": MaskedByte(0, mask: ~bits)
            case "or-tos": MaskedByte(bits, mask: bits)
            default: MaskedByte(bits, mask: 0)
            }
    }

    public func print(to printer: inout RulePrinter) { printer.option("set-tos", operation.description) }
}
