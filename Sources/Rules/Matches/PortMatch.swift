/// A match on the ports of a transport header, and on nothing else of it.
public protocol PortMatch: MatchExtension {
    var ports: TransportPorts { get }
    init(ports: TransportPorts)
}

extension PortMatch {
    public init(_ options: GivenOptions) throws(RuleError) { self.init(ports: try TransportPorts(options)) }

    public func print(to printer: inout RulePrinter) { ports.print(to: &printer) }
}
