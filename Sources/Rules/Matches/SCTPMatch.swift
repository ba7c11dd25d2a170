/// `-m sctp`: ports and chunks of an SCTP packet (kernel: xt_sctp.c; RFC 9260).
public struct SCTPMatch: MatchExtension {
    /// How the chunks of a packet are compared with those listed.
    public enum Mode: String, Hashable, Sendable {
        /// Every listed type is present.
        case all
        /// One of the listed types is present.
        case any
        /// No type is present that is not listed.
        case only
    }

    /// A chunk type, and which of its flags must be set or clear.
    public struct Chunk: Hashable, Sendable {
        public var type: UInt8
        /// Flag bits looked at, and those of them that must be set.
        public var flagMask: UInt8
        public var flags: UInt8

        public init(type: UInt8, flagMask: UInt8 = 0, flags: UInt8 = 0) {
            self.type = type
            self.flagMask = flagMask
            self.flags = flags
        }
    }

    public struct Chunks: Hashable, Sendable {
        public var mode: Mode
        /// In the order they are saved. Every type there is, if `isEveryType`.
        public var list: [Chunk]
        public var isEveryType: Bool

        public init(mode: Mode, list: [Chunk], isEveryType: Bool = false) {
            self.mode = mode
            self.list = list
            self.isEveryType = isEveryType
        }
    }

    public var ports: TransportPorts
    public var chunks: Negatable<Chunks>?

    public static let description = ExtensionDescription(
        .match, "sctp", summary: "ports and chunks of SCTP",
        options: TransportPorts.options + [
            OptionDescription("chunk-types", arguments: 2, canNegate: true),
        ], protocols: [132], scope: .flow, status: .acts)

    public var match: Match { .sctp(self) }
    public var isFlowInvariant: Bool { chunks == nil }

    /// Chunk types by name, with the letters of their flags from bit 7 down to bit 0; `-` is a bit without a name.
    private static let types: [(name: String, type: UInt8, letters: String)] = [
        ("DATA", 0, "----IUBE"), ("INIT", 1, "--------"), ("INIT_ACK", 2, "--------"), ("SACK", 3, "--------"),
        ("HEARTBEAT", 4, "--------"), ("HEARTBEAT_ACK", 5, "--------"), ("ABORT", 6, "-------T"),
        ("SHUTDOWN", 7, "--------"), ("SHUTDOWN_ACK", 8, "--------"), ("ERROR", 9, "--------"),
        ("COOKIE_ECHO", 10, "--------"), ("COOKIE_ACK", 11, "--------"), ("ECN_ECNE", 12, "--------"),
        ("ECN_CWR", 13, "--------"), ("SHUTDOWN_COMPLETE", 14, "-------T"), ("I_DATA", 64, "----IUBE"),
        ("RE_CONFIG", 130, "--------"), ("PAD", 132, "--------"), ("ASCONF", 193, "--------"),
        ("ASCONF_ACK", 128, "--------"), ("FORWARD_TSN", 192, "--------"), ("I_FORWARD_TSN", 194, "--------"),
    ]

    public init(_ options: GivenOptions) throws(RuleError) {
        ports = try TransportPorts(options)
        if let given = options["chunk-types"] {
            guard let mode = Mode(rawValue: given.arguments[0].text.lowercased()) else {
                throw RuleError("Match type has to be one of \"ALL\", \"ANY\" or \"ONLY\"", at: given.arguments[0])
            }
            chunks = Negatable(try Self.chunks(given.arguments[1], mode), isNegated: given.isNegated)
        }
    }

    private static func chunks(_ word: Word, _ mode: Mode) throws(RuleError) -> Chunks {
        switch word.text.lowercased() {
        case "all": return Chunks(mode: mode, list: [], isEveryType: true)
        case "none": return Chunks(mode: mode, list: [])
        default: break
        }
        var list: [Chunk] = []
        for part in word.text.split(separator: ",", omittingEmptySubsequences: false) {
            let halves = part.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard let known = types.first(where: { $0.name.lowercased() == halves[0].lowercased() }) else {
                throw RuleError(
                    "Unknown sctp chunk `\(halves[0])'",
                    hint: Suggestion.hint(for: halves[0].uppercased(), among: types.map(\.name)), at: word)
            }
            var chunk = Chunk(type: known.type)
            for letter in halves.count == 2 ? halves[1] : "" {
                guard letter != "-", let place = known.letters.firstIndex(of: Character(letter.uppercased())) else {
                    throw RuleError("Invalid flags for chunk type \(known.type)", hint: "that is \(known.name)", at: word)
                }
                let bit = UInt8(0x80) >> known.letters.distance(from: known.letters.startIndex, to: place)
                chunk.flagMask |= bit
                if letter.isUppercase { chunk.flags |= bit }
            }
            list.removeAll { $0.type == chunk.type }
            list.append(chunk)
        }
        list.sort { $0.type < $1.type }
        return Chunks(mode: mode, list: list)
    }

    public func print(to printer: inout RulePrinter) {
        ports.print(to: &printer, savesEveryPort: true)
        guard let chunks else { return }
        printer.option(
            "chunk-types", isNegated: chunks.isNegated, chunks.value.mode.rawValue, chunks.value.text(isNumeric: false))
    }

    fileprivate static func text(_ chunk: Chunk, isNumeric: Bool) -> String {
        guard let known = types.first(where: { $0.type == chunk.type }) else { return String(chunk.type) }
        var flags = ""
        for (index, letter) in known.letters.enumerated() {
            let bit = UInt8(0x80) >> index
            guard chunk.flagMask & bit != 0 else { continue }
            flags += chunk.flags & bit != 0 ? String(letter) : letter.lowercased()
        }
        let name = isNumeric ? "0x" + Number.hexadecimal(known.type, digits: 4).dropFirst(2).uppercased() : known.name
        return flags.isEmpty ? name : "\(name):\(flags)"
    }
}

extension SCTPMatch.Chunks {
    func text(isNumeric: Bool) -> String {
        if isEveryType { return "ALL" }
        if list.isEmpty { return "NONE" }
        return list.map { SCTPMatch.text($0, isNumeric: isNumeric) }.joined(separator: ",")
    }
}
