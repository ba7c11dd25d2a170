import Net

// The packets that the router makes itself: ICMP errors (RFC 792, RFC 1812, 4.3; __icmp_send in net/ipv4/icmp.c) and TCP resets
// (RFC 9293, 3.5.2; nf_send_reset in net/ipv4/netfilter/nf_reject_ipv4.c). They go through OUTPUT and POSTROUTING like what the
// host sends.

extension Worker {
    /// RFC 1812, 4.3.2.3: as much of the packet as fits into 576 bytes.
    private static var longestError: Int { 576 }
    /// Internetwork control precedence (RFC 1812, 4.3.2.5).
    private static var errorPrecedence: UInt8 { 0xC0 }

    /// Answers a packet with an ICMP error, unless one may not be sent or the limit is reached. The packet itself is not
    /// touched.
    ///
    /// - Parameter info: the second word of the ICMP header, such as the next hop's MTU.
    @inline(never)
    mutating func sendError(_ type: UInt8, _ code: UInt8, info: UInt32 = 0, about packet: Packet) {
        guard !packet.isLinkBroadcast, mayBeAnswered(packet) else { return }
        // Never about an error (RFC 1122, 3.2.2).
        if packet.ipProtocol == .icmp {
            guard packet.transportLength > 0, ICMPType.mayCauseErrors(packet.transport8(Offset.icmpType)) else { return }
        }
        guard let options = optionsToBringBack(packet) else { return }
        guard icmpLimiter.allows(type, code: code, to: packet.source, now: now, snapshot.settings.icmp) else { return }
        // A copy is on its way to a gateway, whomever it is addressed to.
        let isToUs = routing.ports.isLocal(packet.destination) && !packet.isCopy
        var source = isToUs ? packet.destination : IPv4Address.any
        if !isToUs, snapshot.settings.errorsUseIngressAddress, packet.ingress != .host {
            source = routing.ports.selectSource(packet.ingress)
        }
        if source.isUnspecified {
            let way = routing.lookup(RouteQuery(destination: packet.source, tos: packet.tos))
            source = routing.preferredSource(of: way)
        }
        guard !source.isUnspecified else { return }

        let carried = min(packet.totalLength, Self.longestError - Offset.ipHeader - options.count - Offset.icmpHeader)
        guard
            var answer = make(
                .icmp, from: source, to: packet.source, options: options.count, length: Offset.icmpHeader + carried, like: packet,
                tos: packet.tos & 0x1E | Self.errorPrecedence, fragment: 0)
        else { return }
        fill(answer, with: options)
        answer.setTransport8(Offset.icmpType, type)
        answer.setTransport8(Offset.icmpCode, code)
        answer.setTransport16(4, UInt16(truncatingIfNeeded: info >> 16))
        answer.setTransport16(6, UInt16(truncatingIfNeeded: info))
        unsafe (answer.transport + Offset.icmpHeader).copyMemory(from: packet.ip, byteCount: carried)
        answer.fillTransportChecksum()
        answer.readTransport()
        attach(&answer, to: packet)
        output(&answer)
    }

    /// Carries out a REJECT.
    @inline(never)
    mutating func reject(_ packet: Packet, _ kind: RejectKind, _ hook: Hook) {
        switch kind {
        case .tcpReset:
            // The link layer's broadcast is no matter here (nf_send_reset).
            guard mayBeAnswered(packet) else { return }
            // A forwarded segment is summed up afresh (skb_forward_csum).
            guard packet.ipProtocol == .tcp, packet.hasTransport, !packet.tcpFlags.contains(.rst),
                isIntact(packet, hasBeenSummedUp: hook == .input && hasTrackingSummedUp(packet))
            else { return }
            sendReset(packet)
        default:
            // The kernel sends no error while it sends ICMP itself: its own answers to pings are dropped silently (icmp_xmit_lock).
            if packet.ingress == .host, !packet.copiesIncoming, packet.ipProtocol == .icmp, packet.hasTransport,
                !ICMPType.isQuery(packet.transport8(Offset.icmpType))
            {
                return
            }
            // An answer to a damaged packet could go to the wrong host.
            switch packet.ipProtocol {
            case .tcp, .udp, .icmp:
                guard packet.hasTransport, isIntact(packet, hasBeenSummedUp: hasTrackingSummedUp(packet)) else { return }
            case .gre, .ah, .esp, .sctp, .udpLite: break
            // Whatever else it is, the kernel sums it up as it does ICMP (nf_reject_verify_csum, nf_ip_checksum).
            default: guard isIntact(packet, hasBeenSummedUp: false) else { return }
            }
            sendError(ICMPType.destinationUnreachable, kind.rawValue, about: packet)
        }
    }

    /// Whether the transport checksum is right, or need not be asked for. The kernel sums up the IP header as well (nf_ip_checksum), which
    /// is not in order once options were filled in. (A NIC that vouches for the transport checksum keeps it from doing so.)
    ///
    /// - Parameter hasBeenSummedUp: by tracking; it is not done again then.
    private func isIntact(_ packet: Packet, hasBeenSummedUp: Bool) -> Bool {
        if packet.isTakenForIntact { return true }
        if hasChangedOptions(packet), !hasBeenSummedUp { return false }
        return packet.hasRightTransportChecksum()
    }

