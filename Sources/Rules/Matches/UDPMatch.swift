/// `-m udp`: ports of a UDP header (kernel: xt_tcpudp.c).
public struct UDPMatch: PortMatch {
    public var ports: TransportPorts

    public static let description = ExtensionDescription(
        .match, "udp", summary: "ports of UDP", options: TransportPorts.options, protocols: [17], scope: .flow,
        status: .acts)

    public var match: Match { .udp(self) }

    public init(ports: TransportPorts) { self.ports = ports }
}
