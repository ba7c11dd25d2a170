import Net

/// `-m ecn`: the congestion bits of the IP and TCP headers (kernel: xt_ecn.c; RFC 3168).
public struct ECNMatch: MatchExtension {
    /// Whether CWR must be set; nil if it does not matter.
    public var congestionWindowReduced: Bool?
    /// Whether ECE must be set.
    public var ecnEcho: Bool?
    /// The two bits of the IP header, 0 to 3.
    public var codePoint: Negatable<UInt8>?

    public init(congestionWindowReduced: Bool? = nil, ecnEcho: Bool? = nil, codePoint: Negatable<UInt8>? = nil) {
        self.congestionWindowReduced = congestionWindowReduced
        self.ecnEcho = ecnEcho
        self.codePoint = codePoint
    }

    public static let description = ExtensionDescription(
        .match, "ecn", summary: "congestion bits of IP and TCP",
        options: [
            OptionDescription("ecn-tcp-cwr", arguments: 0, canNegate: true),
            OptionDescription("ecn-tcp-ece", arguments: 0, canNegate: true),
            OptionDescription("ecn-ip-ect", canNegate: true),
        ], scope: .packet, status: .acts)

    public var match: Match { .ecn(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        congestionWindowReduced = options["ecn-tcp-cwr"].map { !$0.isNegated }
        ecnEcho = options["ecn-tcp-ece"].map { !$0.isNegated }
        if let given = options["ecn-ip-ect"] {
            codePoint = Negatable(try options.number(given, UInt8(0)...3), isNegated: given.isNegated)
        }
        guard !options.list.isEmpty else { throw RuleError("ECN match: some option required", at: options.word) }
    }

    public func check(at place: RulePlace) throws(RuleError) {
        guard congestionWindowReduced != nil || ecnEcho != nil else { return }
        guard let ipProtocol = place.rule.ipProtocol, ipProtocol.value == .tcp, !ipProtocol.isNegated else {
            throw RuleError("ecn: bits of TCP need -p tcp", exitCode: 1)
        }
    }

    public func print(to printer: inout RulePrinter) {
        if let ecnEcho { printer.option("ecn-tcp-ece", isNegated: !ecnEcho) }
        if let congestionWindowReduced { printer.option("ecn-tcp-cwr", isNegated: !congestionWindowReduced) }
        if let codePoint { printer.option("ecn-ip-ect", isNegated: codePoint.isNegated, String(codePoint.value)) }
    }
}
