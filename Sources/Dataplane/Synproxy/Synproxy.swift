import Net

// SYNPROXY: no flow and no server's memory for a client that has not proved to be there (net/netfilter/nf_synproxy_core.c).
//
//     client                         router                             server
//       │ SYN, untracked ──────────────►│  rule: answer with a cookie      │
//       │◄───────── SYN-ACK, window 0 ──│                                  │
//       │ ACK, of no flow ─────────────►│  rule: is it our cookie?         │
//       │                               │── SYN, opens the flow ──────────►│
//       │                               │◄──────────────────── SYN-ACK ────│  held where flows are confirmed
//       │                               │── ACK ──────────────────────────►│
//       │◄─────────── ACK with a window │                                  │
//       │ data ◄───── server's numbers shifted by (cookie − its own), its timestamps likewise ─────► data
//
// What is sent here goes through OUTPUT and POSTROUTING like anything the router makes. The SYN to the server carries the cookie in its
// acknowledgment field, which no receiver reads without ACK: so it reaches the flow that the SYN itself begins.

extension Worker {
    // MARK: The rule

    /// A client's SYN or the ACK that follows (synproxy_tg4 in net/ipv4/netfilter/ipt_SYNPROXY.c).
    @inline(never)
    mutating func synproxy(_ packet: Packet, _ rule: SynproxyRule) -> TargetOutcome {
        guard packet.ipProtocol == .tcp, packet.hasTransport, packet.hasRightTransportChecksum(),
            var offer = TCPOffer(packet)
        else { return .drop(.synproxyCookie) }
        switch packet.tcpFlags.intersection([.syn, .ack, .fin, .rst]) {
        case .syn:
            if packet.tcpFlags.isSuperset(of: [.ece, .cwr]) { offer.options.insert(.ecn) }
            offer.options.formIntersection(rule.options)
            let announced = offer.maximumSegmentSize
            offer.maximumSegmentSize = rule.maximumSegmentSize
            if offer.options.contains(.timestamp) {
                offer.hide(rule, now: now)
            } else {
                // Without an echo nothing of this would come back.
                offer.options.subtract([.windowScale, .permitsSACK, .ecn])
            }
            answerClient(packet, offer, announced)
            return .drop(.synproxy)
        case .ack:
            let sequence = packet.transport32(Offset.tcpSequence)
            return .drop(openServer(packet, offer, sequence) ? .synproxy : .synproxyCookie)
        default: return .next
        }
    }

    /// The SYN-ACK in the server's name (synproxy_send_client_synack).
    private mutating func answerClient(_ syn: Packet, _ offer: TCPOffer, _ announced: UInt16) {
        let cookie = SynproxyCookie(secret: flows.index.key).cookie(for: syn, maximumSegmentSize: announced, now: now)
        guard var made = segment(from: syn.destination, to: syn.source, offer, like: syn) else { return }
        var flags: TCPFlags = [.syn, .ack]
        if offer.options.contains(.ecn) { flags.insert(.ece) }
        made.setTransport16(Offset.sourcePort, syn.destinationPort)
        made.setTransport16(Offset.destinationPort, syn.sourcePort)
        belong(&made, to: syn, syn.tracking.direction.opposite)
        finish(&made, cookie, syn.transport32(Offset.tcpSequence) &+ 1, flags, window: 0)
    }

    /// The SYN in the client's name, if its segment acknowledges a cookie (synproxy_recv_client_ack).
    ///
    /// - Parameter sequence: the number after the client's SYN.
    private mutating func openServer(_ ack: Packet, _ offer: TCPOffer, _ sequence: UInt32) -> Bool {
        guard let size = SynproxyCookie(secret: flows.index.key).maximumSegmentSize(acknowledgedBy: ack, now: now) else {
            return false
        }
        var offer = offer
        offer.maximumSegmentSize = size
        offer.options.insert(.maximumSegmentSize)
        if offer.options.contains(.timestamp) { offer.recover() }
        guard var made = segment(from: ack.source, to: ack.destination, offer, like: ack) else { return true }
        made.setTransport16(Offset.sourcePort, ack.sourcePort)
        made.setTransport16(Offset.destinationPort, ack.destinationPort)
        made.opensForClient = true
        finish(
            &made, sequence &- 1, ack.transport32(Offset.tcpAcknowledgment) &- 1,
            offer.options.contains(.ecn) ? [.syn, .ece, .cwr] : .syn, window: ack.transport16(Offset.tcpWindow))
        return true
    }

