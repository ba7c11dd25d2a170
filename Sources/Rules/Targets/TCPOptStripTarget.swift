/// `-j TCPOPTSTRIP`: overwrite TCP options with padding (kernel: xt_TCPOPTSTRIP.c).
public struct TCPOptStripTarget: TargetExtension {
    /// Kinds of option, 2 to 255, in order and each once.
    public var kinds: [UInt8]

    public init(kinds: [UInt8]) { self.kinds = kinds }

    public static let description = ExtensionDescription(
        .target, "TCPOPTSTRIP", summary: "take TCP options away",
        options: [OptionDescription("strip-options")], tables: [.mangle], protocols: [6], scope: .packet,
        status: .acts)

    public var target: Target { .tcpoptstrip(self) }

    static let names: KeyValuePairs<String, UInt8> = [
        "wscale": 3, "mss": 2, "sack-permitted": 4, "sack": 5, "timestamp": 8, "md5": 19,
    ]

    public init(_ options: GivenOptions) throws(RuleError) {
        kinds = []
        guard let given = options["strip-options"] else { return }
        var found: Set<UInt8> = []
        func take(_ kind: UInt8, _ part: Substring) throws(RuleError) {
            guard found.insert(kind).inserted else { throw RuleError("Option \"\(part)\" already specified", at: given.argument) }
        }
        for part in given.argument.text.split(separator: ",", omittingEmptySubsequences: false) {
            if let known = Self.names.first(where: { $0.key == part }) {
                try take(known.value, part)
            } else if let number = Number.parse(part, in: 0...255) {
                guard number > 1 else { throw RuleError("Option value may not be 0 or 1", at: given.argument) }
                try take(UInt8(number), part)
            } else {
                throw RuleError(
                    "Bad TCP option value \"\(part)\"",
                    hint: Suggestion.hint(for: String(part), among: Self.names.map(\.key)), at: given.argument)
            }
        }
        kinds = found.sorted()
    }

    public func print(to printer: inout RulePrinter) {
        if !kinds.isEmpty { printer.option("strip-options", kinds.map(String.init).joined(separator: ",")) }
    }
}
