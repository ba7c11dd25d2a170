/// `-j ULOG`: what NFLOG was before it; Linux lost it in 3.17. It does here what NFLOG does.
public struct ULogTarget: TargetExtension {
    /// 1 to 32.
    public var group: UInt8
    /// At most 31 bytes.
    public var prefix: String
    /// Bytes of the packet to copy; 0 for all.
    public var size: UInt32
    /// Packets to gather before they are handed over, 1 to 50.
    public var threshold: UInt8

    public init(group: UInt8 = 1, prefix: String = "", size: UInt32 = 0, threshold: UInt8 = 1) {
        self.group = group
        self.prefix = prefix
        self.size = size
        self.threshold = threshold
    }

    public static let description = ExtensionDescription(
        .target, "ULOG", summary: "a copy for a logging program, the older way",
        options: [
            OptionDescription("ulog-nlgroup"), OptionDescription("ulog-cprange"), OptionDescription("ulog-qthreshold"),
            OptionDescription("ulog-prefix"),
        ], scope: .packet, status: .acts)

    public var target: Target { .ulog(self) }

    /// The same as NFLOG has it.
    public var nflog: NFLogTarget {
        NFLogTarget(
            group: UInt16(group), prefix: prefix, size: size == 0 ? nil : size, threshold: UInt16(threshold))
    }

    public init(_ options: GivenOptions) throws(RuleError) {
        self.init()
        if let given = options["ulog-nlgroup"] { group = try options.number(given, UInt8(1)...32) }
        if let given = options["ulog-prefix"] {
            prefix = try options.truncatedString(given, to: 31)
            if prefix.contains("\n") { throw options.invalid(given, nil, "no line feed may be in it") }
        }
        if let given = options["ulog-cprange"] { size = try options.number(given, 0...UInt32.max) }
        if let given = options["ulog-qthreshold"] { threshold = try options.number(given, UInt8(1)...50) }
    }

    public func print(to printer: inout RulePrinter) {
        if !prefix.isEmpty { printer.quotedOption("ulog-prefix", prefix) }
        printer.option("ulog-nlgroup", String(group))
        if size != 0 { printer.option("ulog-cprange", String(size)) }
        if threshold != 1 { printer.option("ulog-qthreshold", String(threshold)) }
    }
}
