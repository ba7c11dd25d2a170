import Net

/// What tracking says of a packet (enum ip_conntrack_info, and what `-m conntrack --ctstate` calls it).
public enum TrackingState: UInt8, Sendable {
    /// Tracking has not run.
    case none
    case new
    case established
    case related
    /// It belongs to no flow and may not begin one.
    case invalid
    /// A rule's NOTRACK.
    case untracked
}

/// A packet's place in a flow.
struct TrackingResult {
    var state: TrackingState = .none
    var direction: Direction = .original
    /// 0 if there is none.
    var flow: UInt32 = 0
    /// The flow was created by this packet and is not confirmed yet.
    var isUnconfirmed = false

    @inline(__always)
    var hasFlow: Bool { flow != 0 }
}

extension Worker {
    /// Finds the flow that a whole packet belongs to, or begins one (nf_conntrack_in in
    /// net/netfilter/nf_conntrack_core.c).
    ///
    /// - Parameter verifies: whether transport checksums are looked at: they are in PREROUTING only.
    /// - Returns: a reason to drop the packet, which only a full table or a reopened connection is.
    @inline(__always)
    mutating func track(_ packet: inout Packet, verifies: Bool) -> DropReason? {
        packet.tracking.state = .invalid
        let checks = verifies && snapshot.tracking.verifiesChecksums
        switch packet.ipProtocol {
        case .tcp:
            guard let segment = TCPSegment(packet) else { return nil }
            if checks, !packet.hasRightTransportChecksum() { return nil }
            return trackTCP(&packet, segment)
        case .udp:
            guard packet.hasTransport, isRightUDPLength(packet) else { return nil }
            if checks, !packet.hasRightTransportChecksum() { return nil }
            return trackDatagram(&packet)
        case .icmp:
            guard packet.hasTransport else { return nil }
            if checks, !packet.hasRightTransportChecksum() { return nil }
            let type = packet.transport8(Offset.icmpType)
            guard type <= ICMPType.highest else { return nil }
            if ICMPType.isError(type) {
                trackError(
                    &packet, packet.template.zone(.original, mark: packet.mark), packet.template.zone(.reply, mark: packet.mark))
                return nil
            }
            return trackDatagram(&packet)
        case .udpLite:
            guard packet.hasTransport, isRightUDPLite(packet, checks: checks) else { return nil }
            return trackDatagram(&packet)
        case .sctp:
            guard packet.transportLength >= Offset.sctpHeader else { return nil }
            if checks, !packet.hasRightSCTPChecksum() { return nil }
            return trackSCTP(&packet)
        case .gre:
            guard isTrackedGRE(packet) else { return nil }
            return trackDatagram(&packet)
        default:
            return trackDatagram(&packet)
        }
    }

    /// RFC 768: the length covers the header and no more than the packet.
    @inline(__always)
    func isRightUDPLength(_ packet: Packet) -> Bool {
        let length = Int(packet.transport16(Offset.udpLength))
        return length >= Offset.udpHeader && length <= packet.transportLength
    }

    /// RFC 3828, 3.1: the coverage is zero for the whole or holds the header, and the checksum must be there (udplite_error in
    /// net/netfilter/nf_conntrack_proto_udp.c).
    @inline(never)
    private func isRightUDPLite(_ packet: Packet, checks: Bool) -> Bool {
        let field = Int(packet.transport16(Offset.udpLength))
        let coverage = field == 0 ? packet.transportLength : field
        guard coverage >= Offset.udpHeader, coverage <= packet.transportLength,
            packet.transport16(Offset.udpChecksum) != 0
        else { return false }
        return !checks || packet.hasRightTransportChecksum(covering: coverage)
    }

    /// PPTP's kind of GRE carries PPP and nothing else (gre_pkt_to_tuple in net/netfilter/nf_conntrack_proto_gre.c).
    private func isTrackedGRE(_ packet: Packet) -> Bool {
        !hasGRECall(packet) || packet.transport16(Offset.greProtocol) == 0x880B
    }

    /// Version 1, whose header has a key in eight bytes of which the lower two are the call's number (RFC 2637, 4.1).
    @inline(__always)
    private func hasGRECall(_ packet: Packet) -> Bool {
        packet.ipProtocol == .gre && packet.fragmentField & 0x1FFF == 0 && packet.transportLength >= 8
            && packet.transport8(Offset.greFlags + 1) & 7 == 1
    }

