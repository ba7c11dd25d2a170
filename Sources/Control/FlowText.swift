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
        text += original.procText(zone: zoneSide == .original ? "zone-orig=\(zone) " : "")
        if !isReplySeen { text += "[UNREPLIED] " }
        text += reply.procText(zone: zoneSide == .reply ? "zone-reply=\(zone) " : "")
        if isOffloaded {
            text += "[OFFLOAD] "
        } else if isAssured {
            text += "[ASSURED] "
        }
        return text + "mark=\(mark) " + (zoneSide == .both ? "zone=\(zone) " : "") + "use=\(use)"
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
    fileprivate func procText(zone: String) -> String {
        var text = "src=\(source) dst=\(destination) "
        if let icmp { text += "type=\(icmp.type) code=\(icmp.code) id=\(icmp.id) " }
        if let sourcePort, let destinationPort { text += "sport=\(sourcePort) dport=\(destinationPort) " }
        if let gre {
            text += "srckey=0x\(String(gre.source, radix: 16)) dstkey=0x\(String(gre.destination, radix: 16)) "
        }
        return text + zone + "packets=\(packets) bytes=\(bytes) "
    }
}
