import Net

/// `-j ECN`: set or clear congestion bits (kernel: ipt_ECN.c).
public struct ECNTarget: TargetExtension {
    /// Bits of the TCP header; nil leaves them.
    public var ecnEcho: Bool?
    public var congestionWindowReduced: Bool?
    /// The two bits of the IP header, 0 to 3.
    public var codePoint: UInt8?

    public init(ecnEcho: Bool? = nil, congestionWindowReduced: Bool? = nil, codePoint: UInt8? = nil) {
        self.ecnEcho = ecnEcho
        self.congestionWindowReduced = congestionWindowReduced
        self.codePoint = codePoint
    }

    public static let description = ExtensionDescription(
        .target, "ECN", summary: "set or clear congestion bits",
        options: [
            OptionDescription("ecn-tcp-remove", arguments: 0), OptionDescription("ecn-tcp-cwr"),
            OptionDescription("ecn-tcp-ece"), OptionDescription("ecn-ip-ect"),
        ], tables: [.mangle], scope: .packet, status: .acts)

    public var target: Target { .ecn(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        self.init()
        if let given = options["ecn-tcp-remove"] {
            if let other = options["ecn-tcp-cwr"] ?? options["ecn-tcp-ece"] {
                throw RuleError(
                    "ECN: option \"--\(other.name)\" cannot be used together with \"--\(given.name)\"", at: other.word)
            }
            ecnEcho = false
            congestionWindowReduced = false
        }
        if let given = options["ecn-tcp-cwr"] {
            congestionWindowReduced = try options.number(given, UInt8(0)...1) == 1
        }
        if let given = options["ecn-tcp-ece"] { ecnEcho = try options.number(given, UInt8(0)...1) == 1 }
        if let given = options["ecn-ip-ect"] { codePoint = try options.number(given, UInt8(0)...3) }
        guard !options.list.isEmpty else { throw RuleError("ECN target: An operation is required", at: options.word) }
    }

    public func check(at place: RulePlace) throws(RuleError) {
        guard ecnEcho != nil || congestionWindowReduced != nil else { return }
        guard let ipProtocol = place.rule.ipProtocol, ipProtocol.value == .tcp, !ipProtocol.isNegated else {
            throw RuleError("ECN: operations on TCP need -p tcp", exitCode: 1)
        }
    }

    public func print(to printer: inout RulePrinter) {
        if ecnEcho == false, congestionWindowReduced == false, codePoint == nil {
            printer.option("ecn-tcp-remove")
            return
        }
        if let ecnEcho { printer.option("ecn-tcp-ece", ecnEcho ? "1" : "0") }
        if let congestionWindowReduced { printer.option("ecn-tcp-cwr", congestionWindowReduced ? "1" : "0") }
        if let codePoint { printer.option("ecn-ip-ect", String(codePoint)) }
    }
}
