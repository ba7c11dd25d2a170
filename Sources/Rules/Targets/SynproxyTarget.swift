/// `-j SYNPROXY`: answer a SYN in the server's name and connect to it once the client has proved to be there
/// (kernel: ipt_SYNPROXY.c).
public struct SynproxyTarget: TargetExtension {
    /// What the client is told the server can do.
    public var permitsSACK: Bool
    public var hasTimestamps: Bool
    public var windowScale: UInt8?
    public var maximumSegmentSize: UInt16?
    public var usesECN: Bool

    public init(
        permitsSACK: Bool = false, hasTimestamps: Bool = false, windowScale: UInt8? = nil,
        maximumSegmentSize: UInt16? = nil, usesECN: Bool = false
    ) {
        self.permitsSACK = permitsSACK
        self.hasTimestamps = hasTimestamps
        self.windowScale = windowScale
        self.maximumSegmentSize = maximumSegmentSize
        self.usesECN = usesECN
    }

    public static let description = ExtensionDescription(
        .target, "SYNPROXY", summary: "shield a server from SYN floods",
        options: [
            OptionDescription("sack-perm", arguments: 0), OptionDescription("timestamp", arguments: 0),
            OptionDescription("wscale"), OptionDescription("mss"), OptionDescription("ecn", arguments: 0),
        ], hooks: [.input, .forward], protocols: [6], scope: .packet, status: .acts)

    public var target: Target { .synproxy(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        permitsSACK = options.contains("sack-perm")
        hasTimestamps = options.contains("timestamp")
        usesECN = options.contains("ecn")
        windowScale = try options["wscale"].map { option throws(RuleError) in try options.number(option, UInt8(0)...255)
        }
        maximumSegmentSize = try options["mss"].map { option throws(RuleError) in
            try options.number(option, UInt16(0)...65535)
        }
    }

    public func print(to printer: inout RulePrinter) {
        if permitsSACK { printer.option("sack-perm") }
        if hasTimestamps { printer.option("timestamp") }
        if let windowScale { printer.option("wscale", String(windowScale)) }
        if let maximumSegmentSize { printer.option("mss", String(maximumSegmentSize)) }
        if usesECN { printer.option("ecn") }
    }
}
