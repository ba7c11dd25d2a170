/// `-m icmp`: type and code of an ICMP header (kernel: xt_tcpudp.c, icmp_match).
public struct ICMPMatch: MatchExtension {
    public struct Kind: Hashable, Sendable {
        /// 255 stands for any type, whatever the codes.
        public var type: UInt8
        public var codes: ClosedRange<UInt8>

        public init(type: UInt8, codes: ClosedRange<UInt8> = 0...255) {
            self.type = type
            self.codes = codes
        }

        /// Every ICMP packet.
        public static let any = Kind(type: 255)
    }

    public var kind: Negatable<Kind>

    public init(kind: Negatable<Kind>) { self.kind = kind }

    public static let description = ExtensionDescription(
        .match, "icmp", summary: "type and code of ICMP",
        options: [OptionDescription("icmp-type", canNegate: true)],
        protocols: [1], scope: .packet, status: .acts)

    public var match: Match { .icmp(self) }

    /// iptables' names, in its order, which decides what an abbreviation means.
    static let names: [(name: String, kind: Kind)] = {
        func all(_ type: UInt8) -> Kind { Kind(type: type) }
        func one(_ type: UInt8, _ code: UInt8) -> Kind { Kind(type: type, codes: code...code) }
        return [
            ("any", .any), ("echo-reply", all(0)), ("pong", all(0)), ("destination-unreachable", all(3)),
            ("network-unreachable", one(3, 0)), ("host-unreachable", one(3, 1)), ("protocol-unreachable", one(3, 2)),
            ("port-unreachable", one(3, 3)), ("fragmentation-needed", one(3, 4)), ("source-route-failed", one(3, 5)),
            ("network-unknown", one(3, 6)), ("host-unknown", one(3, 7)), ("network-prohibited", one(3, 9)),
            ("host-prohibited", one(3, 10)), ("TOS-network-unreachable", one(3, 11)),
            ("TOS-host-unreachable", one(3, 12)), ("communication-prohibited", one(3, 13)),
            ("host-precedence-violation", one(3, 14)), ("precedence-cutoff", one(3, 15)), ("source-quench", all(4)),
            ("redirect", all(5)), ("network-redirect", one(5, 0)), ("host-redirect", one(5, 1)),
            ("TOS-network-redirect", one(5, 2)), ("TOS-host-redirect", one(5, 3)), ("echo-request", all(8)),
            ("ping", all(8)), ("router-advertisement", all(9)), ("router-solicitation", all(10)),
            ("time-exceeded", all(11)), ("ttl-exceeded", all(11)), ("ttl-zero-during-transit", one(11, 0)),
            ("ttl-zero-during-reassembly", one(11, 1)), ("parameter-problem", all(12)), ("ip-header-bad", one(12, 0)),
            ("required-option-missing", one(12, 1)), ("timestamp-request", all(13)), ("timestamp-reply", all(14)),
            ("address-mask-request", all(17)), ("address-mask-reply", all(18)),
        ]
    }()

    public init(_ options: GivenOptions) throws(RuleError) {
        let given = try options.required("icmp-type")
        kind = Negatable(try Self.kind(given.argument), isNegated: given.isNegated)
    }

    /// A name or the unambiguous beginning of one, a number, `TYPE/CODE` or `TYPE/CODE:CODE`.
    static func kind(_ word: Word) throws(RuleError) -> Kind {
        let text = word.text.lowercased()
        let found = names.filter { $0.name.lowercased().hasPrefix(text) }
        if let first = found.first, found.count == 1 || first.name.lowercased() == text { return first.kind }
        if let exact = found.first(where: { $0.name.lowercased() == text }) { return exact.kind }
        if found.count > 1 {
            throw RuleError("Ambiguous ICMP type `\(word.text)': `\(found[0].name)' or `\(found[1].name)'?", at: word)
        }
        let parts = word.text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let type = Number.parse(parts[0], in: 0...255) else {
            throw RuleError(
                parts[0].contains(":") ? "ICMP type range not supported" : "Unknown ICMP type `\(word.text)'", hint: Suggestion.hint(for: text, among: names.map(\.name)), at: word)
        }
        guard parts.count == 2 else { return Kind(type: UInt8(type)) }
        let ends = parts[1].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard let low = Number.parse(ends[0], in: 0...255), let high = Number.parse(ends[ends.count - 1], in: 0...255),
            low <= high
        else { throw RuleError("Unknown ICMP code `\(word.text)'", at: word) }
        return Kind(type: UInt8(type), codes: UInt8(low)...UInt8(high))
    }

    public func print(to printer: inout RulePrinter) {
        let value = kind.value
        let text =
            // Whatever its codes, it matches every type.
            if value.type == 255 {
                "any"
            } else if value.codes == 0...255 {
                String(value.type)
            } else {
                // The first code alone: iptables-save has no spelling for a range either.
                "\(value.type)/\(value.codes.lowerBound)"
            }
        printer.option("icmp-type", isNegated: kind.isNegated, text)
    }
}
