import Net

/// What becomes of a packet whose flow could not be confirmed, because another worker was faster with the same one.
enum ClashResolution {
    /// The packet is of that flow.
    case joined(UInt32)
    /// The flow stands by its reply alone: what goes out finds the other, answers to this packet find this one.
    case answersOnly
    /// The other is not confirmed either; the packet goes on as both would have it.
    case passes
    case dropped
}

extension FlowTable {
    /// Resolves a clash without losing the packet, for protocols that have no handshake of their own (nf_ct_resolve_clash in
    /// net/netfilter/nf_conntrack_core.c; `allow_clash` of UDP, UDP-Lite and ICMP). Two packets of one socket that are on their way at the
    /// same time, such as a resolver's questions for A and AAAA, are the usual cause.
    func resolveClash(_ flow: UInt32, now: Instant) -> ClashResolution {
        let original = flows[flow].original
        let reply = flows[flow].reply
        switch original.ipProtocol {
        case .udp, .udpLite, .icmp: break
        default: return .dropped
        }
        let first = find(original, hash: index.hash(original), now: now)
        if let first, isSame(flow, first.flow) { return .joined(first.flow) }
        // Answers must find their flow whatever becomes of the original direction.
        if let other = find(reply, hash: index.hash(reply), now: now) {
            return isSame(flow, other.flow) ? .joined(other.flow) : .dropped
        }
        if first != nil, flows[flow].status.contains(.replyReserved) {
            flows[flow].expire(at: now + TCPTimeouts.second)
            flows[flow].set([.answersOnly, .confirmed])
            return .answersOnly
        }
        // The other worker has taken our reply tuple for the same flow, and is not through yet.
        return first == nil && !flows[flow].status.contains(.replyReserved) ? .passes : .dropped
    }

    /// Whether a packet of one flow may as well be one of the other: it is not translated there, or just as here.
    private func isSame(_ flow: UInt32, _ other: UInt32) -> Bool {
        flows[other].status.isDisjoint(with: [.sourceNATDone, .destinationNATDone])
            || flows[other].original == flows[flow].original && flows[other].reply == flows[flow].reply
    }
}
