import Net

/// `-m policy`: the IPsec policy of the packet (kernel: xt_policy.c).
///
/// No IPsec ends here, so every packet is one without a policy: `--pol none` is true, everything else is not.
public struct PolicyMatch: MatchExtension {
    public enum Side: String, Hashable, Sendable {
        case `in`, out
    }

    public enum Mode: String, Hashable, Sendable {
        case transport, tunnel
    }

    /// One transformation of a policy.
    public struct Element: Hashable, Sendable {
        public var requestID: Negatable<UInt32>?
        public var spi: Negatable<UInt32>?
        /// AH, ESP or IPComp.
        public var ipProtocol: Negatable<IPProtocol>?
        public var mode: Negatable<Mode>?
        public var tunnelSource: Negatable<AddressMask>?
        public var tunnelDestination: Negatable<AddressMask>?

        public init() {}

        var isEmpty: Bool { self == Element() }
    }

    public var side: Side
    /// The packet has no policy; otherwise it has one.
    public var isNone: Bool
    /// The elements are the whole policy, in order.
    public var isStrict: Bool
    /// At most four; one of them unless strict.
    public var elements: [Element]

    public init(side: Side, isNone: Bool, isStrict: Bool = false, elements: [Element] = []) {
        self.side = side
        self.isNone = isNone
        self.isStrict = isStrict
        self.elements = elements
    }

    public static let description = ExtensionDescription(
        .match, "policy", summary: "IPsec policy of the packet",
        options: [
            OptionDescription("dir"), OptionDescription("pol"), OptionDescription("strict", arguments: 0),
            OptionDescription("reqid", canNegate: true, canRepeat: true),
            OptionDescription("spi", canNegate: true, canRepeat: true),
            OptionDescription("tunnel-src", canNegate: true, canRepeat: true),
            OptionDescription("tunnel-dst", canNegate: true, canRepeat: true),
            OptionDescription("proto", canNegate: true, canRepeat: true),
            OptionDescription("mode", canNegate: true, canRepeat: true),
            OptionDescription("next", arguments: 0, canRepeat: true),
        ], scope: .flow, status: .acts)

    public var match: Match { .policy(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        guard let sideOption = options["dir"] else {
            throw RuleError("policy match: neither --dir in nor --dir out specified", at: options.word)
        }
        guard let side = Side(rawValue: sideOption.argument.text.lowercased()) else {
            throw RuleError("policy_match: invalid dir \"\(sideOption.argument.text)\"", at: sideOption.argument)
        }
        self.init(side: side, isNone: false, isStrict: options.contains("strict"))
        if let given = options["pol"] {
            switch given.argument.text.lowercased() {
            case "none": isNone = true
            case "ipsec": break
            default: throw RuleError("policy match: invalid policy \"\(given.argument.text)\"", at: given.argument)
            }
        }
        if let given = options["next"], !isStrict {
            throw RuleError("policy: option \"--next\" also requires \"--strict\"", at: given.word)
        }
        if isNone {
            if isStrict { throw RuleError("policy match: policy none but --strict given", at: options["strict"]?.word) }
            return
        }
        elements = try Self.elements(options)
        for (index, element) in elements.enumerated() {
            if isStrict, element.isEmpty {
                throw RuleError(
                    "policy match: empty policy element \(index). --strict is in effect, but at least one of reqid,"
                        + " spi, tunnel-src, tunnel-dst, proto or mode is required.", at: options.word)
            }
            let isTunnel = element.mode.map { ($0.value == .tunnel) != $0.isNegated } ?? false
            if !isTunnel, element.tunnelSource != nil || element.tunnelDestination != nil {
                throw RuleError(
                    "policy match: --tunnel-src/--tunnel-dst is only valid in tunnel mode",
                    at: (options["tunnel-src"] ?? options["tunnel-dst"])?.word)
            }
        }
        if !isStrict, elements.allSatisfy(\.isEmpty) { elements = [] }
    }

    private static func elements(_ options: GivenOptions) throws(RuleError) -> [Element] {
        var elements = [Element()]
        for given in options.list {
            let last = elements.count - 1
            let twice = RuleError("policy match: double --\(given.name) option", at: given.word)
            switch given.name {
            case "next":
                guard elements.count < 4 else {
                    throw RuleError("policy match: maximum policy depth reached", at: given.word)
                }
                elements.append(Element())
            case "reqid":
                guard elements[last].requestID == nil else { throw twice }
                elements[last].requestID = Negatable(
                    try options.number(given, 0...UInt32.max), isNegated: given.isNegated)
            case "spi":
                guard elements[last].spi == nil else { throw twice }
                elements[last].spi = Negatable(try options.number(given, 0...UInt32.max), isNegated: given.isNegated)
            case "proto":
                guard elements[last].ipProtocol == nil else { throw twice }
                let text = given.argument.text
                let number = Number.parse(text, in: 0...255).map(UInt8.init) ?? Names.protocolNumber(text)
                guard let number, [50, 51, 108].contains(number) else {
                    throw RuleError("policy match: protocol must be ah/esp/ipcomp", at: given.argument)
                }
                elements[last].ipProtocol = Negatable(IPProtocol(rawValue: number), isNegated: given.isNegated)
            case "mode":
                guard elements[last].mode == nil else { throw twice }
                guard let mode = Mode(rawValue: given.argument.text.lowercased()) else {
                    throw RuleError("policy match: invalid mode \"\(given.argument.text)\"", at: given.argument)
                }
                elements[last].mode = Negatable(mode, isNegated: given.isNegated)
            case "tunnel-src":
                guard elements[last].tunnelSource == nil else { throw twice }
                elements[last].tunnelSource = Negatable(try options.address(given), isNegated: given.isNegated)
            case "tunnel-dst":
                guard elements[last].tunnelDestination == nil else { throw twice }
                elements[last].tunnelDestination = Negatable(try options.address(given), isNegated: given.isNegated)
            default: break
            }
        }
        return elements
    }

    public func check(at place: RulePlace) throws(RuleError) {
        switch side {
        case .out where !place.hooks.isDisjoint(with: [.prerouting, .input]):
            throw RuleError("policy: output policy not valid in PREROUTING and INPUT", exitCode: 1)
        case .in where !place.hooks.isDisjoint(with: [.postrouting, .output]):
            throw RuleError("policy: input policy not valid in POSTROUTING and OUTPUT", exitCode: 1)
        default: break
        }
    }

    public func print(to printer: inout RulePrinter) {
        printer.option("dir", side.rawValue)
        printer.option("pol", isNone ? "none" : "ipsec")
        if isStrict { printer.option("strict") }
        for (index, element) in elements.enumerated() {
            if index > 0 { printer.option("next") }
            if let value = element.requestID {
                printer.option("reqid", isNegated: value.isNegated, String(value.value))
            }
            if let value = element.spi {
                printer.option("spi", isNegated: value.isNegated, Number.hexadecimal(value.value))
            }
            if let value = element.ipProtocol {
                let number = value.value.rawValue
                printer.option("proto", isNegated: value.isNegated, Names.protocolName(number) ?? String(number))
            }
            if let value = element.mode { printer.option("mode", isNegated: value.isNegated, value.value.rawValue) }
            if let value = element.tunnelDestination {
                printer.option("tunnel-dst", isNegated: value.isNegated, value.value.shortDescription)
            }
            if let value = element.tunnelSource {
                printer.option("tunnel-src", isNegated: value.isNegated, value.value.shortDescription)
            }
        }
    }
}
