/// `-j NFLOG`: a copy of the packet for a logging program (kernel: xt_NFLOG.c).
public struct NFLogTarget: TargetExtension {
    public var group: UInt16
    /// At most 63 bytes.
    public var prefix: String
    /// Bytes of the packet to copy; nil for all.
    public var size: UInt32?
    /// What `--nflog-range` gave, which never had an effect; 0 if it was not given.
    public var range: UInt32
    /// Packets to gather before they are handed over.
    public var threshold: UInt16

    public init(group: UInt16 = 0, prefix: String = "", size: UInt32? = nil, range: UInt32 = 0, threshold: UInt16 = 1) {
        self.group = group
        self.prefix = prefix
        self.size = size
        self.range = range
        self.threshold = threshold
    }

    public static let description = ExtensionDescription(
        .target, "NFLOG", summary: "a copy for a logging program",
        options: [
            OptionDescription("nflog-group"), OptionDescription("nflog-prefix"), OptionDescription("nflog-range"),
            OptionDescription("nflog-size"), OptionDescription("nflog-threshold"),
        ], scope: .packet, status: .acts)

    public var target: Target { .nflog(self) }

    /// What the kernel takes if no threshold is given; saved only if it was.
    static let defaultThreshold: UInt16 = 0

    public init(_ options: GivenOptions) throws(RuleError) {
        self.init(threshold: Self.defaultThreshold)
        if let given = options["nflog-group"] { group = try options.number(given, UInt16(0)...65535) }
        if let given = options["nflog-prefix"] {
            prefix = try options.truncatedString(given, to: 63)
            if prefix.contains("\n") { throw options.invalid(given, nil, "no line feed may be in it") }
        }
        if let given = options["nflog-range"] { range = try options.number(given, 0...UInt32.max) }
        if let given = options["nflog-size"] { size = try options.number(given, 0...UInt32.max) }
        if size != nil, let given = options["nflog-range"] {
            throw RuleError("NFLOG: --nflog-range cannot be used together with --nflog-size", at: given.word)
        }
        if let given = options["nflog-threshold"] { threshold = try options.number(given, UInt16(0)...65535) }
    }

    public func print(to printer: inout RulePrinter) {
        if !prefix.isEmpty { printer.quotedOption("nflog-prefix", prefix) }
        if group != 0 { printer.option("nflog-group", String(group)) }
        if let size {
            printer.option("nflog-size", String(size))
        } else if range != 0 {
            printer.option("nflog-range", String(range))
        }
        if threshold != Self.defaultThreshold { printer.option("nflog-threshold", String(threshold)) }
    }
}
