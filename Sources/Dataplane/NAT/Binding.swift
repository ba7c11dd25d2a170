import Net

// How a flow gets its translation, once for either end, with its first packet (nf_nat_setup_info in
// net/netfilter/nf_nat_core.c).
//
// The source end is settled last, in POSTROUTING or INPUT, and with it the reply tuple is final: it is then entered into the
// index, so that choosing an address and port and owning it are one step. The destination end is never at fault: its port
// changes only where a rule names ports, and then to the first of them that is free for this client unless told to be random (tried).

extension Worker {
    /// Binds one end of a fresh flow to a range.
    ///
    /// - Returns: a reason to drop the packet: every port is taken.
    @inline(__always)
    mutating func bind(_ packet: Packet, _ end: Manipulation, to range: NATRange) -> DropReason? {
        let flow = packet.tracking.flow
        let table = flows.flows
        guard let current = table[flow].reply.inverted else { return .natExhausted }
        var status: Flow.Status = end.done
        switch end {
        case .destination:
            let wanted = chooseDestination(flow, current, range)
            if wanted != current, let reply = wanted.inverted {
                table[flow].reply = reply
                status.insert(.destinationNAT)
                assignHelperAfterTranslation(flow)
            }
        case .source:
            guard chooseSource(flow, current, range) else {
                reportExhaustion(flow)
                return .natExhausted
            }
            if table[flow].reply.inverted.map({ $0 != current }) ?? false {
                status.insert(.sourceNAT)
                lastTranslatedSource = table[flow].reply.destination
            }
        }
        table[flow].set(status)
        return nil
    }

    // MARK: The destination end

    private mutating func chooseDestination(_ flow: UInt32, _ current: FlowTuple, _ range: NATRange) -> FlowTuple {
        var wanted = current
        wanted.destination = chooseAddress(flow, current, range, current.destination)
        let isICMP = wanted.ipProtocol == .icmp
        let old = isICMP ? wanted.sourcePort : wanted.destinationPort
        let isRandom = !range.options.isDisjoint(with: [.random, .fullyRandom])
        if !isRandom {
            if range.options.contains(.ports) {
                if !range.options.contains(.shifted), range.contains(port: old) || !hasPorts(wanted.ipProtocol),
                    range.firstPort == range.lastPort || !isTaken(flow, wanted)
                {
                    return wanted
                }
            } else if !isTaken(flow, wanted) {
                return wanted
            }
        }
        // A destination port changes only where the rule names ports; an identifier makes room for another.
        guard hasPorts(wanted.ipProtocol), isICMP || range.options.contains(.ports) else { return wanted }
        // The parser has seen to it that the first port is not above the last.
        let first = range.options.contains(.ports) ? range.firstPort : 0
        let last = range.options.contains(.ports) ? range.lastPort : .max
        let size = UInt32(last &- first) + 1
        // Wrapping is meant: ports below the base count from the end.
        var offset: UInt16 =
            range.options.contains(.shifted)
            ? old &- range.basePort : isRandom ? UInt16(truncatingIfNeeded: random.next()) : 0
        var attempts = min(size, 128)
        while true {
            for _ in 0..<attempts {
                let port = first &+ UInt16(truncatingIfNeeded: UInt32(offset) % size)
                if isICMP { wanted.sourcePort = port } else { wanted.destinationPort = port }
                if !isTaken(flow, wanted) { return wanted }
                offset &+= 1
            }
            // Then the source end must make room.
            if attempts >= size || attempts < 16 { return wanted }
            attempts /= 2
            offset = UInt16(truncatingIfNeeded: random.next())
        }
    }

    /// Whether another flow already expects the answers to these packets.
    private func isTaken(_ flow: UInt32, _ wanted: FlowTuple) -> Bool {
        guard let reply = wanted.inverted else { return false }
        return flows.isTaken(reply, .reply, hash: flows.index.hash(reply), except: flow)
    }

