import Net

/// What `conntrack -S` counts, for one worker (struct ip_conntrack_stat in include/linux/netfilter/nf_conntrack_common.h), as far as it
/// means something here: no search is ever begun again, and no chain is too long.
public enum FlowColumn: Int, Sendable, CaseIterable {
    /// NAT found that another flow has the tuple it wanted.
    case found
    /// Packets that belong to no flow and may not begin one.
    case invalid
    /// Of these the ICMP messages, which are counted apart: damaged, of no known kind, or errors about packets of no flow.
    case error
    /// Flows that could not be entered: another with one of their tuples had been in the meantime, or the index had no place.
    case insertFailed
    /// Packets dropped for that, or because the table had no room for a flow.
    case drop
    /// Flows put out to make room.
    case earlyDrop
    /// Packets whose flow another worker had entered or was about to enter at the same moment, and that went on all the same: as part of
    /// that, or with a flow for their answers alone.
    case clashResolved
}

extension Worker {
    /// Tracks a packet and counts what came of it.
    @inline(__always)
    mutating func trackAndCount(_ packet: inout Packet, verifies: Bool) -> DropReason? {
        let reason = track(&packet, verifies: verifies)
        if reason == .flowTableFull { statistics.add(FlowColumn.drop) }
        if packet.tracking.state == .invalid, reason == nil {
            statistics.add(isUntrackableICMP(packet) ? FlowColumn.error : FlowColumn.invalid)
        }
        return reason
    }

    /// What nf_conntrack_icmpv4_error turns down; an answer that nobody asked for is turned down later (icmp_pkt_to_tuple and
    /// nf_conntrack_invert_icmp_tuple).
    private func isUntrackableICMP(_ packet: Packet) -> Bool {
        guard packet.ipProtocol == .icmp else { return false }
        guard packet.hasTransport else { return true }
        let type = packet.transport8(Offset.icmpType)
        return type > ICMPType.highest || ICMPType.isError(type) || !packet.hasRightTransportChecksum()
    }
}
