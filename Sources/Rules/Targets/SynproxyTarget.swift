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
        windowScale = try Self.number("wscale", options)
        maximumSegmentSize = try Self.number("mss", options)
    }

    /// iptables takes any 32 bits and keeps the lowest; what does not fit is refused here.
    private static func number<N: FixedWidthInteger & Sendable>(_ name: String, _ options: GivenOptions) throws(RuleError) -> N? {
        guard let option = options[name] else { return nil }
        let value = try options.number(option, 0...UInt32.max)
        guard let number = N(exactly: value) else {
            throw RuleError(
                "SYNPROXY: bad value for option \"--\(name)\", or out of range (0-\(N.max))", at: option.argument)
        }
        return number
    }

    public func print(to printer: inout RulePrinter) {
        if permitsSACK { printer.option("sack-perm") }
        if hasTimestamps { printer.option("timestamp") }
        if let windowScale { printer.option("wscale", String(windowScale)) }
        if let maximumSegmentSize { printer.option("mss", String(maximumSegmentSize)) }
        if usesECN { printer.option("ecn") }
    }
}
