import Net

@testable import Dataplane

/// Rules as tests write them: chains of a few values each, laid out in the end as the data plane reads them.
struct RuleText {
    /// One rule: what it asks for, and its target.
    struct Rule {
        var source = IPv4Prefix.all
        var destination = IPv4Prefix.all
        var ingress: String?
        var egress: String?
        var proto: IPProtocol?
        var flags: CompiledRule.Flags = []
        var notIngress = false
        var matches: [CompiledMatch] = []
        var target: Target
    }

    enum Target {
        case plain(CompiledTarget)
        case jump(String)
        case goto(String)
        case translate(NATRange)
    }

    struct Chain {
        var table: RuleTable
        var hook: Hook
        var policy: CompiledTarget
        var rules: [Rule]
    }

    var tracks = false
    var connectionCounts: [ConnectionCount] = []
    /// Operands that matches name by number.
    var around = AroundSource()
    /// Whether long chains have an index.
    var isIndexed = true
    private var portRanges: [PortTest] = []
    private var chains: [Chain] = []
    private var userChains: [(name: String, rules: [Rule])] = []

    init() {}

    /// Tracking alone.
    static var tracking: RuleText {
        var text = RuleText()
        text.tracks = true
        return text
    }

    /// Tracking, and a nat table with these rules.
    static func nat(_ rules: (Hook, Rule)...) -> RuleText {
        var text = RuleText.tracking
        for hook in [Hook.prerouting, .input, .output, .postrouting] {
            text.chain(.nat, hook, rules.filter { $0.0 == hook }.map(\.1))
        }
        return text
    }

    mutating func chain(_ table: RuleTable, _ hook: Hook, policy: CompiledTarget = .policyAccept, _ rules: [Rule]) {
        chains.append(Chain(table: table, hook: hook, policy: policy, rules: rules))
    }

    mutating func chain(_ name: String, _ rules: [Rule]) { userChains.append((name, rules)) }

    /// A `multiport` match on destination ports.
    mutating func destinationPorts(_ ranges: [ClosedRange<UInt16>], not: Bool = false) -> CompiledMatch {
        let first = UInt32(portRanges.count)
        portRanges += ranges.map { PortTest(first: $0.lowerBound, last: $0.upperBound) }
        return .header(.multiport(.destination, first: first, count: UInt32(ranges.count), isNegated: not))
    }

    func compiled(workerCount: Int) -> CompiledRules {
        var source = CompiledRules.Source()
        source.tracks = tracks
        source.jumpDepth = userChains.count
        source.connectionCounts = connectionCounts
        source.around = around
        source.portRanges = portRanges
        var starts: [String: UInt32] = [:]
        var next = UInt32(chains.reduce(0) { $0 + $1.rules.count + 1 })
        for (name, rules) in userChains {
            starts[name] = next
            next += UInt32(rules.count + 1)
        }
        for chain in chains {
            source.entries.append((chain.table, chain.hook, UInt32(source.rules.count)))
            for rule in chain.rules { Self.add(rule, to: &source, starts) }
            var policy = CompiledRule()
            policy.target = chain.policy
            source.rules.append(policy)
        }
        for (_, rules) in userChains {
            for rule in rules { Self.add(rule, to: &source, starts) }
            var end = CompiledRule()
            end.target = .return
            source.rules.append(end)
        }
        return CompiledRules(source, workerCount: workerCount, isIndexed: isIndexed)
    }

    private static func add(_ rule: Rule, to source: inout CompiledRules.Source, _ starts: [String: UInt32]) {
        var compiled = CompiledRule()
        compiled.source = rule.source.network.address.rawValue
        compiled.sourceMask = rule.source.mask.rawValue
        compiled.destination = rule.destination.network.address.rawValue
        compiled.destinationMask = rule.destination.mask.rawValue
        compiled.flags = rule.flags
        compiled.ipProtocol = rule.proto?.rawValue ?? 0
        if let name = rule.ingress { compiled.ingress = bits(name, not: rule.notIngress) }
        if let name = rule.egress { compiled.egress = bits(name, not: false) }
        compiled.firstMatch = UInt32(source.matches.count)
        compiled.matchCount = UInt32(rule.matches.count)
        source.matches += rule.matches
        switch rule.target {
        case .plain(let target): compiled.target = target
        case .jump(let name): compiled.target = .jump(starts[name] ?? 0)
        case .goto(let name): compiled.target = .goto(starts[name] ?? 0)
        case .translate(let range):
            compiled.target = .translate(UInt32(source.natRanges.count))
            source.natRanges.append(range)
        }
        source.rules.append(compiled)
    }

    private static func bits(_ name: String, not: Bool) -> UInt64 {
        // A name that is no port's has no bit.
        let bit = Bench.names.firstIndex(of: name).map { PortIndex(rawValue: UInt8($0)).bit } ?? 0
        return not ? ~bit : bit
    }
}

extension RuleText.Rule {
    init(_ target: CompiledTarget) { self.init(target: .plain(target)) }

    static var accept: Self { Self(.accept) }
    static var drop: Self { Self(.drop) }
    static var masquerade: Self { Self(target: .translate(NATRange(options: .masquerade))) }

    /// SNAT or DNAT to addresses and ports.
    static func translate(
        _ first: IPv4Address? = nil, _ last: IPv4Address? = nil, ports: ClosedRange<UInt16>? = nil,
        options: NATRange.Options = []
    ) -> Self {
        var range = NATRange(options: options)
        if let first {
            range.options.insert(.addresses)
            range.first = first
            range.last = last ?? first
        }
        if let ports {
            range.options.insert(.ports)
            range.firstPort = ports.lowerBound
            range.lastPort = ports.upperBound
        }
        return Self(target: .translate(range))
    }

    func from(_ prefix: IPv4Prefix) -> Self { with { $0.source = prefix } }
    func to(_ prefix: IPv4Prefix) -> Self { with { $0.destination = prefix } }
    func input(_ port: String) -> Self { with { $0.ingress = port } }
    func output(_ port: String) -> Self { with { $0.egress = port } }
    func proto(_ proto: IPProtocol) -> Self { with { $0.proto = proto } }
    func header(_ match: HeaderMatch) -> Self { with { $0.matches.append(.header(match)) } }
    func flow(_ match: FlowMatch) -> Self { with { $0.matches.append(.flow(match)) } }
    func memory(_ match: MemoryMatch) -> Self { with { $0.matches.append(.memory(match)) } }
    func surroundings(_ match: SurroundingsMatch) -> Self { with { $0.matches.append(.surroundings(match)) } }
    func flags(_ flags: CompiledRule.Flags) -> Self { with { $0.flags.formUnion(flags) } }
    func states(_ states: FlowMatch.States, not: Bool = false) -> Self {
        flow(.states(states, isNegated: not))
    }
    func tcp(to port: UInt16) -> Self {
        proto(.tcp).header(.tcp(source: .init(), destination: .init(first: port, last: port), mask: 0, flags: 0, isNegated: false))
    }
    func udp(to port: UInt16) -> Self {
        proto(.udp).header(.udp(source: .init(), destination: .init(first: port, last: port)))
    }

    private func with(_ change: (inout Self) -> Void) -> Self {
        var copy = self
        change(&copy)
        return copy
    }
}
