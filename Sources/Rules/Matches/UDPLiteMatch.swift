/// `-m udplite`: ports of a UDP-Lite header (kernel: xt_tcpudp.c). iptables 1.8.9 has no plug-in for it, the kernel
/// has the match; it is written as `-m udp` is.
public struct UDPLiteMatch: PortMatch {
    public var ports: TransportPorts

    public static let description = ExtensionDescription(
        .match, "udplite", summary: "ports of UDP-Lite", options: TransportPorts.options, protocols: [136], scope: .flow,
        status: .acts)

    public var match: Match { .udplite(self) }

    public init(ports: TransportPorts) { self.ports = ports }
}
