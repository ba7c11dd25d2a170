import TestSupport

/// A random case: a ruleset and a conversation. Packets are in the words of scenario files, and numbers that NAT chose have
/// names there, since every router chooses others.
public struct TwinCase: Sendable {
    /// The rules of a table, as lines.
    public struct Table: Sendable, Equatable {
        public var name: String
        /// `:NAME POLICY [0:0]`, built-in chains first.
        public var chains: [String]
        /// `-A CHAIN …`
        public var rules: [String]
    }

    /// A frame put on a cable.
    public struct Step: Sendable {
        /// Place among the topology's sides.
        public var side: Int
        /// The packet's text with `$names`.
        public var text: String
        /// Most bytes of payload of the fragments it is sent in; nil for one packet.
        public var fragments: Int?
        /// Pause before it, in seconds.
        public var pause = 0.0
        /// What is done in place of sending a frame.
        public var change: RuleChange?
    }

    public var seed: UInt64
    public var tables: [Table] = []
    /// Sets that rules name: lines of `ipset save`.
    public var sets: [String] = []
    public var steps: [Step] = []

    public init(seed: UInt64) { self.seed = seed }

    public var ruleCount: Int { tables.reduce(0) { $0 + $1.rules.count } }
    public var hasTable: Bool { !tables.isEmpty }
    /// Once the kernel has a nat table in a namespace it stays there, and tracks.
    public var hasNAT: Bool { tables.contains { $0.name == "nat" } }

    /// iptables-save text.
    public var rules: String { Self.text(of: tables) }

    static func text(of tables: [Table]) -> String {
        tables.map { table in
            (["*\(table.name)"] + table.chains + table.rules + ["COMMIT"]).map { $0 + "\n" }.joined()
        }.joined()
    }

    /// All tables that the case ever gives a router.
    private var allTables: [Table] {
        tables
            + steps.flatMap { step -> [Table] in
                guard case .restore(let later, _) = step.change else { return [] }
                return later
            }
    }

    /// All that says numbers: rules, sets and commands.
    var allWords: String {
        Self.text(of: allTables) + sets.joined(separator: "\n")
            + steps.map { step -> String in
                guard case .ipset(let words) = step.change else { return "" }
                return words.joined(separator: " ")
            }.joined(separator: "\n")
    }

    /// Every list of lines of which some may be left out: the rules of each table, those that come later, and the sets.
    var lists: [[String]] {
        get { allTables.map(\.rules) + [sets] }
        set {
            var rest = newValue[...]
            for index in tables.indices { tables[index].rules = rest.removeFirst() }
            for index in steps.indices {
                guard case .restore(var later, let keepsOthers) = steps[index].change else { continue }
                for table in later.indices { later[table].rules = rest.removeFirst() }
                steps[index].change = .restore(tables: later, keepsOthers: keepsOthers)
            }
            sets = rest.removeFirst()
        }
    }

    /// True if a rule may remember packets in a list that several rules share by name, which the kernel keeps as long as
    /// one rule names it.
    var hasSharedMemory: Bool {
        allTables.contains { table in
            table.rules.contains { rule in
                ["recent", "hashlimit", "rateest", "quota", "connlimit", "SET ", "-m set"].contains { rule.contains($0) }
            }
        }
    }

    /// Names that stand for fresh IP ids of fragments, `$f1` and so on.
    var fragmentNames: Set<String> {
        Set(steps.flatMap { $0.text.split(separator: " ").filter { $0.hasPrefix("$f") }.map(String.init) })
    }
}