    private mutating func sendReset(_ packet: Packet) {
        guard
            var reset = make(
                .tcp, from: packet.destination, to: packet.source, length: Offset.tcpHeader, like: packet, tos: 0,
                fragment: 0x4000)
        else { return }
        let data = UInt32(truncatingIfNeeded: max(packet.transportLength - packet.tcpHeaderLength, 0))
        reset.setTransport16(Offset.sourcePort, packet.destinationPort)
        reset.setTransport16(Offset.destinationPort, packet.sourcePort)
        var flags: TCPFlags = .rst
        var sequence: UInt32 = 0
        var acknowledgment: UInt32 = 0
        if packet.tcpFlags.contains(.ack) {
            sequence = packet.transport32(Offset.tcpAcknowledgment)
        } else {
            flags.insert(.ack)
            acknowledgment =
                packet.transport32(Offset.tcpSequence) &+ data &+ (packet.tcpFlags.contains(.syn) ? 1 : 0)
                &+ (packet.tcpFlags.contains(.fin) ? 1 : 0)
        }
        reset.setTransport32(Offset.tcpSequence, sequence)
        reset.setTransport32(Offset.tcpAcknowledgment, acknowledgment)
        reset.setTransport8(Offset.tcpDataOffset, 5 << 4)
        reset.setTransport8(Offset.tcpFlags, flags.rawValue)
        reset.setTransport16(Offset.tcpWindow, 0)
        reset.setTransport32(Offset.tcpChecksum, 0)
        reset.fillTransportChecksum()
        reset.readTransport()
        attach(&reset, to: packet)
        // Before OUTPUT's rules see the reset; its way out tells of it.
        endConnection(of: packet)
        output(&reset)
    }

    /// nf_conntrack_tcp_set_closing in net/netfilter/nf_conntrack_proto_tcp.c.
    private func endConnection(of packet: Packet) {
        let flow = packet.tracking.flow
        guard packet.tracking.hasFlow, !packet.tracking.isUnconfirmed, flows.flows[flow].original.ipProtocol == .tcp else { return }
        flows.flows[flow].lock.lock()
        let wasClosed = flows.flows[flow].tcp.state == .close
        flows.flows[flow].tcp.close()
        let policy = flows.flows[flow].policy
        flows.flows[flow].lock.unlock()
        guard !wasClosed else { return }
        let settings = policy == 0 ? snapshot.tracking.tcp : flows.policies.tcp(policy, snapshot.tracking.tcp)
        flows.flows[flow].expire(at: now + settings.timeouts[.close])
        note(flow, .protocolState)
    }

    /// An answer belongs to the flow of what it answers, also while that is not confirmed (nf_conntrack_attach).
    private func attach(_ answer: inout Packet, to packet: Packet) {
        guard packet.tracking.hasFlow else { return }
        answer.tracking = TrackingResult(
            state: .related, direction: packet.tracking.direction.opposite, flow: packet.tracking.flow)
    }

    /// RFC 1122, 3.2.2: not to or about a group or broadcast, not about later fragments, not without a source. A reset of our own may
    /// be answered by an error, and that by nothing any more, so rules cannot set answers against each other for long.
    private func mayBeAnswered(_ packet: Packet) -> Bool {
        packet.fragmentOffset == 0 && !packet.destination.isMulticast
            && !packet.destination.isLimitedBroadcast && !packet.source.isUnspecified && !packet.source.isMulticast
            && !packet.source.isLimitedBroadcast && (packet.isCopy || !packet.source.isLoopback)
            && !isBroadcast(packet.destination, packet.ingress)
    }

    private func isBroadcast(_ address: IPv4Address, _ ingress: PortIndex) -> Bool {
        guard ingress != .host else { return false }
        return routing.lookup(RouteQuery(destination: address, ingress: ingress)).kind == .broadcast
    }

    /// A packet of our own in a fresh frame, its IP header complete and what follows zeroed, as are so many bytes of options; nil if no
    /// frame is free.
    mutating func make(
        _ ipProtocol: IPProtocol, from source: IPv4Address, to destination: IPv4Address, options: Int = 0, length: Int,
        like packet: Packet, tos: UInt8, fragment: UInt16
    ) -> Packet? {
        guard let chunk = pool.take() else {
            statistics.add(.madeHere)
            statistics.add(DropReason.noFrame)
            return nil
        }
        statistics.add(.madeHere)
        let address = chunk + UInt64(FrameMemory.headroom)
        let bytes = unsafe memory.bytes(at: address)
        // VLAN tags of what it answers are kept.
        let linkLength = packet.linkLength
        unsafe bytes.copyMemory(from: packet.base, byteCount: linkLength)
        let ip = unsafe bytes + linkLength
        let headerLength = Offset.ipHeader + options
        unsafe ip.initializeMemory(as: UInt8.self, repeating: 0, count: headerLength + length)
        unsafe ip.storeBytes(of: 0x40 | UInt8(headerLength / 4), as: UInt8.self)
        unsafe ip.storeBytes(of: ipProtocol.rawValue, toByteOffset: Offset.ipProtocol, as: UInt8.self)
        unsafe ip.storeBytes(of: source.rawValue.bigEndian, toByteOffset: Offset.ipSource, as: UInt32.self)
        unsafe ip.storeBytes(of: destination.rawValue.bigEndian, toByteOffset: Offset.ipDestination, as: UInt32.self)
        var made = unsafe Packet(
            base: bytes, address: address, linkLength: linkLength, headerLength: headerLength,
            totalLength: headerLength + length, ingress: .host)
        made.setIP8(Offset.ipTOS, tos)
        made.setIP16(Offset.ipTotalLength, UInt16(made.totalLength))
        made.setIP16(
            Offset.ipIdentification, fragment == 0 ? UInt16(truncatingIfNeeded: random.next()) : 0)
        made.setIP16(Offset.ipFragment, fragment)
        made.setIP8(Offset.ipTTL, snapshot.settings.defaultTTL)
        made.fillHeaderChecksum()
        made.isAnswer = true
        // Should it be for the host: by the port that it wanted to send by, or that the other came in on.
        made.egress = packet.ingress == .host ? packet.egress : packet.ingress
        return made
    }
}
