/// What `conntrack -S` counts, for one worker (struct ip_conntrack_stat in include/linux/netfilter/nf_conntrack_common.h), as far as it
/// means something here: no search is ever begun again, no chain is too long, and clashes are not resolved but dropped.
public enum FlowColumn: Int, Sendable, CaseIterable {
    /// NAT found that another flow has the tuple it wanted.
    case found
    /// Packets that belong to no flow and may not begin one.
    case invalid
    /// Flows that could not be entered, because another had been in the meantime.
    case insertFailed
    /// Packets dropped for it, or because there was no room for a flow.
    case drop
    /// Flows put out to make room.
    case earlyDrop
}

extension Worker {
    /// Tracks a packet and counts what came of it.
    @inline(__always)
    mutating func trackAndCount(_ packet: inout Packet, verifies: Bool) -> DropReason? {
        let reason = track(&packet, verifies: verifies)
        if reason == .flowTableFull { statistics.add(FlowColumn.drop) }
        if packet.tracking.state == .invalid, reason == nil { statistics.add(FlowColumn.invalid) }
        return reason
    }
}
