import Dataplane
import Net
import Rules

/// From the model of a ruleset to what the packet path reads.
///
/// All chains of all tables stand in one row, each followed by its policy or its return, as ip_tables lays them out. A rule
/// that cannot be carried out is an error here, never a rule that is left out.
struct RuleCompiler {
    /// Where a rule of the compiled row comes from.
    struct Origin: Sendable {
        var table: TableName
        var chain: Int
        /// nil for the chain's policy, or its return.
        var rule: Int?
    }

    struct Result {
        var source: CompiledRules.Source
        /// One for each rule of the row.
        var origins: [Origin]
    }

    /// A rule that the data plane cannot carry out.
    struct Refusal: Error, CustomStringConvertible {
        var table: TableName
        var chain: String
        /// From 1; 0 for the chain itself.
        var number: Int
        var rule: Rule?
        var message: String

        var description: String { "table \(table.rawValue), chain \(chain), rule \(number): \(message)" }
    }

    private let portNames: [String]
    private var source = CompiledRules.Source()
    private var origins: [Origin] = []

    /// - Parameters:
    ///   - portNames: by `PortIndex`.
    ///   - alwaysTracks: track flows even if no rule needs it.
    static func compile(
        _ ruleset: Ruleset, portNames: [String], alwaysTracks: Bool
    ) throws(Refusal) -> Result {
        var compiler = RuleCompiler(portNames: portNames)
        compiler.source.tracks = alwaysTracks || ruleset.needsTracking
        for table in ruleset.tables { try compiler.add(table) }
        return Result(source: compiler.source, origins: compiler.origins)
    }

    private init(portNames: [String]) { self.portNames = portNames }

    // MARK: Tables and chains

    private mutating func add(_ table: Table) throws(Refusal) {
        // First where every chain begins, since rules jump forward as well.
        var starts: [String: UInt32] = [:]
        var next = UInt32(source.rules.count)
        for chain in table.chains {
            starts[chain.name] = next
            next += UInt32(chain.rules.count) + 1
        }
        try checkDepth(table)
        let reachability = table.reachability
        for (chainNumber, chain) in table.chains.enumerated() {
            if let hook = chain.hook, let start = starts[chain.name] {
                source.entries.append((Self.table(table.name), Self.hook(hook), start))
            }
            for (number, rule) in chain.rules.enumerated() {
                let refuse = { (message: String) in
                    Refusal(table: table.name, chain: chain.name, number: number + 1, rule: rule, message: message)
                }
                origins.append(Origin(table: table.name, chain: chainNumber, rule: number))
                if case .redirect = rule.target, reachability.hooks(chain: chain.name, rule: number).contains(.output) {
                    // It would lead to the loopback interface, which is the kernel's alone.
                    throw refuse("REDIRECT does not act yet on what the host itself sends; use it in PREROUTING")
                }
                try add(rule, starts, refuse)
            }
            var last = CompiledRule()
            last.target =
                switch chain.policy {
                case .accept: .policyAccept
                case .drop: .policyDrop
                case nil: .return
                }
            origins.append(Origin(table: table.name, chain: chainNumber, rule: nil))
            source.rules.append(last)
        }
    }

    /// The packet path keeps its place in so many chains at the most.
    private func checkDepth(_ table: Table) throws(Refusal) {
        var depths: [String: Int] = [:]
        func depth(_ name: String, _ path: Int) -> Int {
            if let known = depths[name] { return known }
            // A loop is refused before; this only keeps the search finite.
            guard path < 1000, let chain = table[chain: name] else { return 0 }
            var deepest = 0
            for rule in chain.rules {
                switch rule.target {
                case .jump(let target), .goto(let target): deepest = max(deepest, depth(target, path + 1) + 1)
                default: break
                }
            }
            depths[name] = deepest
            return deepest
        }
        for chain in table.chains where depth(chain.name, 0) > 60 {
            throw Refusal(
                table: table.name, chain: chain.name, number: 0, rule: nil,
                message: "chains call each other more than 60 deep")
        }
    }

    private static func table(_ name: TableName) -> RuleTable {
        switch name {
        case .raw: .raw
        case .mangle: .mangle
        case .nat: .nat
        case .filter: .filter
        }
    }

    private static func hook(_ hook: Rules.Hook) -> Dataplane.Hook {
        switch hook {
        case .prerouting: .prerouting
        case .input: .input
        case .forward: .forward
        case .output: .output
        case .postrouting: .postrouting
        }
    }

    // MARK: Rules

