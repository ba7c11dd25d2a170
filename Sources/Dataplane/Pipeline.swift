import Net

// The way of a packet through the router, in the order of netfilter's hooks:
//
//            receive                                 forward                              leave
//   frame ─► parse ─► defragment ─► raw ─► track ─► mangle ─► DNAT ─► route ─┬─► TTL, MTU ─► mangle ─► filter ─┬─► mangle ─► SNAT
//                                                                            │                                │   ─► confirm
//                                                                            │ input                          │   ─► refragment
//                                                                            └─► mangle ─► filter ─► SNAT     │   ─► neighbour ─► out
//                                                                                ─► confirm ─► host           │
//                                       output                                                                │
//   host, ICMP errors, resets ─► defragment ─► raw ─► track ─► mangle ─► DNAT ─► (route anew) ─► filter ──────┘
//
// Every function here takes a packet one stretch of this way; whoever drops it says why, and nobody touches it afterwards.

extension Worker {
    /// A frame's beginning: from a port, or from the host.
    @inline(__always)
    mutating func accept(_ arrival: Arrival) {
        statistics.add(arrival.isFromHost ? .fromHost : .received)
        if !arrival.isFromHost {
            statistics.add(arrival.frame.port, .receivedPackets, 1)
            statistics.add(arrival.frame.port, .receivedBytes, Int(arrival.frame.length))
        }
        let bytes = unsafe memory.bytes(at: arrival.frame.address)
        var layout = Packet.Layout()
        if let reason = unsafe Packet.examine(bytes, length: Int(arrival.frame.length), &layout) {
            statistics.add(reason)
            pool.give(memory.chunk(of: arrival.frame.address))
            return
        }
        var packet = unsafe Packet(
            base: bytes, address: arrival.frame.address, layout: layout,
            ingress: arrival.isFromHost ? .host : arrival.frame.port)
        if arrival.isFromHost {
            packet.mark = arrival.mark
            packet.sender = arrival.sender
            packet.egress = arrival.frame.port
            packet.keepsLinkHeader = true
            packet.isForHost = packet.egress == .host
            packet.mtu = packet.isForHost ? Int(UInt16.max) : Int(routing.ports.mtu(packet.egress))
            send(fromHost: &packet)
        } else {
            receive(&packet)
        }
    }

    // MARK: From a port

    @inline(__always)
    private mutating func receive(_ packet: inout Packet) {
        let station = packet.linkDestination
        if station != routing.ports.mac(packet.ingress) {
            guard station.isGroup else { return drop(packet, .otherHost) }
            packet.isLinkBroadcast = true
        }
        if packet.isFragment, snapshot.rules.defragments {
            switch defragment(&packet, isFromHost: false) {
            case .held: return
            case .dropped(let reason): return drop(packet, reason)
            case .assembled: break
            }
        }
        packet.readTransport()
        packet.completePartialChecksum()
        if let reason = prerouting(&packet) { return drop(packet, reason) }
        route(&packet)
    }

    @inline(__always)
    private mutating func prerouting(_ packet: inout Packet) -> DropReason? {
        if case .drop(let reason) = evaluate(.raw, .prerouting, &packet) { return reason }
        if snapshot.rules.tracks, packet.tracking.state == .none, let reason = trackAndCount(&packet, verifies: true) {
            return reason
        }
        if case .drop(let reason) = evaluate(.mangle, .prerouting, &packet) { return reason }
        if snapshot.rules.translates { return translate(&packet, .prerouting, .destination) }
        return nil
    }

    @inline(__always)
    private mutating func route(_ packet: inout Packet) {
        let way = findWay(query(packet, from: packet.ingress))
        packet.realm = way.realm
        if packet.headerLength > Offset.ipHeader, !way.kind.isMartian, let fault = readOptions(&packet, isLocal: way.kind == .local) {
            return refuse(packet, fault)
        }
        switch way.kind {
        case .unicast:
            take(way, &packet)
            forward(&packet)
        case .local, .broadcast:
            input(&packet)
        case .multicast:
            guard groups.hears(packet.destination, on: packet.ingress, packet.ipProtocol) else {
                return drop(packet, .groupNotJoined)
            }
            input(&packet)
        case .blackhole:
            drop(packet, .blackhole)
        case .unreachable:
            sendError(ICMPType.destinationUnreachable, 1, about: packet)
            drop(packet, .unreachable)
        case .prohibit:
            sendError(ICMPType.destinationUnreachable, 13, about: packet)
            drop(packet, .prohibited)
        case .noRoute:
            sendError(ICMPType.destinationUnreachable, 0, about: packet)
            drop(packet, .noRoute)
        case .egressNotAPort: drop(packet, .egressNotAPort)
        case .martianSource: drop(packet, .martianSource)
        case .martianDestination: drop(packet, .martianDestination)
        case .reversePath: drop(packet, .reversePath)
        }
    }

