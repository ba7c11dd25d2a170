import Net

/// Targets that send a packet besides the one that they are about.
public enum CopyTarget: Sendable, Equatable {
    /// TEE: to this next hop, and out of this port or, if it is `.none`, where the route leads.
    case tee(gateway: IPv4Address, egress: PortIndex)
    case mirror
}

extension Worker {
    mutating func apply(_ target: CopyTarget, _ packet: inout Packet, _ hook: Hook) -> TargetOutcome {
        switch target {
        case .tee(let gateway, let egress):
            tee(packet, hook, gateway, egress)
            return .next
        case .mirror:
            return .drop(mirror(packet, hook))
        }
    }

    /// Sends a copy to a gateway through OUTPUT and POSTROUTING while the packet itself waits in the middle of its chain
    /// (nf_dup_ipv4 in net/ipv4/netfilter/nf_dup_ipv4.c). The copy belongs to no flow, and nothing is copied on its way: rules
    /// that copy copies would never end.
    @inline(never)
    private mutating func tee(_ packet: Packet, _ hook: Hook, _ gateway: IPv4Address, _ egress: PortIndex) {
        guard !isDuplicating else { return }
        let way = routing.lookup(RouteQuery(destination: gateway, tos: packet.tos, egress: egress))
        guard var copy = copy(packet, in: 0) else { return }
        // What was forwarded meanwhile would be summed up afresh (skb_forward_csum).
        copy.isTakenForIntact = copy.copiesIncoming && (hook == .prerouting || hook == .input) && hasTrackingSummedUp(packet)
        guard way.kind == .unicast else { return drop(copy, way.kind == .egressNotAPort ? .egressNotAPort : .noRoute) }
        take(way, &copy)
        // A smaller MTU on the way there is for the sender to hear of.
        copy.hidesDontFragment = !packet.dontFragment
        copy.setIP16(Offset.ipFragment, copy.fragmentField | 0x4000)
        // Where the packet has not been forwarded yet, so that two boxes that copy to each other come to an end. (At 0 it wraps,
        // as the kernel's does.)
        if hook == .prerouting || hook == .input { copy.setIP8(Offset.ipTTL, copy.ttl &- 1) }
        copy.fillHeaderChecksum()
        isDuplicating = true
        output(&copy)
        isDuplicating = false
    }

    /// Whether tracking has looked at the transport checksum, whatever it found; it does not come so far if a length is wrong (tcp_error,
    /// udp_error).
    func hasTrackingSummedUp(_ packet: Packet) -> Bool {
        guard snapshot.rules.tracks, snapshot.tracking.verifiesChecksums else { return false }
        switch packet.tracking.state {
        case .none, .untracked: return false
        default: break
        }
        switch packet.ipProtocol {
        case .tcp: return packet.hasWholeTCPHeader
        case .udp: return packet.hasTransport && isRightUDPLength(packet)
        default: return true
        }
    }

    /// Sends a packet back where it came from, source and destination swapped and one hop older, through POSTROUTING
    /// (net/ipv4/netfilter/ipt_MIRROR.c of Linux 2.4, which swapped the addresses alone as well). What went out so is untracked.
    /// What no answer may be sent to – groups, broadcasts, what was made here – goes nowhere.
    ///
    /// - Returns: why the packet itself is dropped.
    @inline(never)
    private mutating func mirror(_ packet: Packet, _ hook: Hook) -> DropReason {
        guard !packet.isCopy, !packet.isAnswer, !packet.isLinkBroadcast, !packet.destination.isMulticast,
            !packet.destination.isLimitedBroadcast
        else { return .mirror }
        if hook != .forward, packet.ttl <= 1 {
            sendError(ICMPType.timeExceeded, 0, about: packet)
            return .ttlExpired
        }
        let way = routing.lookup(
            RouteQuery(
                destination: packet.source, source: packet.destination, mark: packet.mark, tos: packet.tos,
                ipProtocol: packet.ipProtocol))
        guard way.kind == .unicast, isOnlyOneHost(packet.destination), var copy = copy(packet, in: 1) else { return .mirror }
        take(way, &copy)
        copy.setIP32(Offset.ipSource, packet.destination.rawValue)
        copy.setIP32(Offset.ipDestination, packet.source.rawValue)
        copy.source = packet.destination
        copy.destination = packet.source
        if hasChangedOptions(packet) { copy.fillHeaderChecksum() }
        // Swapping leaves every checksum right. In FORWARD the hop was counted before.
        if hook != .forward { copy.decrementTTL() }
        leave(&copy)
        return .mirror
    }

    /// Not the broadcast address of a network here, which may be no source.
    private func isOnlyOneHost(_ address: IPv4Address) -> Bool {
        routing.lookup(RouteQuery(destination: address)).kind != .broadcast
    }

    /// The same packet once more, in a frame of its own or, for a datagram that was put together, in one of two buffers of the
    /// worker's; counted as made here, and untracked. nil if there is no room for it, which is then a drop.
    ///
    /// - Parameter buffer: 0 for a TEE's copy, 1 for a MIRROR's, which a TEE in POSTROUTING copies while it is on its way.
    private mutating func copy(_ packet: Packet, in buffer: Int) -> Packet? {
        statistics.add(.madeHere)
        var address = Packet.assembled
        var bytes = unsafe copyBuffers + buffer * Self.assemblyLength
        if packet.address != Packet.assembled {
            guard packet.frameLength <= memory.longestFrame, let chunk = pool.take() else {
                statistics.add(DropReason.noFrame)
                return nil
            }
            address = chunk + UInt64(FrameMemory.headroom)
            unsafe bytes = memory.bytes(at: address)
        }
        unsafe bytes.copyMemory(from: packet.base, byteCount: packet.frameLength)
        var copy = unsafe Packet(
            base: bytes, address: address, linkLength: packet.linkLength, headerLength: packet.headerLength,
            totalLength: packet.totalLength, ingress: .host)
        copy.mark = packet.mark
        copy.priority = packet.priority
        copy.largestFragment = packet.largestFragment
        copy.isGatheredForHost = packet.isGatheredForHost
        copy.isLinkBroadcast = packet.isLinkBroadcast
        copy.tracking.state = .untracked
        copy.isCopy = true
        copy.copiesIncoming = packet.ingress != .host
        copy.readTransport()
        return copy
    }
}
