/// `-m udplite`: ports of a UDP-Lite header (kernel: xt_tcpudp.c). iptables 1.8.9 has no plug-in for it, the kernel
/// has the match; it is written as `-m udp` is.
public struct UDPLiteMatch: MatchExtension {
    public var sourcePorts: Negatable<ClosedRange<UInt16>>?
    public var destinationPorts: Negatable<ClosedRange<UInt16>>?

    public init(
        sourcePorts: Negatable<ClosedRange<UInt16>>? = nil, destinationPorts: Negatable<ClosedRange<UInt16>>? = nil
    ) {
        self.sourcePorts = sourcePorts
        self.destinationPorts = destinationPorts
    }

    public static let description = ExtensionDescription(
        .match, "udplite", summary: "ports of UDP-Lite",
        options: [
            OptionDescription("source-port", "sport", canNegate: true),
            OptionDescription("destination-port", "dport", canNegate: true),
        ], protocols: [136], scope: .flow, status: .acts)

    public var match: Match { .udplite(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        sourcePorts = try options.negatablePorts("source-port")
        destinationPorts = try options.negatablePorts("destination-port")
    }

    public func print(to printer: inout RulePrinter) {
        printer.ports("sport", sourcePorts)
        printer.ports("dport", destinationPorts)
    }
}
