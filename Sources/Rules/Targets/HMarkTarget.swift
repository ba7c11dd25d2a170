/// `-j HMARK`: a mark out of a hash of addresses and ports (kernel: xt_HMARK.c). Values that are nil take no part.
public struct HMarkTarget: TargetExtension {
    public var sourcePrefixLength: UInt8?
    public var destinationPrefixLength: UInt8?
    public var sourcePortMask: UInt16?
    public var destinationPortMask: UInt16?
    public var spiMask: UInt32?
    /// Or-ed to what the masks leave.
    public var sourcePortSet: UInt16?
    public var destinationPortSet: UInt16?
    public var spiSet: UInt32?
    public var protocolMask: UInt16?
    public var seed: UInt32
    /// The mark is the hash modulo this, at least 1, plus `offset`. One of 0 that was given is saved.
    public var modulus: UInt32
    public var offset: UInt32?
    /// Addresses and ports of the flow's original direction.
    public var usesFlow: Bool

    public static let description = ExtensionDescription(
        .target, "HMARK", summary: "a mark out of a hash",
        options: [
            OptionDescription("hmark-tuple"), OptionDescription("hmark-src-prefix"),
            OptionDescription("hmark-dst-prefix"), OptionDescription("hmark-sport-mask"),
            OptionDescription("hmark-dport-mask"), OptionDescription("hmark-spi-mask"),
            OptionDescription("hmark-sport"), OptionDescription("hmark-dport"), OptionDescription("hmark-spi"),
            OptionDescription("hmark-proto-mask"), OptionDescription("hmark-rnd"), OptionDescription("hmark-mod"),
            OptionDescription("hmark-offset"),
        ], scope: .flow, status: .acts)

    public var target: Target { .hmark(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        func value<N: FixedWidthInteger & Sendable>(_ name: String, _ type: N.Type) throws(RuleError) -> N? {
            guard let given = options[name] else { return nil }
            return try options.number(given, 0...N.max)
        }
        sourcePrefixLength = try options["hmark-src-prefix"].map { option throws(RuleError) in
            try options.prefixLength(option)
        }
        destinationPrefixLength = try options["hmark-dst-prefix"].map { option throws(RuleError) in
            try options.prefixLength(option)
        }
        sourcePortMask = try value("hmark-sport-mask", UInt16.self)
        destinationPortMask = try value("hmark-dport-mask", UInt16.self)
        spiMask = try value("hmark-spi-mask", UInt32.self)
        sourcePortSet = try value("hmark-sport", UInt16.self)
        destinationPortSet = try value("hmark-dport", UInt16.self)
        spiSet = try value("hmark-spi", UInt32.self)
        protocolMask = try value("hmark-proto-mask", UInt16.self)
        usesFlow = false
        if let modOption = options["hmark-mod"] {
            modulus = try options.number(modOption, 1...UInt32.max)
        } else {
            throw RuleError("HMARK: the --hmark-mod is not set, or zero", at: options.word)
        }
        guard let seedOption = options["hmark-rnd"] else {
            throw RuleError("--hmark-rnd is mandatory", at: options.word)
        }
        seed = try options.number(seedOption, 0...UInt32.max)
        offset = try value("hmark-offset", UInt32.self)
        if let given = options["hmark-tuple"] { try readTuple(given, options) }
        if spiMask != nil, sourcePortMask != nil || destinationPortMask != nil {
            throw RuleError(
                "you cannot use --hmark-spi-mask and --hmark-?port-mask,at the same time", at: options.word)
        }
        if spiSet != nil, sourcePortSet != nil || destinationPortSet != nil {
            throw RuleError("you cannot use --hmark-spi and --hmark-?port at the same time", at: options.word).byKernel()
        }
        let parts: [Any?] = [
            sourcePrefixLength, destinationPrefixLength, sourcePortMask, destinationPortMask, spiMask, sourcePortSet,
            destinationPortSet, spiSet, protocolMask,
        ]
        guard usesFlow || parts.contains(where: { $0 != nil }) else {
            throw RuleError("you have to specify --hmark-tuple at least", at: options.word)
        }
    }

    /// Names that stand for whole fields.
    private mutating func readTuple(_ given: GivenOption, _ options: GivenOptions) throws(RuleError) {
        func once(_ name: String) throws(RuleError) {
            if let other = options[name] {
                throw RuleError("HMARK: option \"--\(name)\" can only be used once.", at: other.word)
            }
        }
        for part in given.argument.text.split(separator: ",", omittingEmptySubsequences: false) {
            switch part {
            case "src":
                try once("hmark-src-prefix")
                sourcePrefixLength = 32
            case "dst":
                try once("hmark-dst-prefix")
                destinationPrefixLength = 32
            case "sport":
                try once("hmark-sport-mask")
                sourcePortMask = .max
            case "dport":
                try once("hmark-dport-mask")
                destinationPortMask = .max
            case "spi":
                try once("hmark-spi-mask")
                spiMask = .max
            case "proto":
                try once("hmark-proto-mask")
                protocolMask = .max
            case "ct": usesFlow = true
            default:
                throw RuleError(
                    "Bad type \"\(part)\"",
                    hint: Suggestion.hint(
                        for: String(part), among: ["src", "dst", "sport", "dport", "spi", "proto", "ct"]),
                    at: given.argument)
            }
        }
    }

    public func print(to printer: inout RulePrinter) {
        if let sourcePrefixLength { printer.option("hmark-src-prefix", String(sourcePrefixLength)) }
        if let destinationPrefixLength { printer.option("hmark-dst-prefix", String(destinationPrefixLength)) }
        if let sourcePortMask { printer.option("hmark-sport-mask", Number.hexadecimal(sourcePortMask, digits: 4)) }
        if let destinationPortMask {
            printer.option("hmark-dport-mask", Number.hexadecimal(destinationPortMask, digits: 4))
        }
        if let spiMask { printer.option("hmark-spi-mask", Number.hexadecimal(spiMask, digits: 8)) }
        if let sourcePortSet { printer.option("hmark-sport", Number.hexadecimal(sourcePortSet, digits: 4)) }
        if let destinationPortSet { printer.option("hmark-dport", Number.hexadecimal(destinationPortSet, digits: 4)) }
        if let spiSet { printer.option("hmark-spi", Number.hexadecimal(spiSet, digits: 8)) }
        if let protocolMask { printer.option("hmark-proto-mask", Number.hexadecimal(protocolMask, digits: 2)) }
        printer.option("hmark-rnd", Number.hexadecimal(seed, digits: 8))
        printer.option("hmark-mod", String(modulus))
        if let offset { printer.option("hmark-offset", String(offset)) }
        if usesFlow { printer.option("hmark-tuple", "ct") }
    }
}
