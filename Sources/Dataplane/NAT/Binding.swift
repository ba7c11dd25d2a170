import Net

// How a flow gets its translation, once for either end, with its first packet (nf_nat_setup_info in
// net/netfilter/nf_nat_core.c).
//
// The source end is settled last, in POSTROUTING or INPUT, and with it the reply tuple is final: it is then entered into the
// index, so that choosing an address and port and owning it are one step. The destination end is never at fault: its port
// changes only where a rule names ports, and then to the first of them unless told to be random (tried).

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
            }
        case .source:
            guard chooseSource(flow, current, range) else { return .natExhausted }
            if table[flow].reply.inverted.map({ $0 != current }) ?? false { status.insert(.sourceNAT) }
        }
        table[flow].set(status)
        return nil
    }

    // MARK: The destination end

    private mutating func chooseDestination(_ flow: UInt32, _ current: FlowTuple, _ range: NATRange) -> FlowTuple {
        var wanted = current
        wanted.destination = chooseAddress(current, range, current.destination)
        guard range.options.contains(.ports), hasPorts(wanted.ipProtocol), wanted.ipProtocol != .icmp else {
            return wanted
        }
        // The parser has seen to it that the first port is not above the last.
        let size = UInt32(range.lastPort &- range.firstPort) + 1
        if range.options.contains(.shifted) {
            // Wrapping is meant: ports below the base count from the end.
            let distance = UInt32(wanted.destinationPort &- range.basePort) % size
            wanted.destinationPort = range.firstPort &+ UInt16(truncatingIfNeeded: distance)
            return wanted
        }
        let isRandom = !range.options.isDisjoint(with: [.random, .fullyRandom])
        let isInRange = range.contains(port: wanted.destinationPort)
        if isInRange, !isRandom, size == 1 || !isTaken(flow, wanted) { return wanted }
        // The first port of the range that is free for this client: usually the very first.
        let start = isRandom ? random.next(below: size) : 0
        for attempt in 0..<min(size, 128) {
            wanted.destinationPort = range.firstPort &+ UInt16(truncatingIfNeeded: (start &+ attempt) % size)
            if !isTaken(flow, wanted) { break }
        }
        return wanted
    }

    /// Whether another flow already expects the answers to these packets.
    private func isTaken(_ flow: UInt32, _ wanted: FlowTuple) -> Bool {
        guard let reply = wanted.inverted else { return false }
        return flows.isTaken(reply, .reply, hash: flows.index.hash(reply), except: flow)
    }

    /// One address of a range, the same for the same client and destination (find_best_ips_proto).
    private func chooseAddress(_ tuple: FlowTuple, _ range: NATRange, _ current: IPv4Address) -> IPv4Address {
        guard range.options.contains(.addresses) else { return current }
        if range.first == range.last { return range.first }
        var seed = UInt64(tuple.source.rawValue) << 32
        if !range.options.contains(.persistent) { seed |= UInt64(tuple.destination.rawValue) }
        let hash = (seed ^ flows.index.key).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
        let size = UInt64(range.last.rawValue &- range.first.rawValue) + 1
        let position = ((hash.high ^ hash.low) >> 32 &* size) >> 32
        return IPv4Address(rawValue: range.first.rawValue &+ UInt32(truncatingIfNeeded: position))
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
                if reserve(flow, current) { return true }
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
        wanted.source = chooseAddress(current, range, current.source)
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

    /// Whether ports or identifiers can be rewritten. Those of SCTP and DCCP stay: their checksums would have to follow.
    @inline(__always)
    private func hasPorts(_ ipProtocol: IPProtocol) -> Bool {
        switch ipProtocol {
        case .tcp, .udp, .udpLite, .icmp: true
        default: false
        }
    }

    /// The ports that a source port may become: of its own class (RFC 4787, REQ-3a, as nf_nat_l4proto_unique_tuple has them).
    static func portClass(_ port: UInt16) -> ClosedRange<UInt16> {
        port < 512 ? 1...511 : port < 1024 ? 600...1023 : 1024...65535
    }

    /// Tries ports from a random one on, fewer with every fresh start, so that a full range costs a bounded time.
    @inline(never)
    private mutating func searchPort(_ flow: UInt32, _ tuple: FlowTuple, _ range: NATRange) -> Bool {
        let ports: ClosedRange<UInt16> =
            range.options.contains(.ports)
            ? range.firstPort...range.lastPort
            : tuple.ipProtocol == .icmp ? 0...65535 : Self.portClass(tuple.sourcePort)
        let size = UInt32(ports.upperBound - ports.lowerBound) + 1
        var wanted = tuple
        var attempts = min(size, 128)
        while true {
            let start = random.next(below: size)
            for attempt in 0..<attempts {
                let offset = (start + attempt) % size
                wanted.sourcePort = ports.lowerBound + UInt16(truncatingIfNeeded: offset)
                if reserve(flow, wanted) { return true }
            }
            if attempts >= size || attempts < 16 { return false }
            attempts /= 2
        }
    }
}
