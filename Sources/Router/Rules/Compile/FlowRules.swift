import Dataplane
import Net
import Rules

extension RuleCompiler {
    /// nil if it is none of these.
    mutating func flowMatches(_ match: Match) -> [CompiledMatch]? {
        if case .conntrack(let conntrack) = match {
            let states = conntrack.states.map { CompiledMatch.flow(.states(FlowMatch.States($0.value), isNegated: $0.isNegated)) }
            guard let states else { return flowMatches(conntrack).map { .flow($0) } }
            // Of a packet without a flow nothing but the state is asked (conntrack_mt in net/netfilter/xt_conntrack.c).
            return [states] + flowMatches(conntrack).map { .flowIfAny($0) }
        }
        if case .connlabel = match { source.asksForLabels = true }
        return flowMatch(match).map { [.flow($0)] }
    }

    private func flowMatch(_ match: Match) -> FlowMatch? {
        switch match {
        case .state(let state): .states(FlowMatch.States(state.states.value), isNegated: state.states.isNegated)
        case .connmark(let connmark):
            .mark(
                MaskedValueTest(
                    value: connmark.mark.value.value, mask: connmark.mark.value.mask,
                    isNegated: connmark.mark.isNegated))
        case .connbytes(let connbytes): FlowMatch(connbytes)
        case .connlabel(let label): .label(label.label, sets: label.setsLabel, isNegated: label.isNegated)
        case .helper(let helper):
            .helper(helperNames.numbers(meantBy: helper.name.value), isNegated: helper.name.isNegated)
        case .cluster(let cluster):
            .cluster(
                nodes: cluster.totalNodes, mask: cluster.localNodes.value, seed: cluster.hashSeed,
                isNegated: cluster.localNodes.isNegated)
        default: nil
        }
    }

    /// All but the states.
    private func flowMatches(_ conntrack: ConntrackMatch) -> [FlowMatch] {
        var found: [FlowMatch] = []
        if let status = conntrack.status {
            found.append(.status(UInt32(status.value.rawValue), isNegated: status.isNegated))
        }
        if let number = conntrack.ipProtocol {
            found.append(.ipProtocol(number.value.rawValue, isNegated: number.isNegated))
        }
        if let address = conntrack.originalSource { found.append(.originalSource(MaskedAddressTest(address))) }
        if let address = conntrack.originalDestination { found.append(.originalDestination(MaskedAddressTest(address))) }
        if let address = conntrack.replySource { found.append(.replySource(MaskedAddressTest(address))) }
        if let address = conntrack.replyDestination { found.append(.replyDestination(MaskedAddressTest(address))) }
        if conntrack.originalSourcePorts != nil {
            found.append(.originalSourcePort(PortTest(conntrack.originalSourcePorts)))
        }
        if conntrack.originalDestinationPorts != nil {
            found.append(.originalDestinationPort(PortTest(conntrack.originalDestinationPorts)))
        }
        if conntrack.replySourcePorts != nil {
            found.append(.replySourcePort(PortTest(conntrack.replySourcePorts)))
        }
        if conntrack.replyDestinationPorts != nil {
            found.append(.replyDestinationPort(PortTest(conntrack.replyDestinationPorts)))
        }
        if let expiry = conntrack.expiry {
            found.append(
                .expiry(
                    first: expiry.value.first, last: expiry.value.last, isNegated: expiry.isNegated))
        }
        if let direction = conntrack.direction {
            found.append(.direction(direction == .original ? .original : .reply))
        }
        return found
    }

    /// nil if it is none of these.
    mutating func flowTarget(_ target: Target, _ refuse: (String) -> Refusal) throws(Refusal) -> FlowTarget? {
        switch target {
        case .mark(let mark): .mark(value: mark.operation.value, mask: mark.operation.mask)
        case .notrack: .noTrack
        case .ct(let ct): try track(ct, refuse)
        case .connmark(let connmark): FlowTarget(connmark)
        case .classify(let classify): .classify(UInt32(classify.major) << 16 | UInt32(classify.minor))
        case .hmark(let hmark): hashMark(hmark)
        default: nil
        }
    }
}

extension MaskedAddressTest {
    init(_ address: Negatable<AddressMask>) {
        self.init(
            address: address.value.address.rawValue & address.value.mask.rawValue, mask: address.value.mask.rawValue, isNegated: address.isNegated)
    }
}

extension FlowMatch.States {
    init(_ states: FlowStates) {
        self = []
        if states.contains(.invalid) { insert(.invalid) }
        if states.contains(.new) { insert(.new) }
        if states.contains(.related) { insert(.related) }
        if states.contains(.established) { insert(.established) }
        if states.contains(.untracked) { insert(.untracked) }
        if states.contains(.snat) { insert(.sourceNAT) }
        if states.contains(.dnat) { insert(.destinationNAT) }
    }
}
