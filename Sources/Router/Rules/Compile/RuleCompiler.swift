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
        var states: RuleStates
        var helperNames: HelperNames
    }

    /// A rule that the data plane cannot carry out.
    struct Refusal: Error, CustomStringConvertible {
        var table: TableName
        var chain: String
        /// From 1; 0 for the chain itself.
        var number: Int
        var rule: Rule?
        var message: String
        /// What iptables ends with: 1 for what the kernel refuses, 2 for what it finds out itself.
        var exitCode: Int32 = 1
        /// What else in the same rules is refused.
        var others: [Refusal] = []

        var description: String { "table \(table.rawValue), chain \(chain), rule \(number): \(message)" }
    }

    /// What rules are compiled for: the parts of a router that they can name.
    struct Surroundings {
        /// By `PortIndex`.
        var portNames: [String] = []
        /// Track flows even if no rule needs it.
        var alwaysTracks = false
        /// The helpers that rules may name.
        var helperNames = HelperNames()
        /// What the rules in force remember; rules that stay keep it.
        var states = RuleStates()
        /// How large lists of `recent` are made.
        var recent = RecentConfiguration()
        /// Take rules with a match or target that does not act yet: such a match is never met, such a target does nothing.
        var allowsInactive = false
        /// Where sets lie, by name; nil where there are none to look for, as when rules alone are checked.
        var setSlots: [String: UInt16]?
        /// Timeout policies by name; nil where they are not known, as when rules alone are checked.
        var policies: [String: TimeoutPolicyNumbers.Entry]?
    }

    let surroundings: Surroundings
    /// With those that the rules name for the first time.
    var helperNames: HelperNames
    var source = CompiledRules.Source()
    private var origins: [Origin] = []
    /// What the rules remember. It must live as long as the compiled rules may be used.
    var states: RuleStates
    var estimators: RateEstimators
    /// Times that lists of `recent` must remember, by name.
    let recentStamps: [String: Int]

    static func compile(_ ruleset: Ruleset, for surroundings: Surroundings) throws(Refusal) -> Result {
        var compiler = RuleCompiler(ruleset, surroundings)
        // In the order in which they came into use: what a name stands for is settled by the first rule that gives it.
        do throws(Refusal) {
            for table in ruleset.tables.reversed() { try compiler.add(table) }
        } catch {
            throw refusal(of: ruleset, for: surroundings) ?? error
        }
        return Result(
            source: compiler.source, origins: compiler.origins, states: compiler.states, helperNames: compiler.helperNames)
    }

    /// What first keeps a ruleset from being compiled, with the others; nil if nothing does.
    static func refusal(of ruleset: Ruleset, for surroundings: Surroundings) -> Refusal? {
        let all = refusals(of: ruleset, for: surroundings)
        var first = all.first
        first?.others = Array(all.dropFirst().prefix(Diagnostics.mostTold - 1))
        return first
    }

    /// Everything that keeps a ruleset from being compiled; empty if nothing does.
    static func refusals(of ruleset: Ruleset, for surroundings: Surroundings) -> [Refusal] {
        var compiler = RuleCompiler(ruleset, surroundings)
        compiler.refusals = []
        for table in ruleset.tables.reversed() {
            do throws(Refusal) { try compiler.add(table) } catch { compiler.refusals?.append(error) }
        }
        return compiler.refusals ?? []
    }

    /// Refused rules, where all of them are wanted and not only the first.
    private var refusals: [Refusal]?

    private init(_ ruleset: Ruleset, _ surroundings: Surroundings) {
        self.surroundings = surroundings
        helperNames = surroundings.helperNames
        helperNames.enter(ruleset)
        states = RuleStates(following: surroundings.states)
        source.tracks = surroundings.alwaysTracks || ruleset.needsTracking
        source.defragments = ruleset.looksForSockets
        estimators = RateEstimators(ruleset)
        recentStamps = ruleset.recentStamps(surroundings.recent)
    }

    // MARK: Tables and chains

    private mutating func add(_ table: Table) throws(Refusal) {
        // First where every chain begins, since rules jump forward as well.
        var starts: [String: UInt32] = [:]
        var next = UInt32(source.rules.count)
        for chain in table.chains {
            starts[chain.name] = next
            next += UInt32(chain.rules.count) + 1
        }
        let reachability = table.reachability
        source.jumpDepth = max(source.jumpDepth, Self.depth(of: table, reachability))
        for (chainNumber, chain) in table.chains.enumerated() {
            if let hook = chain.hook, let start = starts[chain.name] {
                source.entries.append((Self.table(table.name), Self.hook(hook), start))
            }
            for (number, rule) in chain.rules.enumerated() {
                let refuse = { (message: String) in
                    Refusal(table: table.name, chain: chain.name, number: number + 1, rule: rule, message: message)
                }
                origins.append(Origin(table: table.name, chain: chainNumber, rule: number))
                do throws(Refusal) {
                    states.enter(rule, table: table.name, chain: chain.name)
                    try add(rule, starts, refuse)
                } catch {
                    if refusals == nil { throw error }
                    refusals?.append(error)
                }
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

    /// The most chains of a table that wait for others to return to them. Only what packets can come to counts, and a goto leaves no place
    /// to return to.
    private static func depth(of table: Table, _ reachability: Reachability) -> Int {
        // Chains from the last called to the first: a loop among those that can be come to was refused before.
        var depths: [String: Int] = [:]
        var isOpen: Set<String> = []
        var stack = table.builtInChains.map(\.name)
        while let name = stack.last {
            guard depths[name] == nil, let chain = table[chain: name] else {
                stack.removeLast()
                continue
            }
            var depth = 0
            var waiting: [String] = []
            for (number, rule) in chain.rules.enumerated() where !reachability.hooks(chain: name, rule: number).isEmpty {
                guard let called = rule.target.chain else { continue }
                let isCall = if case .jump = rule.target { true } else { false }
                guard let known = depths[called] else {
                    if !isOpen.contains(called) { waiting.append(called) }
                    continue
                }
                depth = max(depth, known + (isCall ? 1 : 0))
            }
            if waiting.isEmpty || !isOpen.insert(name).inserted {
                depths[name] = depth
                stack.removeLast()
            } else {
                stack += waiting
            }
        }
        return depths.values.max() ?? 0
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
        for match in rule.matches {
            if surroundings.allowsInactive, match.value.inactivity != nil {
                // No port is in the empty set: the rule is never met.
                compiled.ingress = 0
                continue
            }
            source.matches += try compile(match, refuse)
        }
        compiled.matchCount = UInt32(source.matches.count) - compiled.firstMatch
        try checkPolicy(rule, refuse)
        compiled.target = try target(rule.target, starts, refuse)
        source.rules.append(compiled)
    }

    /// The bits of the ports whose names match, loopback among them, and of `.none` for packets that have no port on that side.
    private func portSet(_ pattern: Negatable<InterfacePattern>?) -> UInt64 {
        guard let pattern else { return .max }
        var set: UInt64 = 0
        for (index, name) in surroundings.portNames.prefix(PortIndex.limit).enumerated() where pattern.value.matches(name) {
            set |= PortIndex(rawValue: UInt8(index)).bit
        }
        if pattern.value.matches("lo") { set |= PortIndex.host.bit }
        if pattern.value.matches("") { set |= PortIndex.none.bit }
        return pattern.isNegated ? ~set : set
    }

    private mutating func compile(_ match: Match, _ refuse: (String) -> Refusal) throws(Refusal) -> [CompiledMatch] {
        if case .comment = match { return [] }
        if let found = headerMatches(match) { return found.map { .header($0) } }
        if let found = flowMatches(match) { return found }
        if let found = surroundingsMatches(match) { return found.map { .surroundings($0) } }
        if let found = try memoryMatches(match, refuse) { return found.map { .memory($0) } }
        if let found = try setTests(match, refuse) { return found.map { .set($0) } }
        throw refuse("match \"\(match.description.name)\" does not act yet")
    }

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
        case .reject(let reject): return .reject(RejectKind(reject.answer))
        case .synproxy(let synproxy): return .synproxy(SynproxyRule(synproxy))
        default: break
        }
        if surroundings.allowsInactive, target.value?.inactivity != nil {
            return .next
        }
        if let range = natRange(target) {
            source.natRanges.append(range)
            return .translate(UInt32(source.natRanges.count - 1))
        }
        if let found = headerTarget(target) { return .header(found) }
        if let found = try flowTarget(target, refuse) { return .flow(found) }
        if let found = try copyTarget(target, refuse) { return .copy(found) }
        if let found = reportTarget(target) { return .report(found) }
        if let found = try setTarget(target, refuse) { return .set(found) }
        if let found = try memoryTarget(target, refuse) { return .memory(found) }
        throw refuse("target \"\(target.description?.name ?? "")\" does not act yet")
    }
}

extension RejectKind {
    fileprivate init(_ answer: RejectTarget.Answer) {
        self =
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
}

extension Ruleset {
    /// Whether any rule asks for sockets, which the kernel looks up by whole packets (socket_mt_enable_defrag in net/netfilter/xt_socket.c).
    var looksForSockets: Bool {
        tables.contains { table in
            table.chains.contains { chain in
                chain.rules.contains { rule in rule.matches.contains { if case .socket = $0 { true } else { false } } }
            }
        }
    }

    /// Whether any rule needs to know flows: then fragments are put together and packets tracked, as in the kernel.
    var needsTracking: Bool {
        hasTranslatingRule
            || tables.contains { table in
                table.chains.contains { chain in
                    chain.rules.contains { rule in
                        rule.target.needsTracking
                        || rule.matches.contains { match in
                            switch match {
                            case .conntrack, .state: true
                            case .cluster, .connbytes, .connlabel, .connlimit, .connmark, .helper: true
                            default: false
                            }
                        }
                    }
                }
            }
    }
}
