import Net

/// Matches that ask what tracking knows of a packet's flow.
public enum FlowMatch: Sendable {
    case states(States, isNegated: Bool)
    /// `conntrack --ctstatus` (IPS_… bits; NONE is 0 and therefore matches nothing, as in the kernel).
    case status(UInt32, isNegated: Bool)
    case ipProtocol(UInt8, isNegated: Bool)
    case originalSource(MaskedAddressTest)
    case originalDestination(MaskedAddressTest)
    case replySource(MaskedAddressTest)
    case replyDestination(MaskedAddressTest)
    case originalSourcePort(PortTest)
    case originalDestinationPort(PortTest)
    case replySourcePort(PortTest)
    case replyDestinationPort(PortTest)
    /// In seconds.
    case expiry(first: UInt32, last: UInt32, isNegated: Bool)
    case direction(Direction)
    /// `connmark`.
    case mark(MaskedValueTest)
    /// `connbytes`.
    case carried(Carried, first: UInt64, last: UInt64, isNegated: Bool)
    /// `connlabel`: 0 to 127, and whether it is set on the way.
    case label(UInt8, sets: Bool, isNegated: Bool)
    /// `helper`: a bit for each number of `HelperNames`.
    case helper(UInt64, isNegated: Bool)
    /// `cluster`: bit 0 of the mask is node 1; 1 to 32 nodes.
    case cluster(nodes: UInt32, mask: UInt32, seed: UInt32, isNegated: Bool)

    /// Bits of `conntrack --ctstate` (XT_CONNTRACK_STATE_…).
    public struct States: OptionSet, Sendable {
        public var rawValue: UInt8
        @inline(__always)
        public init(rawValue: UInt8) { self.rawValue = rawValue }
        public static let invalid = States(rawValue: 1 << 0)
        public static let established = States(rawValue: 1 << 1)
        public static let related = States(rawValue: 1 << 2)
        public static let new = States(rawValue: 1 << 3)
        public static let untracked = States(rawValue: 1 << 4)
        public static let sourceNAT = States(rawValue: 1 << 5)
        public static let destinationNAT = States(rawValue: 1 << 6)
    }
}

extension Worker {
    /// The options of `-m conntrack` (conntrack_mt in net/netfilter/xt_conntrack.c) and the matches of `FlowProperties.swift`. But for
    /// the state, a label and a helper, a packet without a flow matches none of them, `!` or not.
    func matches(_ match: FlowMatch, _ packet: Packet) -> Bool {
        let table = flows.flows
        let flow = packet.tracking.flow
        if case .states(let states, let isNegated) = match {
            var bits: FlowMatch.States
            switch packet.tracking.state {
            // A packet that a rule has chosen a zone for is new to the kernel already.
            case .none: bits = packet.template.isSet ? .new : .invalid
            case .invalid: bits = .invalid
            case .new: bits = .new
            case .established: bits = .established
            case .related: bits = .related
            case .untracked: bits = .untracked
            }
            if flow != 0 {
                let status = table[flow].status
                if status.contains(.sourceNAT) { bits.insert(.sourceNAT) }
                if status.contains(.destinationNAT) { bits.insert(.destinationNAT) }
            }
            return states.isDisjoint(with: bits) == isNegated
        }
        switch match {
        case .label(let label, let sets, let isNegated): return hasLabel(flow, label, sets: sets) != isNegated
        case .helper(let helpers, let isNegated): return wasAnnounced(flow, byOneOf: helpers) != isNegated
        case .cluster: if packet.isLinkBroadcast { adopt(packet) }
        default: break
        }
        guard flow != 0 else { return hasFlowForRules(packet) && matchesTemplate(match) }
        switch match {
        case .mark(let test): return test.matches(table[flow].mark)
        case .carried(let carried, let first, let last, let isNegated):
            let amount = amount(flow, carried)
            return (amount >= first && amount <= last) != isNegated
        case .cluster(let nodes, let mask, let seed, let isNegated):
            return (mask >> clusterNode(flow, nodes: nodes, seed: seed) & 1 != 0) != isNegated
        case .status(let bits, let isNegated):
            // Only netfilter's own bits; ours stand above them.
            let status = table[flow].status.rawValue & 0xFFFF
            return (status & bits != 0) != isNegated
        case .ipProtocol(let number, let isNegated):
            return (table[flow].original.ipProtocol.rawValue == number) != isNegated
        case .originalSource(let address): return address.matches(table[flow].original.source)
        case .originalDestination(let address): return address.matches(table[flow].original.destination)
        case .replySource(let address): return address.matches(table[flow].reply.source)
        case .replyDestination(let address): return address.matches(table[flow].reply.destination)
        case .originalSourcePort(let range): return range.matches(table[flow].original.sourcePort)
        case .originalDestinationPort(let range): return range.matches(table[flow].original.destinationPort)
        case .replySourcePort(let range): return range.matches(table[flow].reply.sourcePort)
        case .replyDestinationPort(let range): return range.matches(table[flow].reply.destinationPort)
        case .direction(let direction): return packet.tracking.direction == direction
        case .expiry(let first, let last, let isNegated):
            // Before a flow is confirmed the kernel has not put its timeout on the clock yet, and reads 0.
            let isRunning = table[flow].status.contains(.confirmed)
            let seconds = isRunning ? table[flow].expires.since(now) / TCPTimeouts.second : 0
            return (seconds >= UInt64(first) && seconds <= UInt64(last)) != isNegated
        case .states, .label, .helper: return false
        }
    }
}
