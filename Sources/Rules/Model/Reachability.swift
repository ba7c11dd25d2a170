/// Which rules a packet can come to, from which hooks, found as the kernel does when it takes a table
/// (ip_tables.c, mark_source_chains): the rules of a chain after one that always ends it are never come to.
public struct Reachability: Sendable {
    /// Hooks a chain is reached from, by name. Chains nothing leads to are absent.
    public private(set) var hooks: [String: HookSet] = [:]
    /// Rules at the beginning of each chain that can be come to at all.
    private var reachableCounts: [String: Int] = [:]
    /// A way through chains that leads back to its first, with the rule that closes it.
    public private(set) var loop: (chain: String, rule: Int)?

    init(_ table: Table) {
        let byName = Dictionary(table.chains.map { ($0.name, $0) }) { first, _ in first }
        for chain in table.chains {
            let end = chain.rules.firstIndex(where: \.endsChain).map { $0 + 1 } ?? chain.rules.count
            reachableCounts[chain.name] = end
        }
        for chain in table.builtInChains {
            guard let hook = chain.hook else { continue }
            var visited: Set<String> = []
            follow(chain, byName, HookSet(hook), &visited)
        }
    }

    /// Depth first with a stack of its own, so that no depth of chains overflows the thread's.
    private mutating func follow(
        _ start: Chain, _ chains: [String: Chain], _ hook: HookSet, _ visited: inout Set<String>
    ) {
        var stack: [(chain: Chain, rule: Int)] = [(start, 0)]
        var open: Set<String> = [start.name]
        visited.insert(start.name)
        hooks[start.name, default: []].formUnion(hook)
        while let (chain, rule) = stack.last {
            guard rule < reachableCounts[chain.name] ?? 0 else {
                open.remove(chain.name)
                stack.removeLast()
                continue
            }
            stack[stack.count - 1].rule += 1
            guard let name = chain.rules[rule].target.chain, let called = chains[name] else { continue }
            if open.contains(name) {
                if loop == nil { loop = (chain.name, rule) }
                continue
            }
            guard visited.insert(name).inserted else { continue }
            hooks[name, default: []].formUnion(hook)
            open.insert(name)
            stack.append((called, 0))
        }
    }

    /// The hooks a rule is come to from, counted from 0.
    public func hooks(chain: String, rule: Int) -> HookSet {
        rule < reachableCounts[chain] ?? 0 ? hooks[chain] ?? [] : []
    }
}

extension Table {
    /// Which rules can be come to from which hooks.
    public var reachability: Reachability { Reachability(self) }
}

extension Rule {
    /// Whether every packet's way through the chain ends here: a verdict without any condition. A bare `+` for an interface is one,
    /// though every packet meets it (ip_tables.c, unconditional).
    var endsChain: Bool {
        guard source == nil, destination == nil, inInterface == nil, outInterface == nil, ipProtocol == nil,
            fragments == nil, matches.isEmpty
        else { return false }
        switch target {
        case .accept, .drop, .return: return true
        default: return false
        }
    }
}
