/// `-m udp`: ports of a UDP header (kernel: xt_tcpudp.c).
public struct UDPMatch: MatchExtension {
    public var sourcePorts: Negatable<ClosedRange<UInt16>>?
    public var destinationPorts: Negatable<ClosedRange<UInt16>>?

    public init(
        sourcePorts: Negatable<ClosedRange<UInt16>>? = nil, destinationPorts: Negatable<ClosedRange<UInt16>>? = nil
    ) {
        self.sourcePorts = sourcePorts
        self.destinationPorts = destinationPorts
    }

    public static let description = ExtensionDescription(
        .match, "udp", summary: "ports of UDP",
        options: [
            OptionDescription("source-port", "sport", canNegate: true),
            OptionDescription("destination-port", "dport", canNegate: true),
        ], protocols: [17], scope: .flow, status: .acts)

    public var match: Match { .udp(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        sourcePorts = try options.negatablePorts("source-port")
        destinationPorts = try options.negatablePorts("destination-port")
    }

    public func print(to printer: inout RulePrinter) {
        printer.ports("sport", sourcePorts)
        printer.ports("dport", destinationPorts)
    }
}
