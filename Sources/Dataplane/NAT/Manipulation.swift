import Net

/// Which end of a packet NAT rewrites (enum nf_nat_manip_type).
public enum Manipulation: UInt8, Sendable {
    case source
    case destination

    @inline(__always)
    var opposite: Manipulation { self == .source ? .destination : .source }

    /// Flows that are rewritten at this end, as seen in `direction`: replies at the other one.
    @inline(__always)
    func status(_ direction: Direction) -> Flow.Status {
        (self == .source) == (direction == .original) ? .sourceNAT : .destinationNAT
    }

    @inline(__always)
    var done: Flow.Status { self == .source ? .sourceNATDone : .destinationNATDone }
}

extension Packet {
    /// Rewrites one end of the packet to that of `tuple`: address, port or ICMP identifier, and the checksums that cover them
    /// (RFC 3022, 4.1; nf_nat_manip_pkt). A fragment's transport header, where it is none, is left alone.
    @inline(__always)
    mutating func rewrite(_ end: Manipulation, to tuple: FlowTuple) {
        let oldAddress = end == .source ? source : destination
        let newAddress = end == .source ? tuple.source : tuple.destination
        let addressOffset = end == .source ? Offset.ipSource : Offset.ipDestination
        if hasTransport { rewriteTransport(end, to: tuple, from: oldAddress, to: newAddress) }
        setIP32(addressOffset, newAddress.rawValue)
        setIP16(
            Offset.ipChecksum,
            Checksum.updated(ip16(Offset.ipChecksum), from: oldAddress.rawValue, to: newAddress.rawValue))
        if end == .source { source = newAddress } else { destination = newAddress }
    }

    @inline(__always)
    private mutating func rewriteTransport(
        _ end: Manipulation, to tuple: FlowTuple, from oldAddress: IPv4Address, to newAddress: IPv4Address
    ) {
        let checksumOffset: Int
        switch ipProtocol {
        case .tcp: checksumOffset = Offset.tcpChecksum
        case .udp, .udpLite: checksumOffset = Offset.udpChecksum
        case .sctp:
            let new = end == .source ? tuple.sourcePort : tuple.destinationPort
            setTransport16(end == .source ? Offset.sourcePort : Offset.destinationPort, new)
            if end == .source { sourcePort = new } else { destinationPort = new }
            // Made anew in any case, as sctp_manip_pkt does.
            return fillSCTPChecksum()
        case .icmp:
            // The identifier belongs to both ends; the checksum covers no address.
            let new = tuple.sourcePort
            setTransport16(
                Offset.icmpChecksum,
                Checksum.updated(transport16(Offset.icmpChecksum), from: sourcePort, to: new))
            setTransport16(Offset.icmpIdentifier, new)
            sourcePort = new
            return
        default: return
        }
        let old = end == .source ? sourcePort : destinationPort
        let new = end == .source ? tuple.sourcePort : tuple.destinationPort
        setTransport16(end == .source ? Offset.sourcePort : Offset.destinationPort, new)
        if end == .source { sourcePort = new } else { destinationPort = new }
        let field = transport16(checksumOffset)
        // RFC 768: zero says that there is none, and stays.
        if ipProtocol == .udp, field == 0 { return }
        let updated = Checksum.updated(
            Checksum.updated(field, from: oldAddress.rawValue, to: newAddress.rawValue), from: old, to: new)
        setTransport16(checksumOffset, updated == 0 && ipProtocol != .tcp ? 0xFFFF : updated)
    }
}