    private mutating func refuse(_ packet: Packet, _ fault: IPOptionsFault) {
        switch fault {
        case .malformed(let offset):
            sendError(ICMPType.parameterProblem, 0, info: UInt32(offset) << 24, about: packet)
            drop(packet, .ipOptions)
        case .sourceRoute: drop(packet, .sourceRoute)
        }
    }

    @inline(__always)
    private func query(_ packet: Packet, from ingress: PortIndex) -> RouteQuery {
        let isPorted = packet.hasTransport && packet.ipProtocol != .icmp
        // fib_multipath_hash_policy 0: by addresses.
        let addresses = UInt64(packet.source.rawValue) << 32 | UInt64(packet.destination.rawValue)
        return RouteQuery(
            destination: packet.destination, source: packet.source, mark: packet.mark, tos: packet.tos,
            ingress: ingress, ipProtocol: packet.ipProtocol, sourcePort: isPorted ? packet.sourcePort : 0,
            destinationPort: isPorted ? packet.destinationPort : 0,
            flowHash: UInt32(truncatingIfNeeded: foldedProduct(addresses ^ flows.index.key) >> 32))
    }

    @inline(__always)
    func take(_ way: RouteResult, _ packet: inout Packet) {
        packet.egress = way.egress
        packet.nextHop = way.nextHop
        packet.isViaGateway = way.isGateway
        packet.neighbor = way.neighbor
        packet.mtu = Int(way.mtu)
        packet.realm = way.realm
        packet.keepsLinkHeader = false
        packet.isForHost = false
    }

    // MARK: Through

    /// ip_forward in net/ipv4/ip_forward.c.
    @inline(__always)
    private mutating func forward(_ packet: inout Packet) {
        // A rule may have made a group's frame one of ours (`-m cluster`).
        if packet.isLinkBroadcast, packet.linkDestination.isGroup { return drop(packet, .linkBroadcastForward) }
        if packet.ttl <= 1 {
            // RFC 1812, 5.3.1.
            sendError(ICMPType.timeExceeded, 0, about: packet)
            return drop(packet, .ttlExpired)
        }
        if exceedsMTU(packet) {
            // RFC 1191, 4: with the MTU of the next hop.
            sendError(ICMPType.destinationUnreachable, 4, info: UInt32(packet.mtu), about: packet)
            return drop(packet, .tooBig)
        }
        packet.decrementTTL()
        if case .drop(let reason) = evaluate(.mangle, .forward, &packet) { return drop(packet, reason) }
        if case .drop(let reason) = evaluate(.filter, .forward, &packet) { return drop(packet, reason) }
        if packet.headerLength > Offset.ipHeader { completeOptions(packet) }
        leave(&packet)
    }

    /// Larger than the way out, and may not be cut.
    @inline(__always)
    private func exceedsMTU(_ packet: Packet) -> Bool {
        guard packet.totalLength > packet.mtu, packet.dontFragment else { return false }
        // A datagram that came in fragments may leave in such again.
        return packet.largestFragment == 0 || packet.largestFragment > packet.mtu
    }

    // MARK: To the host

    private mutating func input(_ packet: inout Packet) {
        // Each fragment goes on as it came; rules do not see what was entered into them.
        if packet.headerLength > Offset.ipHeader, packet.isFragment { restoreOptions(&packet) }
        // What is for the host is whole in INPUT, tracked or not (ip_local_deliver in net/ipv4/ip_input.c).
        if packet.isFragment {
            switch defragment(&packet, isFromHost: false) {
            case .held: return
            case .dropped(let reason): return drop(packet, reason)
            case .assembled: break
            }
            packet.isGatheredForHost = true
            packet.readTransport()
        }
        if case .drop(let reason) = evaluate(.mangle, .input, &packet) { return drop(packet, reason) }
        if case .drop(let reason) = evaluate(.filter, .input, &packet) { return drop(packet, reason) }
        if snapshot.rules.translates, let reason = translate(&packet, .input, .source) { return drop(packet, reason) }
        if let reason = confirm(&packet) { return drop(packet, reason) }
        if packet.headerLength > Offset.ipHeader { restoreOptions(&packet) }
        if packet.address == Packet.assembled {
            // The kernel puts it together once more.
            fragment(&packet, mtu: packet.largestFragment, toHost: true)
        } else {
            deliver(packet)
        }
    }

    // MARK: From the host, and what is made here

    private mutating func send(fromHost packet: inout Packet) {
        if packet.isFragment, snapshot.rules.defragments {
            let egress = packet.egress
            let mtu = packet.mtu
            let sender = packet.sender
            switch defragment(&packet, isFromHost: true) {
            case .held: return
            case .dropped(let reason): return drop(packet, reason)
            case .assembled: break
            }
            packet.egress = egress
            packet.mtu = mtu
            packet.sender = sender
            packet.keepsLinkHeader = true
            packet.isForHost = egress == .host
        }
        packet.readTransport()
        packet.completePartialChecksum()
        packet.completeMissingSCTPChecksum()
        output(&packet)
    }

