import Net

/// What a table says of a packet.
enum RuleVerdict {
    case accept
    case drop(DropReason)
    /// The nat table's: translate to the range with this number.
    case translate(UInt32)
}

extension Worker {
    /// The deepest nesting of chains; deeper jumps are refused when a ruleset is compiled.
    static var jumpDepth: Int { 64 }

    /// Walks a table's chain for a hook (ipt_do_table in net/ipv4/netfilter/ip_tables.c): a rule counts if all its tests
    /// match, then its target decides.
    @inline(__always)
    mutating func evaluate(_ table: RuleTable, _ hook: Hook, _ packet: inout Packet) -> RuleVerdict {
        let entry = snapshot.rules.entry(table, hook)
        guard entry != CompiledRules.none else { return .accept }
        return walk(from: entry, hook, &packet)
    }

    @inline(never)
    private mutating func walk(from entry: UInt32, _ hook: Hook, _ packet: inout Packet) -> RuleVerdict {
        let ingressBit = hook == .output || hook == .postrouting ? 1 << 63 : portBit(packet.ingress)
        let egressBit = hook == .prerouting || hook == .input ? 1 << 63 : portBit(packet.egress)
        let rules = snapshot.rules.rules
        // A REJECT walks other chains before this walk ends, but ends it: the stack has one user at a time.
        let stack = jumpStack
        var depth = 0
        var current = entry
        while true {
            var isSpoilt = false
            guard matches(rules, current, packet, ingressBit, egressBit, &isSpoilt) else {
                if isSpoilt { return .drop(.transportCut) }
                current &+= 1
                continue
            }
            snapshot.rules.count(current, worker: id, bytes: packet.totalLength)
            switch rules[current].target {
            case .next:
                current &+= 1
            case .accept, .policyAccept:
                return .accept
            case .drop:
                return .drop(.rule)
            case .policyDrop:
                return .drop(.policy)
            case .return:
                if depth == 0 {
                    current = policy(after: current)
                } else {
                    depth &-= 1
                    current = stack[depth]
                }
            case .jump(let target):
                guard depth < Self.jumpDepth else { return .drop(.rule) }
                stack[depth] = current &+ 1
                depth &+= 1
                current = target
            case .goto(let target):
                // A goto from a built-in chain comes back to that chain's policy.
                if depth == 0 {
                    stack[0] = policy(after: current)
                    depth = 1
                }
                current = target
            case .reject(let kind):
                reject(packet, hook, kind)
                return .drop(.reject)
            case .translate(let range):
                return .translate(range)
            case .mark(let value, let mask):
                packet.mark = packet.mark & ~mask ^ value
                current &+= 1
            case .noTrack:
                if packet.tracking.state == .none { packet.tracking.state = .untracked }
                current &+= 1
            }
        }
    }

    /// The policy rule that ends the built-in chain in which `rule` stands.
    private func policy(after rule: UInt32) -> UInt32 {
        var current = rule
        while true {
            switch snapshot.rules.rules[current].target {
            case .policyAccept, .policyDrop: return current
            default: current &+= 1
            }
        }
    }

    @inline(__always)
    private func portBit(_ port: PortIndex) -> UInt64 { 1 << UInt64(port.rawValue & 63) }

    // MARK: Matching

    /// Reads the rule where it lies: a copy of it would cost more than the tests.
    @inline(__always)
    private func matches(
        _ rules: Slab<CompiledRule>, _ rule: UInt32, _ packet: Packet, _ ingressBit: UInt64, _ egressBit: UInt64,
        _ isSpoilt: inout Bool
    ) -> Bool {
        let flags = rules[rule].flags
        guard rules[rule].ingress & ingressBit != 0, rules[rule].egress & egressBit != 0,
            (packet.source.rawValue & rules[rule].sourceMask == rules[rule].source) != flags.contains(.notSource),
            (packet.destination.rawValue & rules[rule].destinationMask == rules[rule].destination)
                != flags.contains(.notDestination)
        else { return false }
        let ipProtocol = rules[rule].ipProtocol
        if ipProtocol != 0, (ipProtocol == packet.ipProtocol.rawValue) == flags.contains(.notProtocol) { return false }
        if !flags.isDisjoint(with: [.fragment, .notFragment]) {
            guard (packet.fragmentOffset != 0) == flags.contains(.fragment) else { return false }
        }
        var match = rules[rule].firstMatch
        let end = match &+ rules[rule].matchCount
        while match < end {
            guard matches(snapshot.rules.matches[match], packet, &isSpoilt) else { return false }
            match &+= 1
        }
        return true
    }

