import Net

/// `-m mac`: the Ethernet source address of a received frame (kernel: xt_mac.c).
public struct MACMatch: MatchExtension {
    public var source: Negatable<MACAddress>

    public init(source: Negatable<MACAddress>) { self.source = source }

    public static let description = ExtensionDescription(
        .match, "mac", summary: "Ethernet source address",
        options: [OptionDescription("mac-source", canNegate: true)], hooks: [.prerouting, .input, .forward],
        scope: .packet, status: .acts)

    public var match: Match { .mac(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        let given = try options.required("mac-source")
        guard let address = MACAddress(given.argument.text) else { 
            throw RuleError("Invalid MAC address specified.", at: given.argument)
         }
        source = Negatable(address, isNegated: given.isNegated)
    }

    public func print(to printer: inout RulePrinter) {
        printer.option("mac-source", isNegated: source.isNegated, source.value.description)
    }
}