    /// The OUTPUT hook. What is made here has no way out yet and finds one first; what the host sends has the kernel's, and keeps it
    /// unless a rule changes what the choice depends on.
    mutating func output(_ packet: inout Packet) {
        if packet.isAnswer {
            if !reroute(&packet) { return }
        } else {
            if snapshot.rules.asksForRealms { packet.realm = routing.lookup(query(packet, from: .host)).realm }
            // Not of TEE's copy of an error, which is untracked.
            if snapshot.rules.tracks, packet.ipProtocol == .icmp, !packet.isCopy { trackHostError(&packet) }
        }
        packet.announcedEgress = packet.isForHost ? .host : packet.egress
        if case .drop(let reason) = evaluate(.raw, .output, &packet) { return drop(packet, reason) }
        if snapshot.rules.tracks, packet.tracking.state == .none, let reason = trackAndCount(&packet, verifies: false) {
            return drop(packet, reason)
        }
        let mark = packet.mark
        let tos = packet.tos
        if case .drop(let reason) = evaluate(.mangle, .output, &packet) { return drop(packet, reason) }
        if packet.mark != mark || packet.tos != tos, !reroute(&packet) { return }
        if snapshot.rules.translates {
            let destination = packet.destination
            if let reason = translate(&packet, .output, .destination) { return drop(packet, reason) }
            if packet.destination != destination, !reroute(&packet) { return }
        }
        if case .drop(let reason) = evaluate(.filter, .output, &packet) { return drop(packet, reason) }
        leave(&packet)
    }

    /// Finds a packet of the host's or our own its way (ip_route_me_harder).
    ///
    /// - Returns: false if there is none; the packet is then dropped.
    private mutating func reroute(_ packet: inout Packet) -> Bool {
        let way = routing.lookup(query(packet, from: .host))
        switch way.kind {
        case .unicast:
            take(way, &packet)
            return true
        case .local:
            // Back to the host itself.
            packet.realm = way.realm
            packet.isForHost = true
            if !packet.isAnswer { packet.egress = .host }
            return true
        case .broadcast, .multicast:
            // The kernel's own choice of port and Ethernet address stands; for our own there is none.
            if packet.keepsLinkHeader { return true }
            drop(packet, .noRoute)
        case .blackhole: drop(packet, .blackhole)
        case .unreachable: drop(packet, .unreachable)
        case .prohibit: drop(packet, .prohibited)
        case .egressNotAPort: drop(packet, .egressNotAPort)
        case .noRoute, .martianSource, .martianDestination, .reversePath: drop(packet, .noRoute)
        }
        return false
    }

    // MARK: Out

    /// The POSTROUTING hook and the way out (ip_output in net/ipv4/ip_output.c).
    @inline(__always)
    mutating func leave(_ packet: inout Packet) {
        if case .drop(let reason) = evaluate(.mangle, .postrouting, &packet) { return drop(packet, reason) }
        if snapshot.rules.translates, let reason = translate(&packet, .postrouting, .source) {
            return drop(packet, reason)
        }
        if let reason = confirm(&packet) { return drop(packet, reason) }
        if packet.isForHost { return deliverOwn(&packet) }
        if packet.totalLength <= packet.mtu, packet.largestFragment == 0 {
            resolveAndSend(packet)
        } else if exceedsMTU(packet) || packet.isGatheredForHost && packet.dontFragment {
            sendError(ICMPType.destinationUnreachable, 4, info: UInt32(packet.mtu), about: packet)
            drop(packet, .tooBig)
        } else {
            fragment(&packet, mtu: packet.mtu, toHost: false)
        }
    }

    /// An answer of ours to the host's own packet, or what NAT has turned back to the host: it reaches INPUT over the loopback interface.
    private mutating func deliverOwn(_ packet: inout Packet) {
        if case .drop(let reason) = evaluate(.raw, .prerouting, &packet) { return drop(packet, reason) }
        if case .drop(let reason) = evaluate(.mangle, .prerouting, &packet) { return drop(packet, reason) }
        if case .drop(let reason) = evaluate(.mangle, .input, &packet) { return drop(packet, reason) }
        if case .drop(let reason) = evaluate(.filter, .input, &packet) { return drop(packet, reason) }
        // To the kernel, an answer of ours comes from where its packet was to go, and all else by the loopback interface.
        packet.setLinkAddresses(destination: routing.ports.mac(packet.egress), source: routing.ports.mac(packet.egress))
        if packet.address == Packet.assembled {
            fragment(&packet, mtu: packet.largestFragment, toHost: true)
        } else {
            deliver(packet)
        }
    }

    // MARK: The end

    /// Drops a packet by name, and with it the flow that it was about to begin.
    mutating func drop(_ packet: Packet, _ reason: DropReason) {
        statistics.add(reason)
        if packet.tracking.isUnconfirmed, !flows.flows[packet.tracking.flow].status.contains(.confirmed) {
            owner.abandon(packet.tracking.flow)
        }
        release(packet)
    }

    /// Gives a packet's chunk back.
    @inline(__always)
    mutating func release(_ packet: Packet) {
        if packet.address != Packet.assembled { pool.give(memory.chunk(of: packet.address)) }
    }
}
