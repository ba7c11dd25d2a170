import Net
import Synchronization

/// A whole ruleset as the packet path reads it: all rules of all chains in one row, each built-in chain ending in its policy
/// and each user chain in a return, as ip_tables lays them out. It is built once and never changed; only the counters
/// are, each worker's own.
@safe public struct CompiledRules: Sendable {
    /// Where a chain's rules begin, for every table and hook; `none` where the table is not loaded or has no such chain.
    typealias Entries = InlineArray<20, UInt32>
    static let none = UInt32.max

    let rules: Slab<CompiledRule>
    let matches: Slab<CompiledMatch>
    let natRanges: Slab<NATRange>
    let portRanges: Slab<PortTest>
    let recentTests: Slab<RecentTest>
    let hashlimitTests: Slab<HashlimitTest>
    /// Operands of no fixed length: strings, programs, prefixes. A rule names its own by place and number.
    let bytes: Slab<UInt8>
    let words: Slab<UInt32>
    let hashMarks: Slab<HashMark>
    let connectionCounts: Slab<ConnectionCount>
    /// Operands of matches about time, rates and turns.
    let around: AroundOperands
    /// Zones that rules put flows into, but for 0 and those that are a packet's mark.
    let zones: Slab<UInt16>
    /// Whether a rule asks for realms, so that what the host sends needs a look at its route.
    let asksForRealms: Bool
    /// Whether a rule asks for labels, so that flows begin with some (net->ct.labels_used).
    let asksForLabels: Bool
    /// nil if no chain is long.
    let index: RuleIndex?
    /// Where walks come back to from chains: for each worker two stacks of `jumpDepth` rules, since the copy that a TEE makes is walked
    /// while the packet waits.
    let jumpStacks: Slab<UInt32>
    /// The most chains that wait for others to return to them.
    let jumpDepth: Int
    private let counters: Slab<RuleCounter>
    private var entries = Entries(repeating: CompiledRules.none)
    private var policies = Entries(repeating: CompiledRules.none)
    public let ruleCount: Int
    /// Whether flows are tracked and fragments put together: only if a rule needs it.
    public let tracks: Bool
    /// Whether fragments are put together before any rule sees them: for tracking, or for a rule that asks for it.
    public let defragments: Bool
    /// Whether the nat table is loaded.
    public let translates: Bool
    private let workerCount: Int

    /// Packets and bytes (of whole IP packets) that a rule has counted on one worker, which alone writes them.
    struct RuleCounter: ~Copyable {
        let packets: Atomic<UInt64>
        let bytes: Atomic<UInt64>
    }

    /// What the compiler hands over.
    public struct Source {
        public var rules: [CompiledRule] = []
        public var matches: [CompiledMatch] = []
        public var natRanges: [NATRange] = []
        public var portRanges: [PortTest] = []
        public var recentTests: [RecentTest] = []
        public var hashlimitTests: [HashlimitTest] = []
        /// First rule of each built-in chain.
        public var entries: [(RuleTable, Hook, UInt32)] = []
        public var bytes: [UInt8] = []
        public var words: [UInt32] = []
        public var hashMarks: [HashMark] = []
        public var connectionCounts: [ConnectionCount] = []
        public var around = AroundSource()
        public var asksForLabels = false
        /// The most chains that wait for others to return to them.
        public var jumpDepth = 0
        public var tracks = false
        public var defragments = false

        public init() {}
    }

    /// - Parameter isIndexed: false asks all rules one by one, which only tests and benchmarks want.
    public init(_ source: Source, workerCount: Int, isIndexed: Bool = true) {
        var source = source
        index = isIndexed ? RuleIndexBuilder.build(&source) : nil
        rules = Slab(source.rules)
        matches = Slab(source.matches)
        natRanges = Slab(source.natRanges)
        portRanges = Slab(source.portRanges)
        recentTests = Slab(source.recentTests)
        hashlimitTests = Slab(source.hashlimitTests)
        bytes = Slab(source.bytes)
        words = Slab(source.words)
        hashMarks = Slab(source.hashMarks)
        connectionCounts = Slab(source.connectionCounts)
        around = AroundOperands(source.around)
        asksForRealms = source.around.asksForRealms
        asksForLabels = source.asksForLabels
        zones = Slab(source.zones)
        ruleCount = source.rules.count
        self.workerCount = workerCount
        counters = Slab(count: workerCount * source.rules.count)
        // A goto from a built-in chain needs a place as well; and workers share no cache line.
        jumpDepth = (source.jumpDepth + 1 + 15) & ~15
        jumpStacks = Slab(count: workerCount * 2 * jumpDepth)
        tracks = source.tracks
        defragments = source.tracks || source.defragments
        var translates = false
        for (table, hook, rule) in source.entries {
            let place = Int(table.rawValue) * 5 + Int(hook.rawValue)
            entries[place] = rule
            policies[place] = source.policy(from: rule)
            if table == .nat { translates = true }
        }
        self.translates = translates
    }

    /// A router without rules: everything is accepted.
    public static func empty(workerCount: Int) -> CompiledRules { CompiledRules(Source(), workerCount: workerCount) }

    /// The policy rule that ends a table's built-in chain; only for a chain that has an entry.
    @inline(__always)
    func policy(_ table: RuleTable, _ hook: Hook) -> UInt32 { policies[Int(table.rawValue) &* 5 &+ Int(hook.rawValue)] }

    @inline(__always)
    func entry(_ table: RuleTable, _ hook: Hook) -> UInt32 {
        entries[Int(table.rawValue) &* 5 &+ Int(hook.rawValue)]
    }

    @inline(__always)
    func count(_ rule: UInt32, worker: Int, bytes: Int) {
        let index = worker &* ruleCount &+ Int(rule)
        counters[index].packets.store(counters[index].packets.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
        counters[index].bytes.store(
            counters[index].bytes.load(ordering: .relaxed) &+ UInt64(bytes), ordering: .relaxed)
    }

    /// What a rule has counted on all workers since the snapshot was made.
    public func counted(rule: Int) -> (packets: UInt64, bytes: UInt64) {
        var packets: UInt64 = 0
        var bytes: UInt64 = 0
        for worker in 0..<workerCount {
            packets += counters[worker * ruleCount + rule].packets.load(ordering: .relaxed)
            bytes += counters[worker * ruleCount + rule].bytes.load(ordering: .relaxed)
        }
        return (packets, bytes)
    }

    /// Gives the memory back, when no worker can look at it any more.
    public func deallocate() {
        rules.deallocate()
        matches.deallocate()
        natRanges.deallocate()
        portRanges.deallocate()
        recentTests.deallocate()
        hashlimitTests.deallocate()
        bytes.deallocate()
        words.deallocate()
        hashMarks.deallocate()
        connectionCounts.deallocate()
        around.deallocate()
        zones.deallocate()
        index?.deallocate()
        jumpStacks.deallocate()
        counters.deallocate()
    }
}

extension CompiledRules.Source {
    fileprivate var zones: [UInt16] {
        let found = rules.compactMap { rule in
            if case .flow(.track(let template)) = rule.target, template.zone != 0 { template.zone } else { nil }
        }
        return Set(found).sorted()
    }

    /// The policy rule that ends the built-in chain in which `rule` stands.
    fileprivate func policy(from rule: UInt32) -> UInt32 {
        var current = rule
        while true {
            switch rules[Int(current)].target {
            case .policyAccept, .policyDrop: return current
            default: current += 1
            }
        }
    }
}