    /// - Parameter isSpoilt: set if the header that a match wants is cut off: such a packet is dropped at once ("hotdrop" in
    ///   net/netfilter/xt_tcpudp.c and xt_multiport.c). Later fragments have none and just do not match, but for one so early that it could
    ///   overwrite a TCP header (RFC 1858).
    @inline(__always)
    private func matches(_ match: CompiledMatch, _ packet: Packet, _ isSpoilt: inout Bool) -> Bool {
        if !packet.hasTransport {
            switch match {
            case .tcp, .tcpOption:
                isSpoilt = packet.fragmentOffset <= 8
                return false
            case .udp, .icmp, .multiport:
                isSpoilt = packet.fragmentOffset == 0
                return false
            default: break
            }
        }
        switch match {
        case .tcp(let source, let destination, let mask, let flags, let isNegated):
            return source.matches(packet.sourcePort) && destination.matches(packet.destinationPort)
                && (packet.tcpFlags.rawValue & mask == flags) != isNegated
        case .tcpOption(let kind, let isNegated):
            return packet.hasTCPOption(kind) != isNegated
        case .udp(let source, let destination):
            return source.matches(packet.sourcePort) && destination.matches(packet.destinationPort)
        case .icmp(let type, let firstCode, let lastCode, let isNegated):
            let code = packet.transport8(Offset.icmpCode)
            return (type == 255
                || (packet.transport8(Offset.icmpType) == type && code >= firstCode && code <= lastCode)) != isNegated
        case .mark(let value, let mask, let isNegated):
            return (packet.mark & mask == value) != isNegated
        case .multiport(let side, let first, let count, let isNegated):
            var found = false
            for index in first..<(first &+ count) {
                let range = snapshot.rules.portRanges[index]
                switch side {
                case .source: found = range.matches(packet.sourcePort)
                case .destination: found = range.matches(packet.destinationPort)
                case .either: found = range.matches(packet.sourcePort) || range.matches(packet.destinationPort)
                }
                if found { break }
            }
            return found != isNegated
        default:
            return matchesFlow(match, packet)
        }
    }

    /// The options of `-m conntrack` (conntrack_mt in net/netfilter/xt_conntrack.c). But for the state, a packet without a
    /// flow matches none of them.
    private func matchesFlow(_ match: CompiledMatch, _ packet: Packet) -> Bool {
        let table = flows.flows
        let flow = packet.tracking.flow
        if case .states(let states, let isNegated) = match {
            var bits: CompiledMatch.States
            switch packet.tracking.state {
            case .none, .invalid: bits = .invalid
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
        guard flow != 0 else { return false }
        switch match {
        case .status(let bits, let isNegated):
            // Only netfilter's own bits; ours stand above them.
            let status = table[flow].status.rawValue & 0xFFFF
            return (status & bits != 0) != isNegated
        case .flowProtocol(let number, let isNegated):
            return (table[flow].original.ipProtocol.rawValue == number) != isNegated
        case .flowOriginalSource(let address): return address.matches(table[flow].original.source)
        case .flowOriginalDestination(let address): return address.matches(table[flow].original.destination)
        case .flowReplySource(let address): return address.matches(table[flow].reply.source)
        case .flowReplyDestination(let address): return address.matches(table[flow].reply.destination)
        case .flowOriginalSourcePort(let range): return range.matches(table[flow].original.sourcePort)
        case .flowOriginalDestinationPort(let range): return range.matches(table[flow].original.destinationPort)
        case .flowReplySourcePort(let range): return range.matches(table[flow].reply.sourcePort)
        case .flowReplyDestinationPort(let range): return range.matches(table[flow].reply.destinationPort)
        case .flowDirection(let direction): return packet.tracking.direction == direction
        case .flowExpiry(let first, let last, let isNegated):
            let seconds = table[flow].expires.since(now) / TCPTimeouts.second
            return (seconds >= UInt64(first) && seconds <= UInt64(last)) != isNegated
        default: return false
        }
    }
}

extension Packet {
    /// Whether a TCP header carries an option of this kind (tcp_find_option in net/netfilter/xt_tcpudp.c).
    func hasTCPOption(_ kind: UInt8) -> Bool {
        let end = min(Int(transport8(Offset.tcpDataOffset) >> 4) * 4, transportLength)
        var offset = Offset.tcpHeader
        while offset < end {
            let current = transport8(offset)
            if current == kind { return true }
            if current < 2 {
                offset += 1
            } else {
                guard offset + 1 < end else { return false }
                offset += max(Int(transport8(offset + 1)), 1)
            }
        }
        return false
    }
}
