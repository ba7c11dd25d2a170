import Net

// How a flow gets its translation, once for either end, with its first packet (nf_nat_setup_info in
// net/netfilter/nf_nat_core.c).
//
// The source end is settled last, in POSTROUTING or INPUT, and with it the reply tuple is final: it is then entered into the
// index, so that choosing an address and port and owning it are one step. The destination end is never at fault: its port
// changes only where a rule names ports.

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
            let wanted = chooseDestination(current, range)
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

    private mutating func chooseDestination(_ current: FlowTuple, _ range: NATRange) -> FlowTuple {
        var wanted = current
        wanted.destination = chooseAddress(current, range, current.destination)
        guard range.options.contains(.ports), wanted.ipProtocol != .icmp else { return wanted }
        // The parser has seen to it that the first port is not above the last.
        let size = UInt32(range.lastPort &- range.firstPort) + 1
        if range.options.contains(.shifted) {
            // Wrapping is meant: ports below the base count from the end.
            let distance = UInt32(wanted.destinationPort &- range.basePort) % size
            wanted.destinationPort = range.firstPort &+ UInt16(truncatingIfNeeded: distance)
            return wanted
        }
        let isInRange = wanted.destinationPort >= range.firstPort && wanted.destinationPort <= range.lastPort
        if isInRange, !range.options.contains(.random), range.firstPort != range.lastPort { return wanted }
        wanted.destinationPort = range.firstPort + UInt16(truncatingIfNeeded: random.next(below: size))
        return wanted
    }

    /// One address of a range, the same for the same client and destination (find_best_ips_proto).
    private func chooseAddress(_ tuple: FlowTuple, _ range: NATRange, _ current: IPv4Address) -> IPv4Address {
        guard range.options.contains(.addresses) else { return current }
        if range.first == range.last { return range.first }
        var seed = UInt64(tuple.source.rawValue) << 32
        if !range.options.contains(.persistent) { seed |= UInt64(tuple.destination.rawValue) }
        let hash = (seed ^ flows.index.key).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
        let size = UInt64(range.last.rawValue - range.first.rawValue) + 1
        let position = ((hash.high ^ hash.low) >> 32 &* size) >> 32
        return IPv4Address(rawValue: range.first.rawValue &+ UInt32(truncatingIfNeeded: position))
    }

    // MARK: The source end

    /// Settles the reply tuple and enters it into the index.
    @inline(__always)
    private mutating func chooseSource(_ flow: UInt32, _ current: FlowTuple, _ range: NATRange) -> Bool {
        var wanted = current
        if !range.contains(current.source) { wanted.source = chooseAddress(current, range, current.source) }
        let keepsPort =
            !range.options.contains(.random) && !range.options.contains(.fullyRandom)
            && (!range.options.contains(.ports) || (range.firstPort...range.lastPort).contains(wanted.sourcePort))
        if keepsPort || !hasPorts(wanted.ipProtocol) {
            if reserve(flow, wanted) { return true }
            guard hasPorts(wanted.ipProtocol) else { return false }
        }
        return searchPort(flow, wanted, range)
    }

    @inline(__always)
    private func reserve(_ flow: UInt32, _ wanted: FlowTuple) -> Bool {
        guard let reply = wanted.inverted else { return false }
        flows.flows[flow].reply = reply
        return flows.reserveReply(flow)
    }

    @inline(__always)
    private func hasPorts(_ ipProtocol: IPProtocol) -> Bool {
        switch ipProtocol {
        case .tcp, .udp, .udpLite, .icmp, .sctp, .dccp: true
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
