/// A match as the packet path reads it. Extensions that belong together share a case, and a file with their meaning.
public enum CompiledMatch: Sendable {
    /// What the packet's own bytes say: tcp, udp, icmp, length, ttl, ...
    case header(HeaderMatch)
    /// What tracking knows of its flow: conntrack, state, connmark, ...
    case flow(FlowMatch)
    /// The same beside a `--ctstate`, which speaks alone for a packet that belongs to no flow.
    case flowIfAny(FlowMatch)
    /// What is known around it: mark, link layer, routes, time, ...
    case surroundings(SurroundingsMatch)
    /// State that packets change: limit, hashlimit, recent, quota, ...
    case memory(MemoryMatch)
    /// Membership in sets.
    case set(SetTest)
}

extension Worker {
    /// - Parameter spoilt: set if the packet is to be dropped at once, whatever the rules say ("hotdrop" of xt_action_param).
    @inline(__always)
    mutating func matches(
        _ match: CompiledMatch, _ packet: Packet, _ hook: Hook, _ spoilt: inout DropReason?
    ) -> Bool {
        switch match {
        case .header(let match): return matches(match, packet, hook, &spoilt)
        case .flow(let match): return matches(match, packet)
        case .flowIfAny(let match): return !hasFlowForRules(packet) || matches(match, packet)
        case .surroundings(let match): return matches(match, packet)
        case .memory(let match): return matches(match, packet, hook, &spoilt)
        case .set(let match): return matches(match, packet)
        }
    }
}
