import Net

// A packet that a rule of the raw table has chosen a zone for carries a template where others carry their flow, until it is tracked.
// The kernel's matches take that for a flow of addresses and ports that are all 0.

extension Worker {
    /// Whether the kernel's rules would find a flow at the packet, be it a template.
    @inline(__always)
    func hasFlowForRules(_ packet: Packet) -> Bool {
        packet.tracking.flow != 0 || packet.tracking.state == .none && packet.template.isSet
    }

    /// What a match says of a template (nf_ct_tmpl_alloc in net/netfilter/nf_conntrack_core.c, xt_ct_tg_check in
    /// net/netfilter/xt_CT.c).
    @inline(never)
    func matchesTemplate(_ match: FlowMatch) -> Bool {
        switch match {
        case .mark(let test): test.matches(0)
        case .status(let bits, let isNegated): (bits & (Flow.Status.confirmed.rawValue | 1 << 11) != 0) != isNegated
        case .ipProtocol(let number, let isNegated): (number == 0) != isNegated
        case .originalSource(let address), .originalDestination(let address), .replySource(let address),
            .replyDestination(let address):
            address.matches(IPv4Address.any)
        case .originalSourcePort(let range), .originalDestinationPort(let range), .replySourcePort(let range),
            .replyDestinationPort(let range):
            range.matches(0)
        case .direction(let direction): direction == .original
        case .expiry(let first, _, let isNegated): (first == 0) != isNegated
        // It has no counters, no labels and no helper of its own, and is no node's, with `!` neither (tried).
        case .carried, .label, .helper, .states, .cluster: false
        }
    }
}
