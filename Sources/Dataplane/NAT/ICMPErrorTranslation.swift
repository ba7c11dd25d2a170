import Net

extension Worker {
    /// Translates an ICMP error of a translated flow: the packet it carries back to what its sender sent, then the error itself
    /// like an answer to it (nf_nat_icmp_reply_translation in net/netfilter/nf_nat_proto.c).
    ///
    /// - Returns: false if the error must be dropped.
    mutating func translateError(_ packet: inout Packet, _ end: Manipulation) -> Bool {
        let flow = packet.tracking.flow
        let status = flows.flows[flow].status
        // Its checksum is made anew below, which would mend a damaged one.
        guard packet.hasRightTransportChecksum() else { return false }
        // A redirect would send the host around us, to an address that only we know.
        if packet.transport8(Offset.icmpType) == ICMPType.redirect {
            guard status.isSuperset(of: [.sourceNATDone, .destinationNATDone]),
                status.isDisjoint(with: [.sourceNAT, .destinationNAT])
            else { return false }
        }
        guard status.contains(end.status(packet.tracking.direction)) else { return true }
        guard let inner = InnerPacket(packet) else { return false }
        let other = flows.flows[flow].tuple(packet.tracking.direction.opposite)
        // Addresses alone are not changed where a header with ports is cut off (l4proto_manip_pkt in net/netfilter/nf_nat_proto.c).
        switch inner.tuple.ipProtocol {
        case .tcp, .udp, .udpLite, .sctp, .icmp: guard inner.isLongEnoughForNAT else { return false }
        default: break
        }
        rewriteInner(packet, inner, end.opposite, to: other)
        packet.fillTransportChecksum()
        guard let target = other.inverted else { return false }
        // The ports of `target` are the flow's, not the error's, which has none to rewrite.
        let hadTransport = packet.hasTransport
        packet.hasTransport = false
        packet.rewrite(end, to: target)
        packet.hasTransport = hadTransport
        return true
    }

    /// The same for one end of the carried packet, of which the transport header may be cut off after eight bytes.
    private func rewriteInner(_ packet: Packet, _ inner: InnerPacket, _ end: Manipulation, to tuple: FlowTuple) {
        let start = InnerPacket.start
        let oldAddress = end == .source ? inner.tuple.source : inner.tuple.destination
        let newAddress = end == .source ? tuple.source : tuple.destination
        // An ICMP identifier belongs to both ends.
        let isSource = end == .source || inner.tuple.ipProtocol == .icmp
        let oldPort = isSource ? inner.tuple.sourcePort : inner.tuple.destinationPort
        let newPort = isSource ? tuple.sourcePort : tuple.destinationPort
        let transport = start + inner.headerLength

        func update(_ offset: Int, includingAddress: Bool, isUDP: Bool = false) {
            guard transport + offset + 2 <= packet.transportLength else { return }
            let field = packet.transport16(transport + offset)
            if isUDP, field == 0 { return }
            var updated = Checksum.updated(field, from: oldPort, to: newPort)
            if includingAddress {
                updated = Checksum.updated(updated, from: oldAddress.rawValue, to: newAddress.rawValue)
            }
            packet.setTransport16(transport + offset, updated == 0 && isUDP ? 0xFFFF : updated)
        }

        switch inner.tuple.ipProtocol {
        case .tcp:
            packet.setTransport16(transport + (end == .source ? Offset.sourcePort : Offset.destinationPort), newPort)
            if inner.available >= inner.headerLength + Offset.tcpHeader {
                update(Offset.tcpChecksum, includingAddress: true)
            }
        case .udp, .udpLite:
            packet.setTransport16(transport + (end == .source ? Offset.sourcePort : Offset.destinationPort), newPort)
            update(Offset.udpChecksum, includingAddress: true, isUDP: true)
        case .sctp:
            packet.setTransport16(transport + (end == .source ? Offset.sourcePort : Offset.destinationPort), newPort)
            // Of what is quoted, whether or not that is all there was, as sctp_manip_pkt in net/netfilter/nf_nat_proto.c.
            packet.fillSCTPChecksum(at: transport)
        case .icmp:
            packet.setTransport16(transport + Offset.icmpIdentifier, newPort)
            update(Offset.icmpChecksum, includingAddress: false)
        default: break
        }
        let addressOffset = start + (end == .source ? Offset.ipSource : Offset.ipDestination)
        packet.setTransport16(addressOffset, UInt16(truncatingIfNeeded: newAddress.rawValue >> 16))
        packet.setTransport16(addressOffset + 2, UInt16(truncatingIfNeeded: newAddress.rawValue))
        let checksum = Checksum.updated(
            packet.transport16(start + Offset.ipChecksum), from: oldAddress.rawValue, to: newAddress.rawValue)
        packet.setTransport16(start + Offset.ipChecksum, checksum)
    }
}