    /// One address of a range, the same for the same client and destination, and the same that the kernel takes, since its hash has no
    /// secret (find_best_ips_proto).
    private func chooseAddress(
        _ flow: UInt32, _ tuple: FlowTuple, _ range: NATRange, _ current: IPv4Address
    ) -> IPv4Address {
        guard range.options.contains(.addresses) else { return current }
        if range.first == range.last { return range.first }
        let seed =
            range.options.contains(.persistent)
            ? 0 : tuple.destination.rawValue.bigEndian ^ UInt32(flows.flows[flow].original.zone)
        let hash = JenkinsHash.hash(address: tuple.source.rawValue.bigEndian, seed: seed)
        // Wrapping is the kernel's: of all addresses there are none to choose from, and the first is taken.
        let size = range.last.rawValue &- range.first.rawValue &+ 1
        return IPv4Address(rawValue: range.first.rawValue &+ JenkinsHash.scale(hash, to: size))
    }

    // MARK: The source end

    /// Settles the reply tuple and enters it into the index (get_unique_tuple): the source as it is, if it may stay; else what another
    /// flow of the same source was given; else an address of the range, with the same port if that is free.
    @inline(__always)
    private mutating func chooseSource(_ flow: UInt32, _ current: FlowTuple, _ range: NATRange) -> Bool {
        let isRandom = !range.options.isDisjoint(with: [.random, .fullyRandom])
        var wanted = current
        if !isRandom {
            if range.contains(current.source), range.contains(port: current.sourcePort) {
                if reserve(flow, current) || flows.crossesAnother(flow) { return true }
            } else if let (address, port) = flows.translatedSource(of: inOriginalZone(flow, current), in: range) {
                wanted.source = address
                wanted.sourcePort = port
                if reserve(flow, wanted) {
                    flows.enterBySource(flow)
                    return true
                }
            }
        }
        wanted = current
        wanted.source = chooseAddress(flow, current, range, current.source)
        if hasPorts(wanted.ipProtocol) {
            let keepsPort = !isRandom && range.contains(port: wanted.sourcePort) && reserve(flow, wanted)
            if !keepsPort, !searchPort(flow, wanted, range) { return false }
        } else if !reserve(flow, wanted) {
            return false
        }
        let chosen = flows.flows[flow].reply
        if range.first != range.last || chosen.destinationPort != current.sourcePort { flows.enterBySource(flow) }
        return true
    }

    /// Sources are told apart by the zone of the original direction.
    @inline(__always)
    private func inOriginalZone(_ flow: UInt32, _ tuple: FlowTuple) -> FlowTuple {
        var tuple = tuple
        tuple.zone = flows.flows[flow].original.zone
        return tuple
    }

    @inline(__always)
    private func reserve(_ flow: UInt32, _ wanted: FlowTuple) -> Bool {
        guard let reply = wanted.inverted else { return false }
        flows.flows[flow].reply = reply
        if flows.reserveReply(flow) { return true }
        statistics.add(FlowColumn.found)
        return false
    }

    /// Whether ports or identifiers can be rewritten. DCCP has no tracker in this kernel any more, so its ports are not known.
    @inline(__always)
    private func hasPorts(_ ipProtocol: IPProtocol) -> Bool {
        switch ipProtocol {
        case .tcp, .udp, .udpLite, .sctp, .icmp: true
        default: false
        }
    }

    /// The ports that a source port may become: of its own class (RFC 4787, REQ-3a, as nf_nat_l4proto_unique_tuple has them).
    static func portClass(_ port: UInt16) -> ClosedRange<UInt16> {
        port < 512 ? 1...511 : port < 1024 ? 600...1023 : 1024...65535
    }

