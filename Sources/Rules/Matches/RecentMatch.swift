import Net

/// `-m recent`: lists of addresses and when they were seen (kernel: xt_recent.c, revision 1).
public struct RecentMatch: MatchExtension {
    public enum Operation: String, Hashable, Sendable {
        /// Put the address on the list; always true.
        case set
        /// True if the address is on the list.
        case check = "rcheck"
        /// As `check`, and counts this packet if true.
        case update
        /// Take the address off the list; true if it was there.
        case remove
    }

    public var operation: Operation
    public var isNegated: Bool
    /// Count only times within so many seconds; nil for any time.
    public var seconds: UInt32?
    /// Take entries off that are older than `seconds`.
    public var reaps: Bool
    /// Seen at least so often; 0 does not matter. At most 65535.
    public var hitCount: UInt32
    /// The TTL must be the one the entry was set with.
    public var comparesTTL: Bool
    /// 1 to 199 bytes.
    public var name: String
    /// Bits of the address that make an entry.
    public var mask: IPv4Address
    /// The destination instead of the source.
    public var usesDestination: Bool

    public init(
        operation: Operation, isNegated: Bool = false, seconds: UInt32? = nil, reaps: Bool = false,
        hitCount: UInt32 = 0, comparesTTL: Bool = false, name: String = "DEFAULT", mask: IPv4Address = .broadcast,
        usesDestination: Bool = false
    ) {
        self.operation = operation
        self.isNegated = isNegated
        self.seconds = seconds
        self.reaps = reaps
        self.hitCount = hitCount
        self.comparesTTL = comparesTTL
        self.name = name
        self.mask = mask
        self.usesDestination = usesDestination
    }

    public static let description = ExtensionDescription(
        .match, "recent", summary: "lists of addresses and when they were seen",
        options: [
            OptionDescription("set", arguments: 0, canNegate: true),
            OptionDescription("rcheck", arguments: 0, canNegate: true),
            OptionDescription("update", arguments: 0, canNegate: true), OptionDescription("seconds"),
            OptionDescription("reap", arguments: 0), OptionDescription("hitcount"),
            OptionDescription("remove", arguments: 0, canNegate: true), OptionDescription("rttl", arguments: 0),
            OptionDescription("name"), OptionDescription("rsource", arguments: 0),
            OptionDescription("rdest", arguments: 0), OptionDescription("mask"),
        ], scope: .packet, status: .acts)

    public var match: Match { .recent(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        guard let given = try options.oneOf(["set", "rcheck", "update", "remove"]) else {
            throw RuleError(
                "recent: you must specify one of `--set', `--rcheck' `--update' or `--remove'", at: options.word)
        }
        self.init(operation: Operation(rawValue: given.name) ?? .check, isNegated: given.isNegated)
        if let option = options["seconds"] { seconds = try options.number(option, 1...UInt32.max) }
        reaps = options.contains("reap")
        if reaps, seconds == nil {
            throw RuleError("recent: option \"--reap\" also requires \"--seconds\"", at: options["reap"]?.word)
        }
        if let option = options["hitcount"] { hitCount = try options.number(option, UInt32(0)...65535) }
        comparesTTL = options.contains("rttl")
        if operation == .set || operation == .remove,
            let option = options["rttl"] ?? options["seconds"] ?? options["hitcount"]
        {
            let error = RuleError(
                "recent: option \"--\(option.name)\" cannot be used together with \"--\(given.name)\".", at: option.word)
            throw options.contains("rttl") ? error : error.byKernel()
        }
        if let option = options["name"] {
            if option.argument.text.isEmpty { throw options.invalid(option, nil, "a list's name is not empty").byKernel() }
            name = try options.truncatedString(option, to: 199)
            if name.contains("/") { throw options.invalid(option, nil, "a list's name has no slash").byKernel() }
        }
        if let option = options["mask"] {
            let text = option.argument.text
            // A number alone is an address to inet_aton(3), and to iptables: 24 means 0.0.0.24.
            mask = try options.host(option)
            if let length = Number.parse(text, in: 1...32) {
                throw options.invalid(
                    option, hint: "write the mask out: \(IPv4Address(rawValue: IPv4Prefix.mask(length: UInt8(length))))"
                )
            }
        }
        usesDestination = options.list.last { $0.name == "rsource" || $0.name == "rdest" }?.name == "rdest"
    }

    public func print(to printer: inout RulePrinter) {
        printer.option(operation.rawValue, isNegated: isNegated)
        if let seconds { printer.option("seconds", String(seconds)) }
        if reaps { printer.option("reap") }
        if hitCount > 0 { printer.option("hitcount", String(hitCount)) }
        if comparesTTL { printer.option("rttl") }
        printer.option("name", Quoting.quotedIfBroken(name))
        printer.option("mask", mask.description)
        printer.option(usesDestination ? "rdest" : "rsource")
    }
}
