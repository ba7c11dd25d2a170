import Net

extension FlowRow {
    /// The flow as a line of /proc/net/nf_conntrack (ct_seq_show in net/netfilter/nf_conntrack_standalone.c), without
    /// the newline.
    public var procText: String {
        var text = "ipv4     2 \(padded(Self.layer4Name(`protocol`), 8)) \(`protocol`.rawValue) "
        if let timeout { text += "\(timeout) " }
        // The protocol's own words; an offloaded flow's state is not kept, so the kernel leaves it out.
        if let gre { text += "timeout=\(gre.unreplied), stream_timeout=\(gre.stream) " }
        if let state, !isOffloaded { text += "\(state) " }
        let isCounted = isAccounted != false
        text += original.text(zone: zoneSide == .original ? "zone-orig=\(zone) " : "", counters: isCounted)
        if !isReplySeen { text += "[UNREPLIED] " }
        text += reply.text(zone: zoneSide == .reply ? "zone-reply=\(zone) " : "", counters: isCounted)
        if isOffloaded {
            text += "[OFFLOAD] "
        } else if isAssured {
            text += "[ASSURED] "
        }
        text += "mark=\(mark) " + (zoneSide == .both ? "zone=\(zone) " : "")
        if let age { text += "delta-time=\(age) " }
        return text + "use=\(use)"
    }

    /// The flow as a line of the older /proc/net/ip_conntrack, without the newline: no layer 3, and what newer kernels added only where
    /// it says something.
    public var ipConntrackText: String {
        var text = "\(padded(Self.layer4Name(`protocol`), 8)) \(`protocol`.rawValue) "
        if let timeout { text += "\(timeout) " }
        if let state, !isOffloaded { text += "\(state) " }
        text += original.text(zone: "", counters: isAccounted != false)
        if !isReplySeen { text += "[UNREPLIED] " }
        text += reply.text(zone: "", counters: isAccounted != false)
        if isAssured { text += "[ASSURED] " }
        if mark != 0 { text += "mark=\(mark) " }
        if zone != 0 { text += "zone=\(zone) " }
        // The reader's own reference is not one that the old file knew.
        return text + "use=\(max(use, 2) - 1)"
    }

    /// The flow as `conntrack` prints it, without the reference count.
    ///
    /// - Parameters:
    ///   - protocolState: with the protocol's state.
    ///   - counters: with what it carried and how long it lived.
    ///   - mark: with its mark.
    ///   - helper: with the name of its helper.
    ///   - id: with its number.
    func conntrackText(
        protocolState: Bool, counters: Bool, mark showsMark: Bool, helper showsHelper: Bool, id showsID: Bool
    ) -> String {
        var text = "\(padded(Self.layer4Name(`protocol`), 8)) \(`protocol`.rawValue) "
        if let timeout { text += "\(timeout) " }
        if let state, protocolState { text += "\(state) " }
        let isCounted = counters && isAccounted != false
        text += original.text(zone: zone != 0 && zoneSide == .original ? "zone-orig=\(zone) " : "", counters: isCounted)
        if !isReplySeen { text += "[UNREPLIED] " }
        text += reply.text(zone: zone != 0 && zoneSide == .reply ? "zone-reply=\(zone) " : "", counters: isCounted)
        if isAssured { text += "[ASSURED] " }
        if showsMark { text += "mark=\(mark) " }
        if zone != 0, zoneSide == .both { text += "zone=\(zone) " }
        if counters, let age { text += "delta-time=\(age) " }
        if showsHelper, let helper { text += "helper=\(helper) " }
        if showsID, let id { text += "id=\(id) " }
        return String(text.dropLast())
    }

    /// The names of l4proto_name in the same file; all others are "unknown".
    private static func layer4Name(_ number: IPProtocol) -> String {
        switch number {
        case .icmp, .tcp, .udp, .gre, .sctp, .udpLite: number.description
        default: "unknown"
        }
    }

    private func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.utf8.count))
    }
}

extension FlowTuple {
    /// Both addresses, the key of the protocol, the zone, and the counters, each followed by a space.
    fileprivate func text(zone: String, counters: Bool) -> String {
        var text = "src=\(source) dst=\(destination) "
        if let icmp { text += "type=\(icmp.type) code=\(icmp.code) id=\(icmp.id) " }
        if let sourcePort, let destinationPort { text += "sport=\(sourcePort) dport=\(destinationPort) " }
        if let gre {
            text += "srckey=0x\(String(gre.source, radix: 16)) dstkey=0x\(String(gre.destination, radix: 16)) "
        }
        return text + zone + (counters ? "packets=\(packets) bytes=\(bytes) " : "")
    }
}
