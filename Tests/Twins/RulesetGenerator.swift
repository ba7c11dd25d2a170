import Control
import Router
import Rules

/// Makes random rulesets over every match and target that the registry says acts.
///
/// Whoever writes a rule here need not know whether it is legal: what the parser refuses, or what does not act yet, is taken
/// out again. So an extension joins in as soon as its description says that it acts, by its options alone; `MatchWords` and
/// `TargetWords` know better values for many.
struct RulesetGenerator {
    var random: SeededRandom
    let hasNAT: Bool

    /// Not compared, with the reason.
    static let leftOut: [String: String] = [
        "SYNPROXY": "its cookies are keyed: nobody else can make the same",
        "unclean": "today's kernel has lost it", "MIRROR": "today's kernel has lost it", "ULOG": "today's kernel has lost it",
        "cpu": "which CPU a packet meets is chance", "rateest": "depends on the moment",
        "RATEEST": "depends on the moment", "FLOWOFFLOAD": "Martlet's own",
        "udplite": "iptables has no options for it",
        "owner": "nobody here owns a socket",
    ]

    static let matches = names(Extensions.matches.map { $0.description })
    static let targets = names(Extensions.targets.map { $0.description })
    /// Those that rules are made of.
    var matches = Self.matches
    var targets = Self.targets
    /// Those that rules may name.
    var sets: [RandomSet] = []

    private static func names(_ descriptions: [ExtensionDescription]) -> [ExtensionDescription] {
        descriptions.filter { $0.status == .acts && leftOut[$0.name] == nil }
    }

    /// - Parameter rules: about how many.
    mutating func tables(rules: Int) -> [TwinCase.Table] {
        var tables: [TwinCase.Table] = []
        var shares: [(weight: Int, value: TableName)] = [(15, .raw), (30, .mangle), (50, .filter)]
        if hasNAT { shares.append((30, .nat)) }
        var counts: [TableName: Int] = [:]
        for _ in 0..<rules { counts[random.pick(weighted: shares), default: 0] += 1 }
        for name in shares.map(\.value) { tables.append(table(name, rules: counts[name] ?? 0)) }
        return Self.withoutLoops(Self.legal(tables))
    }

    /// A copy that TEE makes and mangle's OUTPUT routes anew – by its mark or type of service – may turn out to be for the router itself,
    /// or for a group: then it comes back by the loopback interface, which is the kernel's alone. And the kernel sends a reset to who spoke
    /// to a group, in the group's name, if it meets a copy, whose route is another's.
    static func withoutLoops(_ tables: [TwinCase.Table]) -> [TwinCase.Table] {
        guard tables.contains(where: { $0.rules.contains { $0.contains("-j TEE") } }) else { return tables }
        return tables.map { table in
            var table = table
            if table.name == "filter" {
                table.rules.removeAll { rule in
                    ["-A OUTPUT ", "-A U"].contains { rule.hasPrefix($0) } && rule.contains("--reject-with tcp-reset")
                }
            }
            table.rules.removeAll { $0.contains("-m connlimit") }
            guard table.name == "mangle" else { return table }
            let targets = ["MARK", "CONNMARK", "HMARK", "TOS", "DSCP", "SET", "ECN"]
            table.rules.removeAll { rule in
                ["-A OUTPUT ", "-A U"].contains { rule.hasPrefix($0) } && targets.contains { rule.contains("-j \($0)") }
            }
            return table
        }
    }

    mutating func table(_ name: TableName, rules: Int) -> TwinCase.Table {
        var table = TwinCase.Table(name: name.rawValue, chains: [], rules: [])
        for hook in name.hooks {
            let drops = name != .nat && random.chance(name == .filter ? 12 : 2)
            table.chains.append(":\(hook.chainName) \(drops ? "DROP" : "ACCEPT") [0:0]")
        }
        let users = rules < 3 ? 0 : random.number(0...min(3, rules / 3))
        for user in 0..<users { table.chains.append(":U\(user) - [0:0]") }
        // Hooks that most packets meet get most rules.
        let places: [(weight: Int, value: Hook)] = name.hooks.map { hook in
            switch hook {
            case .forward, .prerouting: (6, hook)
            case .postrouting: (4, hook)
            case .input, .output: (3, hook)
            }
        }
        var drafts: [(chain: String, hook: Hook?, level: Int)] = []
        for _ in 0..<rules {
            if users > 0, random.chance(35) {
                let user = random.number(0...users - 1)
                drafts.append(("U\(user)", nil, user + 1))
            } else {
                let hook = random.pick(weighted: places)
                drafts.append((hook.chainName, hook, 0))
            }
        }
        for draft in drafts {
            let callable = (draft.level..<users).map { "U\($0)" }
            table.rules.append("-A \(draft.chain) " + rule(table: name, hook: draft.hook, callable: callable))
        }
        return table
    }

    // MARK: A rule

