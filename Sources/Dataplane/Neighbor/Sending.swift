import Net

extension Worker {
    /// The last step: the Ethernet addresses, then out. A packet whose next hop is not known waits.
    @inline(__always)
    mutating func resolveAndSend(_ packet: Packet) {
        if packet.keepsLinkHeader {
            send(packet)
            return
        }
        var number = packet.neighbor
        if number == NeighborTable.unknown { number = routing.neighbors.find(packet.egress, packet.nextHop) }
        let neighbor = routing.neighbors.state(number)
        guard number != NeighborTable.unknown, neighbor.isUsable else {
            hold(packet)
            return
        }
        if neighbor.state == .stale, routing.neighbors.markUsed(number) {
            effects.push(.refresh(port: packet.egress, address: packet.nextHop, isGateway: packet.isViaGateway))
        }
        packet.setLinkAddresses(destination: neighbor.mac, source: routing.ports.mac(packet.egress))
        send(packet)
    }

    /// Into the output, toward a port.
    @inline(__always)
    mutating func send(_ packet: Packet) {
        guard routing.ports.isUp(packet.egress) else {
            drop(packet, .linkDown)
            return
        }
        guard put(packet, toward: packet.egress, from: packet.ingress) else { return }
        statistics.add(.transmitted)
        statistics.add(packet.egress, .transmittedPackets, 1)
        statistics.add(packet.egress, .transmittedBytes, packet.frameLength)
    }

    /// Into the output, toward the host.
    mutating func deliver(_ packet: Packet) {
        guard put(packet, toward: .host, from: packet.ingress == .host ? packet.egress : packet.ingress) else { return }
        statistics.add(.toHost)
    }

    /// - Returns: false if there was no room; the packet is dropped then.
    @inline(__always)
    private mutating func put(_ packet: Packet, toward port: PortIndex, from ingress: PortIndex) -> Bool {
        guard !output.isFull else {
            drop(packet, .outputFull)
            return false
        }
        output.append(
            Departure(
                frame: FrameDescriptor(
                    address: packet.address, length: UInt32(truncatingIfNeeded: packet.frameLength), port: port),
                ingress: ingress, mark: packet.mark))
        return true
    }

    // MARK: Waiting

    private mutating func hold(_ packet: Packet) {
        guard
            let hop = neighborQueue.hop(packet.egress, packet.nextHop, isGateway: packet.isViaGateway, now: now),
            neighborQueue.append(
                NeighborQueue.Waiting(
                    address: packet.address, length: UInt32(truncatingIfNeeded: packet.frameLength)),
                to: hop)
        else {
            drop(packet, .neighborQueueFull)
            return
        }
        statistics.add(.held)
        ask(hop)
    }

    private func ask(_ hop: Int) {
        let waiting = neighborQueue.hops[hop]
        guard waiting.asked.nanoseconds == 0 || now.since(waiting.asked) >= NeighborQueue.retry else { return }
        neighborQueue.hops[hop].asked = now
        effects.push(.resolve(port: waiting.port, address: waiting.address, isGateway: waiting.isGateway))
    }

    /// Looks after the packets that wait: sends those whose next hop has answered, gives up those whose next hop will not.
    @inline(__always)
    mutating func advanceNeighbors() {
        if neighborQueue.hopCount > 0 { visitHops() }
    }

    @inline(never)
    private mutating func visitHops() {
        for hop in 0..<NeighborQueue.hopLimit where neighborQueue.hops[hop].isUsed {
            let waiting = neighborQueue.hops[hop]
            let number = routing.neighbors.find(waiting.port, waiting.address)
            let neighbor = routing.neighbors.state(number)
            if number != NeighborTable.unknown, neighbor.isUsable {
                release(hop, to: neighbor.mac)
            } else if now.since(waiting.since) >= NeighborQueue.patience
                || (neighbor.state == .failed && number != NeighborTable.unknown
                    && now.since(waiting.since) >= NeighborQueue.retry)
            {
                giveUp(hop)
            } else {
                ask(hop)
            }
        }
    }

    private mutating func release(_ hop: Int, to mac: MACAddress) {
        let waiting = neighborQueue.hops[hop]
        let frames = takeAll(hop)
        for index in 0..<waiting.packetCount {
            statistics.add(.held, -1)
            guard var packet = restore(frames[index]) else { continue }
            packet.egress = waiting.port
            packet.setLinkAddresses(destination: mac, source: routing.ports.mac(waiting.port))
            send(packet)
        }
    }

    /// RFC 1812, 5.2.7.1: host unreachable, to each sender.
    private mutating func giveUp(_ hop: Int) {
        let waiting = neighborQueue.hops[hop]
        let frames = takeAll(hop)
        for index in 0..<waiting.packetCount {
            statistics.add(.held, -1)
            guard var packet = restore(frames[index]) else { continue }
            packet.egress = waiting.port
            packet.readTransport()
            // They are read once more, and what they ask for is entered once more (ipv4_send_dest_unreach).
            if packet.headerLength > Offset.ipHeader, case .malformed = readOptions(&packet, isLocal: false) {
                drop(packet, .neighborFailed)
                continue
            }
            sendError(ICMPType.destinationUnreachable, 1, about: packet)
            drop(packet, .neighborFailed)
        }
    }

    private typealias WaitingFrames = InlineArray<16, NeighborQueue.Waiting>

    /// Takes a hop's packets out before anything is done with them, which may make others wait in the same place.
    private mutating func takeAll(_ hop: Int) -> WaitingFrames {
        var frames = WaitingFrames(repeating: NeighborQueue.Waiting())
        for index in 0..<neighborQueue.hops[hop].packetCount {
            frames[index] = neighborQueue.packets[hop * NeighborQueue.packetsPerHop + index]
        }
        neighborQueue.end(hop)
        return frames
    }

    private mutating func restore(_ frame: NeighborQueue.Waiting) -> Packet? {
        let bytes = unsafe memory.bytes(at: frame.address)
        var layout = Packet.Layout()
        if let reason = unsafe Packet.examine(bytes, length: Int(frame.length), &layout) {
            statistics.add(reason)
            pool.give(memory.chunk(of: frame.address))
            return nil
        }
        return unsafe Packet(base: bytes, address: frame.address, layout: layout, ingress: .host)
    }
}