    private mutating func add(
        _ rule: Rule, _ starts: [String: UInt32], _ refuse: (String) -> Refusal
    ) throws(Refusal) {
        var compiled = CompiledRule()
        if let from = rule.source {
            compiled.source = from.value.address.rawValue
            compiled.sourceMask = from.value.mask.rawValue
            if from.isNegated { compiled.flags.insert(.notSource) }
        }
        if let to = rule.destination {
            compiled.destination = to.value.address.rawValue
            compiled.destinationMask = to.value.mask.rawValue
            if to.isNegated { compiled.flags.insert(.notDestination) }
        }
        compiled.ingress = portSet(rule.inInterface)
        compiled.egress = portSet(rule.outInterface)
        if let ipProtocol = rule.ipProtocol {
            compiled.ipProtocol = ipProtocol.value.rawValue
            if ipProtocol.isNegated { compiled.flags.insert(.notProtocol) }
        }
        if let fragments = rule.fragments { compiled.flags.insert(fragments ? .fragment : .notFragment) }
        compiled.firstMatch = UInt32(source.matches.count)
        for match in rule.matches { try add(match, refuse) }
        compiled.matchCount = UInt32(source.matches.count) - compiled.firstMatch
        compiled.target = try target(rule.target, starts, refuse)
        source.rules.append(compiled)
    }

    /// The ports whose names match, by index, and bit 63 for packets that have no port on that side.
    private func portSet(_ pattern: Negatable<InterfacePattern>?) -> UInt64 {
        guard let pattern else { return .max }
        var set: UInt64 = 0
        for (index, name) in portNames.enumerated() where pattern.value.matches(name) { set |= 1 << UInt64(index) }
        if pattern.value.matches("") { set |= 1 << 63 }
        return pattern.isNegated ? ~set : set
    }

    // MARK: Matches

    private mutating func add(_ match: Match, _ refuse: (String) -> Refusal) throws(Refusal) {
        switch match {
        case .comment: break
        case .tcp(let tcp):
            source.matches.append(
                .tcp(
                    source: Self.ports(tcp.sourcePorts), destination: Self.ports(tcp.destinationPorts),
                    mask: tcp.flags?.value.mask.rawValue ?? 0, flags: tcp.flags?.value.set.rawValue ?? 0,
                    isNegated: tcp.flags?.isNegated ?? false))
            if let option = tcp.option {
                source.matches.append(.tcpOption(kind: option.value, isNegated: option.isNegated))
            }
        case .udp(let udp):
            source.matches.append(
                .udp(source: Self.ports(udp.sourcePorts), destination: Self.ports(udp.destinationPorts)))
        case .icmp(let icmp):
            source.matches.append(
                .icmp(
                    type: icmp.kind.value.type, firstCode: icmp.kind.value.codes.lowerBound,
                    lastCode: icmp.kind.value.codes.upperBound, isNegated: icmp.kind.isNegated))
        case .state(let state):
            source.matches.append(.states(Self.states(state.states.value), isNegated: state.states.isNegated))
        case .conntrack(let conntrack): add(conntrack)
        case .multiport(let multiport):
            let first = UInt32(source.portRanges.count)
            for range in multiport.ports.value {
                source.portRanges.append(CompiledMatch.PortRange(first: range.lowerBound, last: range.upperBound))
            }
            source.matches.append(
                .multiport(
                    multiport.side == .source ? .source : multiport.side == .destination ? .destination : .either,
                    first: first, count: UInt32(multiport.ports.value.count), isNegated: multiport.ports.isNegated))
        case .mark(let mark):
            source.matches.append(
                .mark(value: mark.mark.value.value, mask: mark.mark.value.mask, isNegated: mark.mark.isNegated))
        default:
            throw refuse("match \"\(match.description.name)\" does not act yet")
        }
    }

    private mutating func add(_ conntrack: ConntrackMatch) {
        var found: [CompiledMatch] = []
        if let states = conntrack.states { found.append(.states(Self.states(states.value), isNegated: states.isNegated)) }
        if let status = conntrack.status {
            found.append(.status(UInt32(status.value.rawValue), isNegated: status.isNegated))
        }
        if let number = conntrack.ipProtocol {
            found.append(.flowProtocol(number.value.rawValue, isNegated: number.isNegated))
        }
        if let address = conntrack.originalSource { found.append(.flowOriginalSource(Self.address(address))) }
        if let address = conntrack.originalDestination { found.append(.flowOriginalDestination(Self.address(address))) }
        if let address = conntrack.replySource { found.append(.flowReplySource(Self.address(address))) }
        if let address = conntrack.replyDestination { found.append(.flowReplyDestination(Self.address(address))) }
        if conntrack.originalSourcePorts != nil {
            found.append(.flowOriginalSourcePort(Self.ports(conntrack.originalSourcePorts)))
        }
        if conntrack.originalDestinationPorts != nil {
            found.append(.flowOriginalDestinationPort(Self.ports(conntrack.originalDestinationPorts)))
        }
        if conntrack.replySourcePorts != nil {
            found.append(.flowReplySourcePort(Self.ports(conntrack.replySourcePorts)))
        }
        if conntrack.replyDestinationPorts != nil {
            found.append(.flowReplyDestinationPort(Self.ports(conntrack.replyDestinationPorts)))
        }
        if let expiry = conntrack.expiry {
            found.append(
                .flowExpiry(
                    first: expiry.value.lowerBound, last: expiry.value.upperBound, isNegated: expiry.isNegated))
        }
        if let direction = conntrack.direction {
            found.append(.flowDirection(direction == .original ? .original : .reply))
        }
        source.matches += found
    }