    /// In the zone of the original direction. PPTP's calls are told apart by the receiver's number alone; the sender's is known to
    /// a helper that we do not have, and 0. Other GRE has no ports, whatever its key;
    /// DCCP has none either: the kernel lost its tracking with 6.16, and takes it for a protocol that it does not know.
    @inline(__always)
    private func tuple(of packet: Packet) -> FlowTuple {
        let hasPorts = packet.hasTransport && packet.ipProtocol != .dccp
        return FlowTuple(
            source: packet.source, destination: packet.destination, ipProtocol: packet.ipProtocol,
            sourcePort: hasPorts ? packet.sourcePort : 0,
            destinationPort: hasPorts ? packet.destinationPort : hasGRECall(packet) ? packet.transport16(Offset.greCall) : 0,
            zone: packet.template.zone(.original, mark: packet.mark))
    }

    /// The flow that a tuple belongs to: in the original direction's zone first, then in that of the reply
    /// (nf_conntrack_find_get).
    @inline(__always)
    private func find(_ tuple: FlowTuple, hash: UInt64, replyZone: UInt16) -> FlowIndex.Reference? {
        if replyZone == tuple.zone { return flows.find(tuple, hash: hash, now: now) }
        if let found = flows.find(tuple, hash: hash, now: now, only: .original) { return found }
        var other = tuple
        other.zone = replyZone
        return flows.find(other, hash: flows.index.hash(other), now: now, only: .reply)
    }

    /// Looks the packet's flow up or creates it, and says in which direction and state the packet is.
    @inline(__always)
    private mutating func resolve(_ packet: inout Packet, _ tuple: FlowTuple) -> DropReason? {
        let replyZone = packet.template.zone(.reply, mark: packet.mark)
        var hash: UInt64 = 0
        var found: FlowIndex.Reference?
        if replyZone == tuple.zone, flows.isFound(guess, tuple, now: now) {
            found = guess
        } else {
            hash = flows.index.hash(tuple)
            found = find(tuple, hash: hash, replyZone: replyZone)
        }
        if let found {
            packet.tracking.flow = found.flow
            packet.tracking.direction = found.direction
            packet.tracking.isUnconfirmed = false
            let status = flows.flows[found.flow].status
            packet.tracking.state =
                found.direction == .reply || status.contains(.seenReply)
                ? .established : status.contains(.expected) ? .related : .new
            return nil
        }
        guard var reply = tuple.inverted else { return nil }
        reply.zone = replyZone
        if tuple.ipProtocol == .icmp, !ICMPType.isQuery(UInt8(truncatingIfNeeded: tuple.destinationPort >> 8)) {
            return nil
        }
        let flow = owner.create(original: tuple, reply: reply, hash: hash)
        guard flow != 0 else { return .flowTableFull }
        packet.tracking = TrackingResult(state: .new, direction: .original, flow: flow, isUnconfirmed: true)
        flows.flows[flow].policy = packet.template.policy
        flows.flows[flow].allow(packet.template.events)
        if snapshot.tracking.accounts { flows.flows[flow].set(.accounted) }
        if snapshot.rules.asksForLabels { flows.makeLabels(flow) }
        if packet.opensForClient {
            flows.help[flow] = FlowHelp()
            flows.synproxies[flow] = SynproxyFlow()
            flows.flows[flow].set(.synproxied)
        }
        if flows.expectations.count > 0 { return beginExpected(&packet, tuple) }
        assignHelper(packet, tuple)
        return nil
    }

    /// The packet is of no flow after all.
    @inline(__always)
    private mutating func forget(_ packet: inout Packet) {
        if packet.tracking.isUnconfirmed { owner.abandon(packet.tracking.flow) }
        packet.tracking = TrackingResult(state: .invalid)
    }

    // MARK: TCP

