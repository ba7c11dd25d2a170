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
    /// There was no clash: the index has no place for the flow.
    case noRoom

    var isLoss: Bool {
        switch self {
        case .joined, .answersOnly, .passes: false
        case .dropped, .noRoom: true
        }
    }
}

extension FlowTable {
    /// Resolves a clash without losing the packet, for protocols that have no handshake of their own (nf_ct_resolve_clash in
    /// net/netfilter/nf_conntrack_core.c). Two packets of one socket that are on their way at the
    /// same time, such as a resolver's questions for A and AAAA, are the usual cause.
    func resolveClash(_ flow: UInt32, now: Instant) -> ClashResolution {
        let original = flows[flow].original
        let reply = flows[flow].reply
        let originalHash = index.hash(original)
        let replyHash = index.hash(reply)
        guard isTaken(original, .original, hash: originalHash, except: flow) || isTaken(reply, .reply, hash: replyHash, except: flow)
        else { return .noRoom }
        guard Self.mayClash(original.ipProtocol) else { return .dropped }
        let first = find(original, hash: originalHash, now: now)
        if let first, isSame(flow, first.flow) { return .joined(first.flow) }
        // Answers must find their flow whatever becomes of the original direction.
        if let other = find(reply, hash: replyHash, now: now) {
            // It must be ours turned round, zones included; one that goes our way, but not for `first`, is in another zone.
            return other.direction == .original && isTurned(flow, other.flow) ? .joined(other.flow) : .dropped
        }
        if first != nil, flows[flow].status.contains(.replyReserved) {
            flows[flow].expire(at: now + TCPTimeouts.second)
            flows[flow].set([.answersOnly, .confirmed])
            return .answersOnly
        }
        // The other worker has taken our reply tuple for the same flow, and is not through yet.
        return first == nil && !flows[flow].status.contains(.replyReserved) ? .passes : .dropped
    }

    /// Whether what has a fresh flow's reply tuple is an untranslated flow that goes the other way, zones apart: then the fresh one keeps
    /// its source, and confirming finds out whether they are one and the same (nf_nat_used_tuple_new in net/netfilter/nf_nat_core.c).
    /// Where their zones differ that costs the packet.
    func crossesAnother(_ flow: UInt32) -> Bool {
        let original = flows[flow].original
        let reply = flows[flow].reply
        guard Self.mayClash(original.ipProtocol), reply.zone == original.zone else { return false }
        return index.first(index.hash(reply)) { reference in
            guard reference.direction == .original, reference.flow != flow, flows[reference.flow].original == reply else { return false }
            var back = flows[reference.flow].reply
            back.zone = original.zone
            return back == original
                && flows[reference.flow].status.isDisjoint(with: [.dying, .sourceNAT, .destinationNAT, .sequenceAdjusted])
        } != nil
    }

    /// Whether packets that begin a protocol's flow may clash without loss (`allow_clash`).
    private static func mayClash(_ ipProtocol: IPProtocol) -> Bool {
        switch ipProtocol {
        case .udp, .udpLite, .icmp: true
        default: false
        }
    }

    /// Whether a packet of one flow may as well be one of the other: it is not translated there, or just as here, in the same direction or
    /// the other (nf_ct_can_merge).
    private func isSame(_ flow: UInt32, _ other: UInt32) -> Bool {
        flows[other].status.isDisjoint(with: [.sourceNATDone, .destinationNATDone])
            || flows[other].original == flows[flow].original && flows[other].reply == flows[flow].reply
            || isTurned(flow, other)
    }

    /// Whether two flows are one, begun from either end.
    private func isTurned(_ flow: UInt32, _ other: UInt32) -> Bool {
        flows[other].original == flows[flow].reply && flows[other].reply == flows[flow].original
    }

    /// Whether nobody has a fresh flow's original tuple but as the reserved reply of the same flow begun from the other end: two workers have
    /// met the first packets of both directions at once. The first to be confirmed then gets it, and the other joins it.
    @inline(never)
    func isOnlyTurned(_ flow: UInt32, hash: UInt64) -> Bool {
        let original = flows[flow].original
        return index.first(hash) { reference in
            let other = reference.flow
            return other != flow && flows[other].tuple(reference.direction) == original && !flows[other].status.contains(.dying)
                && !(reference.direction == .reply && !flows[other].status.contains(.confirmed) && isTurned(flow, other))
        } == nil
    }
}