    private static func ports(_ ports: Negatable<ClosedRange<UInt16>>?) -> CompiledMatch.PortRange {
        guard let ports else { return CompiledMatch.PortRange() }
        return CompiledMatch.PortRange(
            first: ports.value.lowerBound, last: ports.value.upperBound, isNegated: ports.isNegated)
    }

    private static func address(_ address: Negatable<AddressMask>) -> CompiledMatch.MaskedAddress {
        CompiledMatch.MaskedAddress(
            address: address.value.address.rawValue, mask: address.value.mask.rawValue, isNegated: address.isNegated)
    }

    private static func states(_ states: FlowStates) -> CompiledMatch.States {
        var compiled: CompiledMatch.States = []
        if states.contains(.invalid) { compiled.insert(.invalid) }
        if states.contains(.new) { compiled.insert(.new) }
        if states.contains(.related) { compiled.insert(.related) }
        if states.contains(.established) { compiled.insert(.established) }
        if states.contains(.untracked) { compiled.insert(.untracked) }
        if states.contains(.snat) { compiled.insert(.sourceNAT) }
        if states.contains(.dnat) { compiled.insert(.destinationNAT) }
        return compiled
    }

    // MARK: Targets

    private mutating func target(
        _ target: Target, _ starts: [String: UInt32], _ refuse: (String) -> Refusal
    ) throws(Refusal) -> CompiledTarget {
        switch target {
        case .none: return .next
        case .accept: return .accept
        case .drop: return .drop
        case .return: return .return
        case .jump(let chain):
            guard let start = starts[chain] else { throw refuse("there is no chain \"\(chain)\"") }
            return .jump(start)
        case .goto(let chain):
            guard let start = starts[chain] else { throw refuse("there is no chain \"\(chain)\"") }
            return .goto(start)
        case .reject(let reject): return .reject(Self.kind(reject.answer))
        case .mark(let mark): return .mark(value: mark.operation.value, mask: mark.operation.mask)
        case .notrack: return .noTrack
        case .snat(let snat): return translate(snat.range)
        case .dnat(let dnat): return translate(dnat.range)
        case .masquerade(let masquerade): return translate(masquerade.range, [.masquerade])
        case .redirect(let redirect): return translate(redirect.range, [.redirect])
        default:
            throw refuse("target \"\(target.description?.name ?? "")\" does not act yet")
        }
    }

    private static func kind(_ answer: RejectTarget.Answer) -> RejectKind {
        switch answer {
        case .netUnreachable: .networkUnreachable
        case .hostUnreachable: .hostUnreachable
        case .protocolUnreachable: .protocolUnreachable
        case .portUnreachable: .portUnreachable
        case .netProhibited: .networkProhibited
        case .hostProhibited: .hostProhibited
        case .adminProhibited: .administrativelyProhibited
        case .tcpReset: .tcpReset
        }
    }

    private mutating func translate(
        _ range: Rules.NATRange, _ more: Dataplane.NATRange.Options = []
    ) -> CompiledTarget {
        var options = more
        if range.addresses != nil { options.insert(.addresses) }
        if range.ports != nil { options.insert(.ports) }
        if range.basePort != nil { options.insert(.shifted) }
        if range.isRandom { options.insert(.random) }
        if range.isFullyRandom { options.insert(.fullyRandom) }
        if range.isPersistent { options.insert(.persistent) }
        source.natRanges.append(
            Dataplane.NATRange(
                options: options, first: range.addresses?.lowerBound ?? .any, last: range.addresses?.upperBound ?? .any,
                firstPort: range.ports?.lowerBound ?? 0, lastPort: range.ports?.upperBound ?? 0,
                basePort: range.basePort ?? 0))
        return .translate(UInt32(source.natRanges.count - 1))
    }
}

extension Ruleset {
    /// Whether any rule needs to know flows: then fragments are put together and packets tracked, as in the kernel.
    var needsTracking: Bool {
        contains(.nat)
            || tables.contains { table in
                table.chains.contains { chain in
                    chain.rules.contains { rule in
                        rule.matches.contains { match in
                            switch match {
                            case .conntrack, .state: true
                            default: false
                            }
                        }
                    }
                }
            }
    }
}
