/// What the matches on TCP, UDP, UDP-Lite, SCTP and DCCP say of ports, each in the same words.
public struct TransportPorts: Hashable, Sendable {
    public var source: Negatable<ClosedRange<UInt16>>?
    public var destination: Negatable<ClosedRange<UInt16>>?

    public init(
        source: Negatable<ClosedRange<UInt16>>? = nil, destination: Negatable<ClosedRange<UInt16>>? = nil
    ) {
        self.source = source
        self.destination = destination
    }

    static let options = [
        OptionDescription("source-port", "sport", canNegate: true),
        OptionDescription("destination-port", "dport", canNegate: true),
    ]

    init(_ options: GivenOptions) throws(RuleError) {
        source = try options.negatablePorts("source-port")
        destination = try options.negatablePorts("destination-port")
    }

    /// - Parameter savesEveryPort: whether the plug-in saves a range that is every port, too; libxt_tcp and libxt_udp leave it out unless it is
    ///   negated.
    func print(to printer: inout RulePrinter, savesEveryPort: Bool = false) {
        for case (let name, let ports?) in [("sport", source), ("dport", destination)]
        where savesEveryPort || ports.isNegated || ports.value != 0...65535 {
            printer.option(name, isNegated: ports.isNegated, RulePrinter.range(ports.value))
        }
    }
}
