import Net

// A helper's place in a packet's way: assigned when a flow begins, called when a packet of the flow has passed everything.

extension Worker {
    /// Gives a flow that is just being made its helper, if a rule or the configuration names one (__nf_ct_try_assign_helper).
    @inline(__always)
    func assignHelper(_ packet: Packet, _ tuple: FlowTuple) {
        let byRule = packet.template.helper
        let helper = byRule != 0 ? byRule : snapshot.tracking.helpers.helper(tuple.ipProtocol, port: tuple.destinationPort)
        if helper != 0 { flows.assignHelper(helper, to: packet.tracking.flow) }
    }

    /// The same once DNAT has said who the server is: what counts is the port that it listens on (nf_conntrack_alter_reply).
    @inline(__always)
    func assignHelperAfterTranslation(_ flow: UInt32) {
        guard flows.flows[flow].status.isDisjoint(with: [.helped, .expected]) else { return }
        let reply = flows.flows[flow].reply
        let helper = snapshot.tracking.helpers.helper(reply.ipProtocol, port: reply.sourcePort)
        if helper != 0 { flows.assignHelper(helper, to: flow) }
    }

    /// What nf_confirm does before it confirms: the helper looks at the packet, then its sequence numbers are shifted by what the
    /// helper has changed before it.
    @inline(__always)
    mutating func help(_ packet: inout Packet) -> DropReason? {
        guard packet.tracking.hasFlow else { return nil }
        let status = flows.flows[packet.tracking.flow].status
        return status.isDisjoint(with: [.helped, .sequenceAdjusted]) ? nil : help(&packet, status)
    }

    @inline(never)
    private mutating func help(_ packet: inout Packet, _ status: Flow.Status) -> DropReason? {
        let flow = packet.tracking.flow
        // An ICMP error of the flow is not what helpers read.
        guard packet.hasTransport, packet.ipProtocol == flows.flows[flow].original.ipProtocol else { return nil }
        if status.contains(.helped), let kind = flows.kind(of: flows.flows[flow].helper), let reason = kind.read(&packet, &self) {
            return reason
        }
        if status.contains(.sequenceAdjusted), !adjustSequence(packet) { return .sequenceAdjustment }
        return nil
    }

    // MARK: Expected flows

    /// Begins a flow that was announced, if this one was: RELATED, with its master's mark, and translated as its master is
    /// (init_conntrack in net/netfilter/nf_conntrack_core.c).
    ///
    /// - Returns: a reason to drop the packet.
    @inline(never)
    mutating func beginExpected(_ packet: inout Packet, _ tuple: FlowTuple) -> DropReason? {
        let zone = max(packet.template.zone(.original, mark: packet.mark), packet.template.zone(.reply, mark: packet.mark))
        guard let announced = flows.expectations.take(tuple, zone: zone, now: now) else {
            assignHelper(packet, tuple)
            return nil
        }
        let flow = packet.tracking.flow
        let table = flows.flows
        table[flow].set(.expected)
        table[flow].mark = announced.mark
        table[flow].masterHelper = announced.masterHelper
        table[flow].masterSource = announced.masterSource
        if announced.helper != 0 { flows.assignHelper(announced.helper, to: flow) }
        packet.tracking.state = .related
        return announced.followsNAT ? follow(packet, announced) : nil
    }

    /// nf_nat_follow_master in net/netfilter/nf_nat_helper.c: it comes from whom the master sends to, and goes to the master's own
    /// address and the port that was meant. The nat table is not asked.
    private mutating func follow(_ packet: Packet, _ announced: ExpectationTable.Announcement) -> DropReason? {
        let destination = NATRange(
            options: [.addresses, .ports], first: announced.destination, last: announced.destination,
            firstPort: announced.destinationPort, lastPort: announced.destinationPort)
        if let reason = bind(packet, .destination, to: destination) { return reason }
        return bind(packet, .source, to: .null(announced.source))
    }

    // MARK: Announcing

    /// Expects a flow as it was announced (nf_ct_expect_related).
    func expect(_ expectation: Expectation, _ policy: ExpectationPolicy) -> Bool {
        flows.expectations.add(expectation, policy: policy, now: now) == .added
    }

    /// Expects a flow on the announced port, or if another flow is expected there, on one above it (nf_nat_exp_find_port).
    ///
    /// - Returns: the port; nil if none was free.
    mutating func expectOnFreePort(_ expectation: inout Expectation, _ policy: ExpectationPolicy) -> UInt16? {
        let first = expectation.savedPort
        let range = UInt32(UInt16.max - first)
        var port = first
        var attempts = min(Int(range), 128)
        while true {
            expectation.tuple.destinationPort = port
            switch flows.expectations.add(expectation, policy: policy, now: now) {
            case .added: return port
            case .refused: return nil
            case .clashes: break
            }
            attempts -= 1
            guard attempts >= 0, range > 0 else { return nil }
            port = first &+ UInt16(truncatingIfNeeded: random.next(below: range))
        }
    }

    /// An expectation for a flow toward where the answers of a packet's flow go, as seen in one of its directions: from any port, to
    /// `port` (nf_ct_expect_init).
    ///
    /// - Parameters:
    ///   - direction: in which of the master's directions the expected flow begins.
    ///   - isFromAnywhere: whether any source address will do.
    func expectation(
        for packet: Packet, _ direction: Direction, _ ipProtocol: IPProtocol, port: UInt16, isFromAnywhere: Bool = false
    ) -> Expectation {
        let flow = packet.tracking.flow
        let tuple = flows.flows[flow].tuple(direction)
        return Expectation(
            tuple: FlowTuple(
                source: isFromAnywhere ? .any : tuple.source, destination: tuple.destination, ipProtocol: ipProtocol,
                sourcePort: 0, destinationPort: port),
            sourceMask: isFromAnywhere ? 0 : .max, sourcePortMask: 0,
            zone: max(flows.flows[flow].original.zone, flows.flows[flow].reply.zone), master: flow, savedPort: port,
            direction: direction)
    }
}

extension FlowTable {
    /// Only for a flow that nobody else can find yet.
    @inline(never)
    func assignHelper(_ helper: UInt8, to flow: UInt32) {
        help[flow] = FlowHelp()
        flows[flow].helper = helper
        flows[flow].set(.helped)
    }

    /// What of a flow is translated at all (IPS_NAT_MASK).
    @inline(__always)
    func isTranslated(_ flow: UInt32) -> Bool {
        !flows[flow].status.isDisjoint(with: [.sourceNAT, .destinationNAT])
    }

    /// What kind of helper a number stands for.
    @inline(__always)
    func kind(of helper: UInt8) -> HelperKind? { HelperKind(rawValue: helperKinds[Int(helper & 63)]) }

    /// Takes over what kind of helper each number stands for. To be called before rules with new numbers are published; a number
    /// never changes its meaning.
    public func learn(_ names: HelperNames) {
        for (place, name) in names.names.enumerated() {
            guard let kind = HelperKind(named: name) else { continue }
            helperKinds[place + 1] = kind.rawValue
        }
    }
}