    /// What stands behind `-A CHAIN`; it need not be legal.
    mutating func rule(table: TableName, hook: Hook?, callable: [String]) -> String {
        let target = target(table: table, hook: hook, callable: callable)
        var chosen: [ExtensionDescription] = []
        if random.chance(60) { chosen.append(random.pick(matches)) }
        if random.chance(25) { chosen.append(random.pick(matches)) }
        var protocols = Set(Pool.protocols)
        var isBound = false
        for description in chosen.map({ $0 }) + [target.description].compactMap({ $0 }) where !description.protocols.isEmpty {
            protocols.formIntersection(description.protocols)
            isBound = true
        }
        if chosen.contains(where: { $0.name == "connlimit" }) {
            // The kernel goes on to count a connection that has closed until it happens to look at it, and counts a flow once more that comes by
            // again within a tick: from another hook, or as a copy.
            protocols.formIntersection([1, 17, 47, 136])
            isBound = true
            // And in the raw table it counts by tuples, of which an answer has another than its flow.
            if hook == nil || table == .raw { protocols = [] }
        }
        if let needed = target.protocols { protocols.formIntersection(needed) }
        isBound = isBound || target.protocols != nil
        if protocols.isEmpty {
            // Matches that cannot stand together: the target alone then.
            chosen = []
            let needed = target.protocols ?? target.description?.protocols ?? []
            isBound = !needed.isEmpty
            protocols = isBound ? Set(needed) : Set(Pool.protocols)
        }

        var words: [String] = []
        if random.chance(20) { words += negatable(25) + ["-s", addresses()] }
        if random.chance(20) { words += negatable(25) + ["-d", addresses()] }
        if random.chance(15), hook != .postrouting, hook != .output {
            words += interface("-i", ["lan0", "wan0", "dmz0", "lan+", "w+", "eth7"])
        }
        if random.chance(15), hook != .prerouting, hook != .input {
            words += interface("-o", ["lan0", "wan0", "dmz0", "wan+", "d+", "ppp+"])
        }
        var ipProtocol: UInt8?
        if isBound {
            ipProtocol = random.pick(protocols.sorted())
            words += ["-p", String(ipProtocol!)]
        } else if random.chance(25) {
            let isNegated = random.chance(20)
            let number = random.pick(weighted: [(4, UInt8(6)), (4, 17), (3, 1), (1, 47), (1, 50), (1, 132)])
            words += (isNegated ? ["!"] : []) + ["-p", String(number)]
        }
        if random.chance(3) { words += negatable(50) + ["-f"] }
        for description in chosen {
            let options = matchWords(description, ipProtocol: ipProtocol)
            words += ["-m", description.name] + options
        }
        return (words + target.words).joined(separator: " ")
    }

    mutating func negatable(_ percent: Int) -> [String] { random.chance(percent) ? ["!"] : [] }

    /// Never a bare `+`: the kernel holds it for a condition, and iptables-save forgets it.
    private mutating func interface(_ option: String, _ names: [String]) -> [String] {
        let name = random.pick(names)
        return negatable(25) + [option, name]
    }

    /// An address, a subnet or a mask with holes that some packets have.
    mutating func addresses() -> String {
        let address = random.pick(Pool.everywhere)
        switch random.number(1...10) {
        case 1...5: return "\(address)"
        case 6...7: return "\(address)/24"
        case 8: return "\(address)/\(random.number(1...31))"
        case 9: return "\(address)/0.0.0.\(random.pick([255, 3, 1, 7]))"
        default: return "\(address)/255.0.0.255"
        }
    }

    // MARK: What becomes of the packet

    private struct TargetWords {
        var words: [String] = []
        var description: ExtensionDescription?
        /// More than the description asks for.
        var protocols: [UInt8]?
    }

    private mutating func target(table: TableName, hook: Hook?, callable: [String]) -> TargetWords {
        let legal = targets.filter { description in
            guard description.tables.contains(table), description.name != "SET" || !sets.isEmpty else { return false }
            return hook.map { description.hooks.contains(HookSet($0)) } ?? true
        }
        enum Kind { case nothing, accept, drop, back, jump, go, other }
        var kinds: [(weight: Int, value: Kind)] = [(18, .nothing), (14, .accept), (5, .back)]
        if table != .nat { kinds.append((table == .filter ? 10 : 3, .drop)) }
        if !callable.isEmpty { kinds += [(18, .jump), (7, .go)] }
        if !legal.isEmpty { kinds.append((table == .nat ? 60 : 40, .other)) }
        switch random.pick(weighted: kinds) {
        case .nothing: return TargetWords()
        case .accept: return TargetWords(words: ["-j", "ACCEPT"])
        case .drop: return TargetWords(words: ["-j", "DROP"])
        case .back: return TargetWords(words: ["-j", "RETURN"])
        case .jump: return TargetWords(words: ["-j", random.pick(callable)])
        case .go: return TargetWords(words: ["-g", random.pick(callable)])
        case .other:
            let description = random.pick(legal)
            let (words, protocols) = targetWords(description, table: table, hook: hook)
            return TargetWords(words: ["-j", description.name] + words, description: description, protocols: protocols)
        }
    }

    // MARK: What is legal

    /// The tables without the rules that are refused, do not act yet, or call a chain that the refusal left without rules.
    static func legal(_ tables: [TwinCase.Table]) -> [TwinCase.Table] {
        var tables = tables
        for index in tables.indices {
            // Each round takes out what was found; what only shows when the rest is right shows in the next.
            for _ in 0..<20 {
                let bad = badLines(tables[index])
                if bad.isEmpty { break }
                tables[index].rules = tables[index].rules.indices.filter { !bad.contains($0) }.map { tables[index].rules[$0] }
            }
        }
        return tables
    }

    /// Places among the table's rules.
    private static func badLines(_ table: TwinCase.Table) -> Set<Int> {
        var twinCase = TwinCase(seed: 0)
        twinCase.tables = [table]
        let first = 2 + table.chains.count
        let lines = Set(RulesText.check(twinCase.rules, file: "rules").errors.map { $0.line - first })
        return lines.isEmpty || !lines.isDisjoint(with: table.rules.indices) ? lines : Set(table.rules.indices)
    }
}
