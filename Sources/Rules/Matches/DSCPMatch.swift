/// `-m dscp`: the differentiated-services code point, the upper six bits of the TOS byte (kernel: xt_dscp.c).
public struct DSCPMatch: MatchExtension {
    /// 0 to 63.
    public var codePoint: Negatable<UInt8>

    public init(codePoint: Negatable<UInt8>) { self.codePoint = codePoint }

    public static let description = ExtensionDescription(
        .match, "dscp", summary: "differentiated-services code point",
        options: [OptionDescription("dscp", canNegate: true), OptionDescription("dscp-class", canNegate: true)],
        scope: .packet, status: .acts)

    public var match: Match { .dscp(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        guard let given = try options.oneOf(["dscp", "dscp-class"]) else {
            throw RuleError("DSCP match: Parameter --dscp is required", at: options.word)
        }
        let value: UInt8 =
            given.name == "dscp" ? try options.number(given, UInt8(0)...63) : try DSCPClass.codePoint(given.argument)
        codePoint = Negatable(value, isNegated: given.isNegated)
    }

    public func print(to printer: inout RulePrinter) {
        printer.option("dscp", isNegated: codePoint.isNegated, Number.hexadecimal(codePoint.value, digits: 2))
    }
}

/// Names of code points (RFC 2474, RFC 2597, RFC 3246).
enum DSCPClass {
    private static let names: KeyValuePairs<String, UInt8> = [
        "CS0": 0x00, "CS1": 0x08, "CS2": 0x10, "CS3": 0x18, "CS4": 0x20, "CS5": 0x28, "CS6": 0x30, "CS7": 0x38,
        "BE": 0x00, "AF11": 0x0A, "AF12": 0x0C, "AF13": 0x0E, "AF21": 0x12, "AF22": 0x14, "AF23": 0x16, "AF31": 0x1A,
        "AF32": 0x1C, "AF33": 0x1E, "AF41": 0x22, "AF42": 0x24, "AF43": 0x26, "EF": 0x2E,
    ]

    static func codePoint(_ word: Word) throws(RuleError) -> UInt8 {
        guard let known = names.first(where: { $0.key.lowercased() == word.text.lowercased() }) else {
            throw RuleError(
                "Invalid DSCP value `\(word.text)'", hint: Suggestion.hint(for: word.text, among: names.map(\.key)),
                at: word)
        }
        return known.value
    }
}
