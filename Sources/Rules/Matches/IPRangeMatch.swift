import Net

/// `-m iprange`: addresses from one to another (kernel: xt_iprange.c).
public struct IPRangeMatch: MatchExtension {
    public var source: Negatable<Bounds<IPv4Address>>?
    public var destination: Negatable<Bounds<IPv4Address>>?

    public init(source: Negatable<Bounds<IPv4Address>>? = nil, destination: Negatable<Bounds<IPv4Address>>? = nil) {
        self.source = source
        self.destination = destination
    }

    public static let description = ExtensionDescription(
        .match, "iprange", summary: "addresses from one to another",
        options: [OptionDescription("src-range", canNegate: true), OptionDescription("dst-range", canNegate: true)],
        scope: .flow, status: .acts)

    public var match: Match { .iprange(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        source = try Self.range(options["src-range"], options)
        destination = try Self.range(options["dst-range"], options)
        guard source != nil || destination != nil else {
            throw RuleError("iprange match: You must specify `--src-range' or `--dst-range'", at: options.word)
        }
    }

    private static func range(
        _ given: GivenOption?, _ options: GivenOptions
    ) throws(RuleError) -> Negatable<Bounds<IPv4Address>>? {
        guard let given else { return nil }
        var ends: [IPv4Address] = []
        for part in given.argument.text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false) {
            guard let address = AddressParser.dotted(part), !part.isEmpty else { throw options.invalid(given) }
            ends.append(address)
        }
        return Negatable(Bounds(ends[0], ends[ends.count - 1]), isNegated: given.isNegated)
    }

    public func print(to printer: inout RulePrinter) {
        if let source {
            printer.option("src-range", isNegated: source.isNegated, "\(source.value.first)-\(source.value.last)")
        }
        if let destination {
            printer.option(
                "dst-range", isNegated: destination.isNegated, "\(destination.value.first)-\(destination.value.last)")
        }
    }
}
