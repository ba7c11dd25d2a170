import Net

extension Worker {
    /// The nat table's part in a hook: gives a flow its binding with the first packet, and rewrites every packet
    /// (nf_nat_inet_fn in net/netfilter/nf_nat_core.c).
    @inline(__always)
    mutating func translate(_ packet: inout Packet, _ hook: Hook, _ end: Manipulation) -> DropReason? {
        guard packet.tracking.hasFlow else { return nil }
        let flow = packet.tracking.flow
        if packet.tracking.state == .related, packet.ipProtocol == .icmp {
            return translateError(&packet, end) ? nil : .natICMP
        }
        var status = flows.flows[flow].status
        // A flow that was confirmed before NAT saw it stays as it is.
        if !status.contains(end.done) {
            if packet.tracking.isUnconfirmed {
                if let reason = bindByRules(&packet, hook, end) { return reason }
                status = flows.flows[flow].status
            } else if packet.tracking.state == .related, !status.contains(.confirmed) {
                // A reset that answers a first packet meets the rules too. What they say no longer matters: the flow ends with the
                // packet, and the reset is translated by what that has been bound to so far.
                _ = evaluate(.nat, hook, &packet)
            }
        }
        if status.contains(.masqueraded), hook == .postrouting, packet.tracking.direction == .original,
            flows.flows[flow].masqueradePort != packet.egress
        {
            // The route has moved to another port, whose address the other side does not know (nf_nat_oif_changed).
            flows.kill(flow)
            return .natEgressChanged
        }
        guard status.contains(end.status(packet.tracking.direction)) else { return nil }
        guard let target = flows.flows[flow].tuple(packet.tracking.direction.opposite).inverted else { return .natICMP }
        packet.rewrite(end, to: target)
        return nil
    }

    private mutating func bindByRules(_ packet: inout Packet, _ hook: Hook, _ end: Manipulation) -> DropReason? {
        switch evaluate(.nat, hook, &packet) {
        case .drop(let reason): return reason
        case .accept:
            return bind(
                packet, end,
                to: .null(end == .source ? packet.source : packet.destination))
        case .translate(let index):
            var range = snapshot.rules.natRanges[index]
            if range.options.contains(.network) {
                range = range.mapped(end == .source ? packet.source : packet.destination)
            } else if range.options.contains(.masquerade) {
                // A DHCP client's, which has no address yet (nf_nat_masquerade_ipv4).
                if flows.flows[packet.tracking.flow].original.source.isUnspecified {
                    return bind(packet, end, to: .null(packet.source))
                }
                var nextHop = packet.nextHop
                if nextHop.isUnspecified {
                    // What the host sends goes the kernel's way, of which only the port is known here.
                    let way = routing.lookup(
                        RouteQuery(
                            destination: packet.destination, source: packet.source, mark: packet.mark, tos: packet.tos,
                            egress: packet.egress))
                    nextHop = way.nextHop
                }
                let address = routing.ports.selectSource(packet.egress, toward: nextHop)
                guard !address.isUnspecified else { return .natNoAddress }
                range.options.insert(.addresses)
                range.first = address
                range.last = address
                flows.flows[packet.tracking.flow].masqueradePort = packet.egress
                flows.flows[packet.tracking.flow].set(.masqueraded)
            } else if range.options.contains(.redirect) {
                let address =
                    hook == .output ? IPv4Address(127, 0, 0, 1) : routing.ports.selectSource(packet.ingress)
                guard !address.isUnspecified else { return .natNoAddress }
                range.options.insert(.addresses)
                range.first = address
                range.last = address
            }
            return bind(packet, end, to: range)
        }
    }
}