    // MARK: The flow

    /// Where flows are confirmed: what becomes of a segment of a flow that SYNPROXY opened (ipv4_synproxy_hook).
    ///
    /// - Returns: a reason not to let it go on.
    @inline(never)
    mutating func proxied(_ packet: inout Packet) -> DropReason? {
        guard packet.ipProtocol == .tcp else { return nil }
        guard packet.hasTransport else { return .synproxyCookie }
        let flow = packet.tracking.flow
        let direction = packet.tracking.direction
        let flags = packet.tcpFlags
        let table = flows.flows
        table[flow].lock.lock()
        let state = table[flow].tcp.state
        let window = table[flow].tcp.originalWindow
        let memory = flows.synproxies[flow]
        table[flow].lock.unlock()
        let sequence = packet.transport32(Offset.tcpSequence)
        switch state {
        case .close where flags.contains(.rst) && direction == .reply:
            // The server refuses: to the client its answer must look like one to the cookie.
            shift(flow, direction, by: memory.initialNumber &- sequence &+ 1)
        case .close where !flags.contains(.syn) || flags.contains(.ack) || direction == .reply: break
        case .close, .synSent:
            guard let offer = TCPOffer(packet) else { return .synproxyCookie }
            if !flags.contains(.syn), flags.contains(.ack), direction == .original {
                // The server's answer was lost, and the client asks whether we are still there: with the number before its next.
                return openServer(packet, offer, sequence &+ 1) ? .synproxy : .synproxyCookie
            }
            table[flow].lock.lock()
            if state == .close { flows.synproxies[flow].timestampOffset = 0 }
            flows.synproxies[flow].initialNumber = packet.transport32(Offset.tcpAcknowledgment)
            if offer.options.contains(.timestamp) { flows.synproxies[flow].initialTimestamp = offer.echo }
            table[flow].lock.unlock()
            note(flow, .synproxy)
        case .synReceived where flags.isSuperset(of: [.syn, .ack]):
            guard var offer = TCPOffer(packet) else { return .synproxyCookie }
            if offer.options.contains(.timestamp) {
                table[flow].lock.lock()
                flows.synproxies[flow].timestampOffset = offer.timestamp &- memory.initialTimestamp
                table[flow].lock.unlock()
                note(flow, .synproxy)
            }
            offer.options.subtract([.maximumSegmentSize, .windowScale, .permitsSACK])
            acknowledgeServer(packet, offer, window)
            shift(flow, direction, by: memory.initialNumber &- sequence)
            note(flow, .sequenceAdjustment)
            wakeClient(packet, offer)
            return .synproxy
        default: break
        }
        adjustTimestamp(packet, flow)
        return nil
    }

    /// nf_ct_seqadj_init: all numbers of a direction are shifted alike.
    private func shift(_ flow: UInt32, _ direction: Direction, by distance: UInt32) {
        guard distance != 0 else { return }
        var adjustment = SequenceAdjustment()
        // One place with the shift behind it, and the next with none more: before and behind are then the same.
        adjustment.note(SequenceNumber(0), by: Int(distance))
        adjustment.note(SequenceNumber(1), by: 0)
        flows.flows[flow].lock.lock()
        flows.help[flow].setAdjustment(direction, adjustment)
        flows.flows[flow].lock.unlock()
        flows.flows[flow].set(.sequenceAdjusted)
    }