    /// Finds a port by trying from a random one on; where that fails for long, with the map of a crowded destination. The kernel gives
    /// up after some hundred tries (nf_nat_l4proto_unique_tuple); here every port of the range can be had.
    @inline(never)
    private mutating func searchPort(_ flow: UInt32, _ tuple: FlowTuple, _ range: NATRange) -> Bool {
        let ports: ClosedRange<UInt16> =
            range.options.contains(.ports)
            ? range.firstPort...range.lastPort
            : tuple.ipProtocol == .icmp ? 0...65535 : Self.portClass(tuple.sourcePort)
        let size = UInt32(ports.upperBound - ports.lowerBound) + 1
        var wanted = tuple
        // A small range is tried through.
        let isSmall = size <= 256
        let isCrowded = tuple.inverted.map { flows.crowdedPorts.isCrowded($0, hashKey: flows.index.key) } ?? false
        let attempts = isSmall ? size : isCrowded ? 0 : UInt32(CrowdedPorts.patience)
        let start = random.next(below: size)
        for attempt in 0..<attempts {
            wanted.sourcePort = ports.lowerBound + UInt16(truncatingIfNeeded: (start + attempt) % size)
            if reserve(flow, wanted) { return true }
        }
        if !isSmall, searchCrowded(flow, tuple, ports) { return true }
        return takeFromClosing(flow, tuple, ports)
    }

    /// The most ports that one packet asks about in vain: only a map that was taken away and given back needs so many.
    private static var mostTries: Int { 2048 }

    private mutating func searchCrowded(_ flow: UInt32, _ tuple: FlowTuple, _ ports: ClosedRange<UInt16>) -> Bool {
        guard let reply = tuple.inverted else { return false }
        let key = flows.index.key
        let size = UInt32(ports.upperBound - ports.lowerBound) + 1
        flows.crowdedPorts.open(reply, hashKey: key, now: now)
        var wanted = tuple
        var from = ports.lowerBound
        for attempt in 0..<Self.mostTries {
            // A new place every few tries: clients choose ports in a row, so taken ones lie in a row.
            if attempt & 7 == 0 { from = ports.lowerBound + UInt16(truncatingIfNeeded: random.next(below: size)) }
            switch flows.crowdedPorts.next(reply, in: ports, from: from, hashKey: key) {
            case .free(let port):
                wanted.sourcePort = port
                if reserve(flow, wanted) { return true }
                from = port < ports.upperBound ? port + 1 : ports.lowerBound
            case .allTaken: return false
            case .noMap: flows.crowdedPorts.open(reply, hashKey: key, now: now)
            }
        }
        return false
    }

    /// Takes the port of a connection that has ended and only waits for stray segments, if the new one's sequence numbers lie beyond its
    /// (nf_nat_used_tuple_harder).
    private mutating func takeFromClosing(_ flow: UInt32, _ tuple: FlowTuple, _ ports: ClosedRange<UInt16>) -> Bool {
        let table = flows.flows
        guard tuple.ipProtocol == .tcp, table[flow].tcp.state == .synSent else { return false }
        let size = UInt32(ports.upperBound - ports.lowerBound) + 1
        var wanted = tuple
        // NF_NAT_HARDER_THRESH.
        for _ in 0..<32 {
            wanted.sourcePort = ports.lowerBound + UInt16(truncatingIfNeeded: random.next(below: size))
            guard let reply = wanted.inverted else { return false }
            guard let old = flows.flow(withReply: reply), old != flow, table[old].status.contains(.sourceNAT) else {
                continue
            }
            table[old].lock.lock()
            let isOver = table[old].tcp.state.rawValue >= TCPState.timeWait.rawValue
            let isBeyond = table[flow].tcp.originalEnd.isAfter(table[old].tcp.originalEnd)
            table[old].lock.unlock()
            if isOver, isBeyond, flows.kill(old), reserve(flow, wanted) { return true }
        }
        return false
    }

    /// Tells the operator, once a second at the most.
    @inline(never)
    private mutating func reportExhaustion(_ flow: UInt32) {
        guard now >= nextExhaustionReport else { return }
        nextExhaustionReport = now + 1_000_000_000
        let wanted = flows.flows[flow].reply
        effects.push(
            .portsExhausted(
                ipProtocol: wanted.ipProtocol, address: wanted.destination, destination: wanted.source,
                destinationPort: wanted.ipProtocol == .icmp ? 0 : wanted.sourcePort))
    }
}