    @inline(__always)
    private mutating func trackTCP(_ packet: inout Packet, _ segment: TCPSegment) -> DropReason? {
        // A second round only if the first one forgot a connection that has ended.
        for round in 0..<2 {
            if let reason = resolve(&packet, tuple(of: packet)) { return reason }
            let flow = packet.tracking.flow
            guard flow != 0 else { return nil }
            let table = flows.flows
            let status = table[flow].status
            if packet.tracking.isUnconfirmed {
                guard table[flow].tcp.begin(segment, settings: snapshot.tracking.tcp) else {
                    forget(&packet)
                    return nil
                }
            }
            table[flow].lock.lock()
            let old = table[flow].tcp.state
            var segment = segment
            if status.contains(.sequenceAdjusted) {
                let other = flows.help[flow].adjustment(packet.tracking.direction.opposite)
                segment.shift = other.offset(at: segment.acknowledgment - 1)
            }
            if status.contains(.synproxied), table[flow].tcp.isClientWaiting(segment, packet.tracking.direction) {
                table[flow].lock.unlock()
                return nil
            }
            let policy = table[flow].policy
            let verdict =
                policy == 0
                ? table[flow].tcp.track(
                    segment, packet.tracking.direction, status: status, settings: snapshot.tracking.tcp)
                : table[flow].tcp.track(
                    segment, packet.tracking.direction, status: status,
                    settings: flows.policies.tcp(policy, snapshot.tracking.tcp))
            let hasChangedState = table[flow].tcp.state != old
            let isNowAssured = table[flow].tcp.isNowAssured(after: old)
            table[flow].lock.unlock()

            switch verdict {
            case .accept(let timeout):
                if status.contains(.seenReply), !status.contains(.assured), isNowAssured {
                    table[flow].set(.assured)
                    note(flow, .assured)
                }
                if hasChangedState { note(flow, .protocolState) }
                table[flow].expire(at: now + timeout)
            case .ignore:
                // Not counted either: it may be no segment of this connection (nf_ct_refresh_acct is not reached).
                noteReply(packet, status)
                return nil
            case .invalid:
                forget(&packet)
                return nil
            case .invalidClosing(let most):
                // Where it is about to end anyway it is left alone (nf_tcp_handle_invalid).
                if table[flow].expires >= now + max(120 * TCPTimeouts.second, most) { table[flow].expire(at: now + most) }
                forget(&packet)
                return nil
            case .acceptAndEnd:
                // The packet goes on as part of the flow; nobody will find it any more. Its end is told of before it counts as answered.
                count(packet)
                tellEnd(flow)
                if packet.tracking.direction == .reply { table[flow].set(.seenReply) }
                // A reset begins no flow, so this one is confirmed.
                flows.kill(flow)
                return nil
            case .reopen:
                guard round == 0, flows.kill(flow) else { return .flowReopened }
                packet.tracking = TrackingResult(state: .invalid)
                continue
            }
            noteReply(packet, status)
            count(packet)
            return nil
        }
        return nil
    }

    // MARK: SCTP

    @inline(never)
    private mutating func trackSCTP(_ packet: inout Packet) -> DropReason? {
        if let reason = resolve(&packet, tuple(of: packet)) { return reason }
        let flow = packet.tracking.flow
        guard flow != 0 else { return nil }
        let table = flows.flows
        let status = table[flow].status
        table[flow].lock.lock()
        let associations = flows.associations
        let old = associations[flow].state
        let policy = table[flow].policy
        let (verdict, becomesAssured) = associations[flow].track(
            packet, packet.tracking.direction, isFirst: packet.tracking.isUnconfirmed,
            timeouts: policy == 0 ? snapshot.tracking.sctp : flows.policies.sctp(policy))
        if associations[flow].state != old { note(flow, .protocolState) }
        table[flow].lock.unlock()
        if becomesAssured, !status.contains(.assured) {
            table[flow].set(.assured)
            note(flow, .assured)
        }
        switch verdict {
        case .invalid: forget(&packet)
        case .ignore: noteReply(packet, status)
        case .accept(let timeout):
            table[flow].expire(at: now + timeout)
            noteReply(packet, status)
            count(packet)
        }
        return nil
    }

    // MARK: UDP, ICMP and all others

    @inline(__always)
    private mutating func trackDatagram(_ packet: inout Packet) -> DropReason? {
        if let reason = resolve(&packet, tuple(of: packet)) { return reason }
        let flow = packet.tracking.flow
        guard flow != 0 else { return nil }
        let table = flows.flows
        let status = table[flow].status
        var timeout: UInt64
        var slot = TimeoutPolicies.unreplied
        if status.contains(.answersOnly) {
            // Its second runs from the beginning.
            noteReply(packet, status)
            count(packet)
            return nil
        }
        switch packet.ipProtocol {
        case .udp, .udpLite:
            if packet.tracking.isUnconfirmed {
                // Still active after two seconds it is a stream (nf_conntrack_udp_packet).
                table[flow].streamSince = now + 2 * TCPTimeouts.second
            }
            if status.contains(.seenReply) {
                let isStream = now > table[flow].streamSince
                timeout = isStream ? snapshot.tracking.udpStream : snapshot.tracking.udp
                if isStream, !status.contains(.assured) {
                    table[flow].set(.assured)
                    note(flow, .assured)
                }
                slot = isStream ? TimeoutPolicies.replied : TimeoutPolicies.unreplied
            } else {
                timeout = snapshot.tracking.udp
            }
        case .gre:
            // A stream as soon as it is answered (gre_packet in net/netfilter/nf_conntrack_proto_gre.c).
            let isStream = status.contains(.seenReply)
            timeout = isStream ? snapshot.tracking.greStream : snapshot.tracking.gre
            if isStream, !status.contains(.assured) {
                table[flow].set(.assured)
                note(flow, .assured)
            }
            slot = isStream ? TimeoutPolicies.replied : TimeoutPolicies.unreplied
        case .icmp: timeout = snapshot.tracking.icmp
        default: timeout = snapshot.tracking.generic
        }
        if table[flow].policy != 0 { timeout = flows.policies.timeout(table[flow].policy, slot) }
        table[flow].expire(at: now + timeout)
        noteReply(packet, status)
        count(packet)
        return nil
    }