    /// The handshake's end toward the server (synproxy_send_server_ack).
    private mutating func acknowledgeServer(_ synAck: Packet, _ offer: TCPOffer, _ window: UInt32) {
        var offer = offer
        (offer.timestamp, offer.echo) = (offer.echo, offer.timestamp)
        guard var made = segment(from: synAck.destination, to: synAck.source, offer, like: synAck) else { return }
        made.setTransport16(Offset.sourcePort, synAck.destinationPort)
        made.setTransport16(Offset.destinationPort, synAck.sourcePort)
        finish(
            &made, synAck.transport32(Offset.tcpAcknowledgment), synAck.transport32(Offset.tcpSequence) &+ 1, .ack,
            window: UInt16(truncatingIfNeeded: window))
    }

    /// The window that the client waits for (synproxy_send_client_ack); its numbers are the server's and are shifted on the way.
    private mutating func wakeClient(_ synAck: Packet, _ offer: TCPOffer) {
        guard var made = segment(from: synAck.source, to: synAck.destination, offer, like: synAck) else { return }
        made.setTransport16(Offset.sourcePort, synAck.sourcePort)
        made.setTransport16(Offset.destinationPort, synAck.destinationPort)
        belong(&made, to: synAck, synAck.tracking.direction)
        finish(
            &made, synAck.transport32(Offset.tcpSequence) &+ 1, synAck.transport32(Offset.tcpAcknowledgment), .ack,
            window: synAck.transport16(Offset.tcpWindow) >> UInt16(offer.windowScale))
    }

    /// The server's clock was not running when the client got its first timestamp (synproxy_tstamp_adjust).
    private func adjustTimestamp(_ packet: Packet, _ flow: UInt32) {
        let distance = flows.synproxies[flow].timestampOffset
        guard distance != 0, packet.transportLength >= Offset.tcpHeader else { return }
        var options = packet.tcpOptions(to: min(packet.tcpHeaderLength, packet.transportLength))
        while let option = options.next() {
            guard option.kind == TCPOption.timestamp, option.length == TCPOption.timestampLength else { continue }
            // A reply's own timestamp; what the client echoes.
            if packet.tracking.direction == .reply {
                let place = option.offset &+ 2
                packet.setTCPWord(place, packet.transport32(place) &- distance)
            } else {
                let place = option.offset &+ 6
                packet.setTCPWord(place, packet.transport32(place) &+ distance)
            }
            return
        }
    }

    // MARK: Segments

    private mutating func segment(
        from source: IPv4Address, to destination: IPv4Address, _ offer: TCPOffer, like packet: Packet
    ) -> Packet? {
        let length = Offset.tcpHeader + offer.length
        guard let made = make(.tcp, from: source, to: destination, length: length, like: packet, tos: 0, fragment: 0x4000)
        else { return nil }
        made.setTransport8(Offset.tcpDataOffset, UInt8(length / 4) << 4)
        offer.write(made)
        return made
    }

    /// The segment is one of the flow of what it answers.
    private func belong(_ made: inout Packet, to packet: Packet, _ direction: Direction) {
        guard packet.tracking.hasFlow else { return }
        made.tracking = TrackingResult(state: .established, direction: direction, flow: packet.tracking.flow)
    }

    private mutating func finish(
        _ made: inout Packet, _ sequence: UInt32, _ acknowledgment: UInt32, _ flags: TCPFlags, window: UInt16
    ) {
        made.setTransport32(Offset.tcpSequence, sequence)
        made.setTransport32(Offset.tcpAcknowledgment, acknowledgment)
        made.setTransport8(Offset.tcpFlags, flags.rawValue)
        made.setTransport16(Offset.tcpWindow, window)
        made.fillTransportChecksum()
        made.readTransport()
        output(&made)
    }
}

extension TCPConnection {
    /// Whether the client asks if we are still there while the server has not answered; elsewhere such an ACK is INVALID, here it asks for
    /// the SYN once more (nf_conntrack_tcp_packet).
    func isClientWaiting(_ segment: TCPSegment, _ direction: Direction) -> Bool {
        state == .synSent && direction == .original && lastDirection == .original
            && TCPSegmentKind(segment.flags) == .ack && segment.sequence == originalEnd - 1
    }
}
