import Net

/// The head of the packet that an ICMP error is about, as far as the error carries it (RFC 792, RFC 1812, 4.3.2.3).
struct InnerPacket {
    /// Where its IP header begins, counted from the outer transport header.
    static let start = Offset.icmpHeader

    let headerLength: Int
    /// Bytes of it that are there, from its IP header on.
    let available: Int
    let tuple: FlowTuple

    /// Whether as much of it is there as NAT rewrites: eight bytes of the transport header.
    var isLongEnoughForNAT: Bool { available >= headerLength + 8 }

    /// - Returns: nil if there is not enough of it to tell its flow: a whole IP header and what the tuple is made of (nf_ct_get_tuple
    ///   in net/netfilter/nf_conntrack_core.c), and no later fragment.
    init?(_ packet: Packet) {
        available = packet.transportLength - Self.start
        guard available >= Offset.ipHeader else { return nil }
        let first = packet.transport8(Self.start)
        headerLength = Int(first & 0x0F) * 4
        guard first >> 4 == 4, headerLength >= Offset.ipHeader, available >= headerLength else { return nil }
        guard packet.transport16(Self.start + Offset.ipFragment) & 0x1FFF == 0 else { return nil }
        let ipProtocol = IPProtocol(rawValue: packet.transport8(Self.start + Offset.ipProtocol))
        let transport = Self.start + headerLength
        let needed =
            switch ipProtocol {
            case .tcp, .udp, .udpLite, .sctp, .gre: 4
            case .icmp: Offset.icmpHeader
            default: 0
            }
        guard available >= headerLength + needed else { return nil }
        var sourcePort: UInt16 = 0
        var destinationPort: UInt16 = 0
        switch ipProtocol {
        case .tcp, .udp, .udpLite, .sctp:
            sourcePort = packet.transport16(transport + Offset.sourcePort)
            destinationPort = packet.transport16(transport + Offset.destinationPort)
        case .icmp:
            destinationPort = packet.transport16(transport + Offset.icmpType)
            sourcePort = packet.transport16(transport + Offset.icmpIdentifier)
        case .gre:
            // PPTP's, by the call's number (see Tracking).
            if available >= headerLength + 8, packet.transport8(transport + Offset.greFlags + 1) & 7 == 1 {
                guard packet.transport16(transport + Offset.greProtocol) == 0x880B else { return nil }
                destinationPort = packet.transport16(transport + Offset.greCall)
            }
        default: break
        }
        tuple = FlowTuple(
            source: IPv4Address(rawValue: packet.transport32(Self.start + Offset.ipSource)),
            destination: IPv4Address(rawValue: packet.transport32(Self.start + Offset.ipDestination)),
            ipProtocol: ipProtocol, sourcePort: sourcePort, destinationPort: destinationPort)
    }
}
