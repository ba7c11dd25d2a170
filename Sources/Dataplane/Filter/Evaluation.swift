import Net

/// What a table says of a packet.
enum RuleVerdict {
    case accept
    case drop(DropReason)
    /// The nat table's: translate to the range with this number.
    case translate(UInt32)
}

extension Worker {
    /// Walks a table's chain for a hook (ipt_do_table in net/ipv4/netfilter/ip_tables.c): a rule counts if all its tests
    /// match, then its target decides.
    @inline(__always)
    mutating func evaluate(_ table: RuleTable, _ hook: Hook, _ packet: inout Packet) -> RuleVerdict {
        let entry = snapshot.rules.entry(table, hook)
        guard entry != CompiledRules.none else { return .accept }
        return walk(table, from: entry, hook, &packet)
    }

    @inline(never)
    private mutating func walk(_ table: RuleTable, from entry: UInt32, _ hook: Hook, _ packet: inout Packet) -> RuleVerdict {
        // What is forwarded still has its way in when it leaves (ip_output), and TEE's copy has its way out for one (nf_dup_ipv4); what the
        // host sends has none.
        let ingressBit =
            switch hook {
            case .prerouting, .input, .forward: packet.ingress.bit
            case .output: PortIndex.none.bit
            case .postrouting: (packet.isCopy ? packet.egress : packet.ingress == .host ? .none : packet.ingress).bit
            }
        let egressBit =
            switch hook {
            case .prerouting, .input: PortIndex.none.bit
            case .output: packet.announcedEgress.bit
            case .forward, .postrouting: (packet.isForHost ? .host : packet.egress).bit
            }
        let rules = snapshot.rules.rules
        // A REJECT or MIRROR walks other chains before this walk ends, but ends it; a TEE does not, and its copy has a stack of
        // its own. So each has one user at a time.
        let stack = snapshot.rules.jumpStacks
        let bottom = (id &* 2 &+ (isDuplicating ? 1 : 0)) &* snapshot.rules.jumpDepth
        var depth = 0
        var current = entry
        var cursor = RuleIndex.Cursor()
        while true {
            if rules[current].flags.contains(.indexed), let index = snapshot.rules.index {
                current = index.next(
                    from: current, packet, ingress: UInt32(truncatingIfNeeded: ingressBit.trailingZeroBitCount),
                    egress: UInt32(truncatingIfNeeded: egressBit.trailingZeroBitCount), &cursor)
                // A segment may go on in the next chunk, which has its own part of the index.
                if current % UInt32(RuleIndex.chunkRules) == 0, cursor.chunk != Int(current) / RuleIndex.chunkRules {
                    continue
                }
            }
            var spoilt: DropReason?
            guard matches(rules, current, packet, ingressBit, egressBit, hook, &spoilt) else {
                if let spoilt { return .drop(spoilt) }
                current &+= 1
                continue
            }
            snapshot.rules.count(current, worker: id, bytes: packet.totalLength)
            // A negated match may spoil a packet and match it: the rule counts, and the packet goes all the same.
            if let spoilt { return .drop(spoilt) }
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
                    current = snapshot.rules.policy(table, hook)
                } else {
                    depth &-= 1
                    current = stack[bottom &+ depth]
                }
            case .jump(let target):
                guard depth < snapshot.rules.jumpDepth else { return .drop(.rule) }
                stack[bottom &+ depth] = current &+ 1
                depth &+= 1
                current = target
            case .goto(let target):
                // A goto from a built-in chain comes back to that chain's policy.
                if depth == 0 {
                    stack[bottom] = snapshot.rules.policy(table, hook)
                    depth = 1
                }
                current = target
            case .reject(let kind):
                reject(packet, kind, hook)
                return .drop(.reject)
            case .synproxy(let rule):
                if let verdict = verdict(synproxy(packet, rule)) { return verdict }
                current &+= 1
            case .translate(let range):
                return .translate(range)
            case .header(let target):
                if let verdict = verdict(apply(target, &packet)) { return verdict }
                current &+= 1
            case .flow(let target):
                if let verdict = verdict(apply(target, &packet)) { return verdict }
                current &+= 1
            case .copy(let target):
                if let verdict = verdict(apply(target, &packet, hook)) { return verdict }
                current &+= 1
            case .report(let target):
                if let verdict = verdict(apply(target, packet, hook)) { return verdict }
                current &+= 1
            case .set(let target):
                if let verdict = verdict(apply(target, &packet)) { return verdict }
                current &+= 1
            case .memory(let target):
                if let verdict = verdict(apply(target, packet)) { return verdict }
                current &+= 1
            }
        }
    }

    /// nil: on with the next rule.
    @inline(__always)
    private func verdict(_ outcome: TargetOutcome) -> RuleVerdict? {
        switch outcome {
        case .next: nil
        case .accept: .accept
        case .drop(let reason): .drop(reason)
        }
    }

    // MARK: Matching

    /// Reads the rule where it lies: a copy of it would cost more than the tests.
    @inline(__always)
    private mutating func matches(
        _ rules: Slab<CompiledRule>, _ rule: UInt32, _ packet: Packet, _ ingressBit: UInt64, _ egressBit: UInt64,
        _ hook: Hook, _ spoilt: inout DropReason?
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
            guard matches(snapshot.rules.matches[match], packet, hook, &spoilt) else { return false }
            match &+= 1
        }
        return true
    }
}
