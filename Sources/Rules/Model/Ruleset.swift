/// Whole tables of rules: what a restore file makes and what a router runs.
public struct Ruleset: Hashable, Sendable {
    /// In the order they are saved: as in the kernel, the table that came into use last stands first. Tables that were
    /// never used are absent; `subscript(table:)` gives them with empty chains that accept.
    public var tables: [Table]

    public init(tables: [Table] = []) { self.tables = tables }

    /// The table of this name. Setting a table that was never used puts it in front.
    public subscript(table: TableName) -> Table {
        get { tables.first { $0.name == table } ?? Table(table) }
        set {
            if let index = tables.firstIndex(where: { $0.name == table }) {
                tables[index] = newValue
            } else {
                tables.insert(newValue, at: 0)
            }
        }
        _modify {
            if !tables.contains(where: { $0.name == table }) { tables.insert(Table(table), at: 0) }
            let index = tables.firstIndex { $0.name == table }!
            yield &tables[index]
        }
    }

    public func contains(_ table: TableName) -> Bool { tables.contains { $0.name == table } }
}

/// A table: its built-in chains in hook order, then the user chains by name.
public struct Table: Hashable, Sendable {
    public var name: TableName
    /// Whoever adds a chain keeps user chains sorted by their names' bytes; they are searched by halves.
    public var chains: [Chain]

    /// Built-in chains alone, empty and accepting.
    public init(_ name: TableName) {
        self.name = name
        chains = name.hooks.map { Chain(name: $0.chainName, policy: .accept) }
    }

    /// The place of a chain. There may be thousands, so user chains are looked for by halves.
    public func index(of chain: some StringProtocol) -> Int? {
        if let builtIn = builtInChains.firstIndex(where: { $0.name == chain }) { return builtIn }
        let place = userPlace(of: chain)
        return place < chains.endIndex && chains[place].name == chain ? place : nil
    }

    /// Where a user chain of this name is or would be: user chains are in the order of strcmp(3).
    func userPlace(of chain: some StringProtocol) -> Int {
        var low = min(name.hooks.count, chains.endIndex)
        var high = chains.endIndex
        while low < high {
            let middle = (low + high) / 2
            if chains[middle].name.utf8.lexicographicallyPrecedes(chain.utf8) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }

    public subscript(chain name: String) -> Chain? { index(of: name).map { chains[$0] } }

    public var builtInChains: ArraySlice<Chain> { chains.prefix(name.hooks.count) }
    public var userChains: ArraySlice<Chain> { chains.dropFirst(name.hooks.count) }
}

/// What happens to a packet that leaves a built-in chain at its end.
public enum Policy: String, Sendable, Hashable, Codable {
    case accept = "ACCEPT"
    case drop = "DROP"
}

/// A chain of rules; built-in if it has a policy.
public struct Chain: Hashable, Sendable {
    public var name: String
    /// nil for a user chain.
    public var policy: Policy?
    /// Of the policy; always zero for a user chain.
    public var counters: RuleCounters
    public var rules: [Rule]

    public init(name: String, policy: Policy? = nil, counters: RuleCounters = .zero, rules: [Rule] = []) {
        self.name = name
        self.policy = policy
        self.counters = counters
        self.rules = rules
    }

    public var isBuiltIn: Bool { policy != nil }
    /// The hook that calls the chain, nil for a user chain.
    public var hook: Hook? { isBuiltIn ? Hook(chainName: name) : nil }
}
