/// `-m tos`: the type-of-service byte of the IP header (kernel: xt_dscp.c, tos revision 1).
public struct TOSMatch: MatchExtension {
    public var tos: Negatable<MaskedByte>

    public init(tos: Negatable<MaskedByte>) { self.tos = tos }

    public static let description = ExtensionDescription(
        .match, "tos", summary: "type of service",
        options: [OptionDescription("tos", canNegate: true)], scope: .packet,
        status: .acts)

    public var match: Match { .tos(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        let given = try options.required("tos")
        tos = Negatable(try MaskedByte(tos: given, options, symbolMask: 0x3F), isNegated: given.isNegated)
    }

    public func print(to printer: inout RulePrinter) {
        printer.option("tos", isNegated: tos.isNegated, tos.value.description)
    }
}

/// A byte and the bits of it that count.
public struct MaskedByte: Hashable, Sendable {
    public var value: UInt8
    public var mask: UInt8

    public init(_ value: UInt8, mask: UInt8 = 0xFF) {
        self.value = value
        self.mask = mask
    }

    /// The names of RFC 1349.
    static let symbols: KeyValuePairs<String, UInt8> = [
        "Minimize-Delay": 0x10, "Maximize-Throughput": 0x08, "Maximize-Reliability": 0x04, "Minimize-Cost": 0x02,
        "Normal-Service": 0x00,
    ]

    /// `VALUE`, `VALUE/MASK` or a name, which means `symbolMask`.
    init(tos option: GivenOption, _ options: GivenOptions, symbolMask: UInt8) throws(RuleError) {
        let text = option.argument.text
        if let symbol = Self.symbols.first(where: { $0.key.lowercased() == text.lowercased() }) {
            self.init(symbol.value, mask: symbolMask)
            return
        }
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let mask = parts.count == 2 ? Number.parse(parts[1], in: 0...255) : 255
        guard let value = Number.parse(parts[0], in: 0...255), let mask else {
            let isNumber = parts.count == 2 && Number.parse(parts[0], in: 0...255) != nil
            throw RuleError(
                isNumber ? "Illegal value: \"\(text)\"" : "Symbolic name \"\(text)\" is unknown", hint: Suggestion.hint(for: text, among: Self.symbols.map(\.key)), at: option.argument)
        }
        self.init(UInt8(value), mask: UInt8(mask))
    }
}

extension MaskedByte: CustomStringConvertible {
    public var description: String {
        "\(Number.hexadecimal(value, digits: 2))/\(Number.hexadecimal(mask, digits: 2))"
    }
}
