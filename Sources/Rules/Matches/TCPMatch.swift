/// `-m tcp`: ports, flags and options of a TCP header (kernel: xt_tcpudp.c).
public struct TCPMatch: MatchExtension {
    /// The flags looked at, and those of them that must be set.
    public struct Flags: Hashable, Sendable {
        public var mask: TCPFlags
        public var set: TCPFlags

        public init(mask: TCPFlags, set: TCPFlags) {
            self.mask = mask
            self.set = set
        }

        /// What `--syn` means: SYN set, FIN, RST and ACK not.
        public static let syn = Flags(mask: [.fin, .syn, .rst, .ack], set: .syn)
    }

    public var ports: TransportPorts
    public var flags: Negatable<Flags>?
    /// The kind of a TCP option that must be present.
    public var option: Negatable<UInt8>?

    public init(
        ports: TransportPorts = TransportPorts(), flags: Negatable<Flags>? = nil, option: Negatable<UInt8>? = nil
    ) {
        self.ports = ports
        self.flags = flags
        self.option = option
    }

    public static let description = ExtensionDescription(
        .match, "tcp", summary: "ports, flags and options of TCP",
        options: TransportPorts.options + [
            OptionDescription("syn", arguments: 0, canNegate: true),
            OptionDescription("tcp-flags", arguments: 2, canNegate: true),
            OptionDescription("tcp-option", canNegate: true),
        ], protocols: [6], scope: .flow, status: .acts)

    public var match: Match { .tcp(self) }
    public var isFlowInvariant: Bool { flags == nil && option == nil }

    public init(_ options: GivenOptions) throws(RuleError) {
        ports = try TransportPorts(options)
        if let given = try options.oneOf(["syn", "tcp-flags"]) {
            let value =
                given.name == "syn"
                ? Flags.syn
                : Flags(mask: try TCPFlags(given.arguments[0]), set: try TCPFlags(given.arguments[1]))
            // Looking at no flag and finding none set holds for every packet.
            let isEmpty = value == Flags(mask: [], set: []) && !given.isNegated
            flags = isEmpty ? nil : Negatable(value, isNegated: given.isNegated)
        }
        if let given = options["tcp-option"] {
            guard let number = Number.parse(given.argument.text, in: 1...255) else {
                throw RuleError("Bad TCP option \"\(given.argument.text)\"", at: given.argument)
            }
            option = Negatable(UInt8(number), isNegated: given.isNegated)
        }
    }

    public func print(to printer: inout RulePrinter) {
        ports.print(to: &printer)
        if let option { printer.option("tcp-option", isNegated: option.isNegated, String(option.value)) }
        if let flags {
            printer.option(
                "tcp-flags", isNegated: flags.isNegated, flags.value.mask.description, flags.value.set.description)
        }
    }
}

/// Flags of a TCP header, in its bit order (RFC 9293, 3.1); the two of ECN are not among those rules can name.
public struct TCPFlags: OptionSet, Hashable, Sendable {
    public var rawValue: UInt8

    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let fin = TCPFlags(rawValue: 1)
    public static let syn = TCPFlags(rawValue: 2)
    public static let rst = TCPFlags(rawValue: 4)
    public static let psh = TCPFlags(rawValue: 8)
    public static let ack = TCPFlags(rawValue: 16)
    public static let urg = TCPFlags(rawValue: 32)

    private static let names: [(name: String, flags: TCPFlags)] = [
        ("FIN", .fin), ("SYN", .syn), ("RST", .rst), ("PSH", .psh), ("ACK", .ack), ("URG", .urg),
    ]

    /// Comma-separated names, ALL or NONE.
    init(_ word: Word) throws(RuleError) {
        self = []
        for part in word.text.split(separator: ",") {
            let name = part.uppercased()
            if name == "ALL" {
                formUnion(TCPFlags(rawValue: 0x3F))
            } else if let known = Self.names.first(where: { $0.name == name }) {
                formUnion(known.flags)
            } else if name != "NONE" {
                throw RuleError(
                    "Unknown TCP flag `\(part)'", hint: Suggestion.hint(for: name, among: Self.names.map(\.name)),
                    at: word)
            }
        }
    }
}

extension TCPFlags: CustomStringConvertible {
    public var description: String {
        isEmpty ? "NONE" : Self.names.filter { contains($0.flags) }.map(\.name).joined(separator: ",")
    }
}
