/// `-m rateest`: comparison of rates that `-j RATEEST` estimates (kernel: xt_rateest.c).
public struct RateestMatch: MatchExtension {
    public enum Comparison: String, Hashable, Sendable {
        case less = "lt"
        case greater = "gt"
        case equal = "eq"
    }

    /// What is compared with the first estimator.
    public enum Operand: Hashable, Sendable {
        /// Fixed rates.
        case rate(Rates)
        /// Another estimator, in bytes, packets or both.
        case estimator(String, bytes: Bool, packets: Bool)
    }

    /// Bytes and packets a second; nil for what is not compared.
    public struct Rates: Hashable, Sendable {
        public var bytes: UInt32?
        public var packets: UInt32?

        public init(bytes: UInt32? = nil, packets: UInt32? = nil) {
            self.bytes = bytes
            self.packets = packets
        }
    }

    public var estimator: String
    public var comparison: Comparison
    public var isNegated: Bool
    public var operand: Operand
    /// What is taken off the first estimator; nil unless `--rateest-delta`.
    public var delta: Rates?
    /// What is taken off the second estimator.
    public var secondDelta: Rates?

    public static let description = ExtensionDescription(
        .match, "rateest", summary: "comparison of estimated rates",
        options: [
            OptionDescription("rateest1", "rateest"), OptionDescription("rateest2"),
            OptionDescription("rateest-bps1", arguments: -1), OptionDescription("rateest-pps1", arguments: -1),
            OptionDescription("rateest-bps2", "rateest-bps", arguments: -1),
            OptionDescription("rateest-pps2", "rateest-pps", arguments: -1),
            OptionDescription("rateest-delta", arguments: 0),
            // iptables saves it twice where both rates are compared.
            OptionDescription("rateest-lt", arguments: 0, canNegate: true, canRepeat: true),
            OptionDescription("rateest-gt", arguments: 0, canNegate: true, canRepeat: true),
            OptionDescription("rateest-eq", arguments: 0, canNegate: true, canRepeat: true),
        ], scope: .packet, status: .acts)

    public var match: Match { .rateest(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        let first = try options.required("rateest1")
        estimator = try options.truncatedString(first, to: 15)
        guard let given = options.list.last(where: { ["rateest-lt", "rateest-gt", "rateest-eq"].contains($0.name) }),
            let comparison = Comparison(rawValue: String(given.name.suffix(2)))
        else {
            throw RuleError("rateest: one of --rateest-lt, --rateest-gt and --rateest-eq is needed", at: options.word)
        }
        self.comparison = comparison
        isNegated = given.isNegated
        let isDelta = options.contains("rateest-delta")
        if isDelta {
            delta = Rates(
                bytes: try Self.rate("rateest-bps1", options), packets: try Self.packets("rateest-pps1", options))
        } else if let extra = options["rateest-bps1"] ?? options["rateest-pps1"] {
            throw RuleError("rateest: --\(extra.name) goes with --rateest-delta", at: extra.word)
        }
        let second = Rates(
            bytes: try Self.rate("rateest-bps2", options), packets: try Self.packets("rateest-pps2", options))
        let hasBytes = options.contains("rateest-bps2") || delta?.bytes != nil
        let hasPackets = options.contains("rateest-pps2") || delta?.packets != nil
        guard hasBytes || hasPackets else {
            throw RuleError("rateest: one of --rateest-bps and --rateest-pps is needed", at: options.word)
        }
        if let other = options["rateest2"] {
            operand = .estimator(try options.truncatedString(other, to: 15), bytes: hasBytes, packets: hasPackets)
            if isDelta { secondDelta = second }
        } else {
            operand = .rate(
                Rates(bytes: hasBytes ? second.bytes ?? 0 : nil, packets: hasPackets ? second.packets ?? 0 : nil))
        }
    }

    private static func packets(_ name: String, _ options: GivenOptions) throws(RuleError) -> UInt32? {
        guard let given = options[name], !given.arguments.isEmpty else { return nil }
        return try options.number(given, 0...UInt32.max)
    }

    /// A rate in bits or bytes a second with a unit, in bytes.
    private static func rate(_ name: String, _ options: GivenOptions) throws(RuleError) -> UInt32? {
        guard let given = options[name], let argument = given.arguments.first else { return nil }
        let text = argument.text
        let digits = text.prefix { $0.isNumber || $0 == "." }
        let units: KeyValuePairs<String, Double> = [
            "": 1, "bit": 1, "kibit": 1024, "kbit": 1e3, "mibit": 1024 * 1024, "mbit": 1e6, "gibit": 1024 * 1024 * 1024,
            "gbit": 1e9, "tbit": 1e12, "bps": 8, "kibps": 8192, "kbps": 8e3, "mibps": 8 * 1024 * 1024, "mbps": 8e6,
            "gibps": 8 * 1024 * 1024 * 1024, "gbps": 8e9, "tbps": 8e12,
        ]
        let unit = text.dropFirst(digits.count).lowercased()
        guard let value = Double(digits), let factor = units.first(where: { $0.key == unit })?.value,
            value * factor / 8 <= Double(UInt32.max)
        else { throw RuleError("rateest: could not parse rate `\(text)'", at: argument) }
        return UInt32(value * factor / 8)
    }

    public func print(to printer: inout RulePrinter) {
        if delta != nil { printer.option("rateest-delta") }
        func sign(_ printer: inout RulePrinter) {
            printer.option("rateest-\(comparison.rawValue)", isNegated: isNegated)
        }
        switch operand {
        case .rate(let rates):
            printer.option("rateest", Quoting.quotedIfBroken(estimator))
            if let bytes = rates.bytes {
                if let delta { printer.option("rateest-bps1", Self.text(bytes: delta.bytes ?? 0)) }
                sign(&printer)
                printer.option(delta == nil ? "rateest-bps" : "rateest-bps2", Self.text(bytes: bytes))
            }
            if let packets = rates.packets {
                if let delta { printer.option("rateest-pps1", String(delta.packets ?? 0)) }
                sign(&printer)
                printer.option(delta == nil ? "rateest-pps" : "rateest-pps2", String(packets))
            }
        case .estimator(let other, let bytes, let packets):
            printer.option("rateest1", Quoting.quotedIfBroken(estimator))
            if bytes {
                if let delta { printer.option("rateest-bps1", Self.text(bytes: delta.bytes ?? 0)) }
                sign(&printer)
                if delta == nil { printer.option("rateest-bps") }
                if delta != nil { printer.option("rateest-bps2", Self.text(bytes: secondDelta?.bytes ?? 0)) }
            }
            if packets {
                if let delta { printer.option("rateest-pps1", String(delta.packets ?? 0)) }
                sign(&printer)
                if delta == nil { printer.option("rateest-pps") }
                if delta != nil { printer.option("rateest-pps2", String(secondDelta?.packets ?? 0)) }
            }
            printer.option("rateest2", Quoting.quotedIfBroken(other))
        }
    }

    private static func text(bytes: UInt32) -> String {
        let bits = UInt64(bytes) * 8
        if bits >= 1_000_000_000 { return "\((bits + 500_000) / 1_000_000)Mbit" }
        return bits >= 1_000_000 ? "\((bits + 500) / 1000)Kbit" : "\(bits)bit"
    }
}