    @inline(__always)
    private func noteReply(_ packet: Packet, _ status: Flow.Status) {
        if packet.tracking.direction == .reply, !status.contains(.seenReply) {
            flows.flows[packet.tracking.flow].set(.seenReply)
            note(packet.tracking.flow, .reply)
        }
    }

    @inline(__always)
    private func count(_ packet: Packet) {
        let flow = packet.tracking.flow
        let table = flows.flows
        table[flow].lock.lock()
        if packet.tracking.direction == .original {
            table[flow].originalCounter.packets &+= 1
            table[flow].originalCounter.bytes &+= UInt64(packet.totalLength)
        } else {
            table[flow].replyCounter.packets &+= 1
            table[flow].replyCounter.bytes &+= UInt64(packet.totalLength)
        }
        table[flow].lock.unlock()
    }

    // MARK: ICMP errors

    /// What the host's own ICMP says of a packet that reached it belongs to that packet's flow before any rule sees it
    /// (icmp_glue_bits in net/ipv4/icmp.c). Only of a protocol that it does not know: UDP and TCP have forgotten the flow by then.
    ///
    /// The flow may be in any zone that rules name; in one that is a mark it is not found.
    @inline(never)
    mutating func trackHostError(_ packet: inout Packet) {
        guard packet.hasTransport, packet.transport8(Offset.icmpType) == ICMPType.destinationUnreachable,
            packet.transport8(Offset.icmpCode) == 2
        else { return }
        trackError(&packet, 0, 0)
        let zones = snapshot.rules.zones
        for place in 0..<zones.count where !packet.tracking.hasFlow { trackError(&packet, zones[place], zones[place]) }
    }

    /// An error belongs to the flow of the packet that it carries, and travels against it (nf_conntrack_inet_error).
    private mutating func trackError(_ packet: inout Packet, _ originalZone: UInt16, _ replyZone: UInt16) {
        guard let inner = InnerPacket(packet), var answer = inner.tuple.inverted else { return }
        answer.zone = originalZone
        guard let found = find(answer, hash: flows.index.hash(answer), replyZone: replyZone) else { return }
        // Who receives the error must be the one who sent the packet.
        guard flows.flows[found.flow].tuple(found.direction).destination == packet.destination else { return }
        packet.tracking = TrackingResult(state: .related, direction: found.direction, flow: found.flow)
    }

    // MARK: Confirming

    /// An error about our own reset goes the way that the flow began, and when it leaves, the flow counts as confirmed, although the packet
    /// that began it never left (nf_ct_attach, __nf_conntrack_confirm).
    @inline(__always)
    private func confirmsForAnother(_ packet: Packet) -> Bool {
        packet.isAnswer && packet.tracking.hasFlow && packet.tracking.direction == .original
            && !flows.flows[packet.tracking.flow].status.contains(.confirmed)
    }

    /// The packet has passed everything: what it began may now be found (nf_conntrack_confirm).
    @inline(__always)
    mutating func confirm(_ packet: inout Packet) -> DropReason? {
        // What SYNPROXY opens shifts numbers as well; so it comes first.
        if packet.tracking.hasFlow, flows.flows[packet.tracking.flow].status.contains(.synproxied),
            let reason = proxied(&packet)
        {
            return reason
        }
        if let reason = help(&packet) { return reason }
        guard packet.tracking.isUnconfirmed || confirmsForAnother(packet) else {
            tellChanges(packet)
            return nil
        }
        let flow = packet.tracking.flow
        if snapshot.tracking.stamps {
            flows.flows[flow].beginning = wallClock.nanoseconds(at: now)
            flows.flows[flow].set(.stamped)
        }
        let isEntered = flows.confirm(flow)
        if !isEntered {
            let resolution = flows.resolveClash(flow, now: now)
            if !resolution.isLoss { statistics.add(FlowColumn.clashResolved) }
            switch resolution {
            case .answersOnly: break
            case .joined(let other):
                owner.abandon(flow)
                packet.tracking.flow = other
                packet.tracking.isUnconfirmed = false
                count(packet)
                return nil
            case .passes:
                owner.abandon(flow)
                packet.tracking.flow = 0
                packet.tracking.isUnconfirmed = false
                return nil
            case .dropped:
                statistics.add(FlowColumn.insertFailed)
                statistics.add(FlowColumn.drop)
                return .flowClash
            case .noRoom:
                statistics.add(FlowColumn.insertFailed)
                statistics.add(FlowColumn.drop)
                return .flowTableFull
            }
        }
        packet.tracking.isUnconfirmed = false
        owner.schedule(flow, now: now)
        if owner.isListenedTo { tellBeginning(flow) }
        return nil
    }
}
