import Net

/// `-m string`: bytes anywhere in the packet (kernel: xt_string.c, revision 1).
public struct StringMatch: MatchExtension {
    public enum Algorithm: String, Hashable, Sendable, CaseIterable {
        /// Boyer-Moore.
        case bm
        /// Knuth-Pratt-Morris.
        case kmp
    }

    /// 1 to 128 bytes.
    public var pattern: Negatable<[UInt8]>
    public var algorithm: Algorithm
    /// Offsets into the IP packet between which the pattern must lie.
    public var from: UInt16
    public var to: UInt16
    public var ignoresCase: Bool

    public init(
        pattern: Negatable<[UInt8]>, algorithm: Algorithm, from: UInt16 = 0, to: UInt16 = .max,
        ignoresCase: Bool = false
    ) {
        self.pattern = pattern
        self.algorithm = algorithm
        self.from = from
        self.to = to
        self.ignoresCase = ignoresCase
    }

    public static let description = ExtensionDescription(
        .match, "string", summary: "bytes anywhere in the packet",
        options: [
            OptionDescription("from"), OptionDescription("to"), OptionDescription("algo"),
            OptionDescription("string", canNegate: true), OptionDescription("hex-string", canNegate: true),
            OptionDescription("icase", arguments: 0),
        ], scope: .packet, status: .acts)

    public var match: Match { .string(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        let algorithmOption = try options.required("algo")
        guard let given = try options.oneOf(["string", "hex-string"]) else {
            throw RuleError("STRING match: You must specify `--string' or `--hex-string'", at: options.word)
        }
        let bytes =
            given.name == "string" ? given.argument.text.keptBytes : try Self.bytes(hexadecimal: given.argument)
        guard bytes.count <= 128 else {
            throw RuleError("STRING too long \"\(given.argument.text)\"", at: given.argument)
        }
        guard !bytes.isEmpty else {
            if given.name == "hex-string" { throw RuleError("STRING must contain at least one char", at: given.argument) }
            throw RuleError("string: an empty string is nowhere to be found", at: given.argument).byKernel()
        }
        guard let algorithm = Algorithm(rawValue: algorithmOption.argument.text) else {
            throw options.invalid(algorithmOption, nil, "algorithms are bm and kmp").byKernel(.missing)
        }
        pattern = Negatable(bytes, isNegated: given.isNegated)
        self.algorithm = algorithm
        from =
            try options["from"].map { option throws(RuleError) in try options.number(option, UInt16(0)...65535) } ?? 0
        to = try options["to"].map { option throws(RuleError) in try options.number(option, UInt16(0)...65535) } ?? .max
        guard from <= to else { throw RuleError("string: --from lies behind --to", at: options["from"]?.argument).byKernel() }
        ignoresCase = options.contains("icase")
    }

    /// Text in which bytes stand in hexadecimal between bars: `GET|0d 0a|`. A backslash takes the next character as
    /// it is.
    private static func bytes(hexadecimal word: Word) throws(RuleError) -> [UInt8] {
        let text = word.text.keptBytes
        let bar = UInt8(ascii: "|")
        let blank = UInt8(ascii: " ")
        var bytes: [UInt8] = []
        var isHexadecimal = false
        var index = 0
        while index < text.count {
            if text[index] == UInt8(ascii: "\\"), !isHexadecimal {
                guard index + 1 < text.count else {
                    throw RuleError("Bad literal placement at end of string", at: word)
                }
                bytes.append(text[index + 1])
                index += 2
                continue
            }
            if text[index] == bar {
                isHexadecimal.toggle()
                if isHexadecimal { while index + 1 < text.count, text[index + 1] == blank { index += 1 } }
                index += 1
                if index == text.count { break }
                // As with iptables, the character after a bar is never a bar itself.
            }
            guard isHexadecimal else {
                bytes.append(text[index])
                index += 1
                continue
            }
            guard index + 1 < text.count else { throw RuleError("Odd number of hex digits", at: word) }
            guard let high = Number.hexadecimalValue(text[index]) else {
                throw RuleError("Invalid hex char '\(Character(UnicodeScalar(text[index])))'", at: word)
            }
            guard let low = Number.hexadecimalValue(text[index + 1]), index + 2 < text.count else {
                throw RuleError("Invalid hex block", at: word)
            }
            bytes.append(UInt8(high << 4 | low))
            index += index + 2 < text.count && text[index + 2] == blank ? 3 : 2
        }
        return bytes
    }

    public func print(to printer: inout RulePrinter) {
        let bytes = pattern.value
        if bytes.allSatisfy({ (0x20...0x7E).contains($0) }) {
            var text = "\""
            for byte in bytes {
                if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { text += "\\" }
                text.unicodeScalars.append(UnicodeScalar(byte))
            }
            printer.option("string", isNegated: pattern.isNegated, text + "\"")
        } else {
            let digits = bytes.map { String(Number.hexadecimal($0, digits: 2).dropFirst(2)) }.joined()
            printer.option("hex-string", isNegated: pattern.isNegated, "\"|\(digits)|\"")
        }
        printer.option("algo", algorithm.rawValue)
        if from != 0 { printer.option("from", String(from)) }
        if to != .max { printer.option("to", String(to)) }
        if ignoresCase { printer.option("icase") }
    }
}
