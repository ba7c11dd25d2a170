import Net
import Rules

/// Makes random calls of iptables, legal ones and others, about the rules that there are.
struct CommandGenerator {
    var rules: RulesetGenerator

    /// Not compared, with the reason.
    private static let leftOut: [String: String] = [
        "unclean": "today's kernel has lost it", "MIRROR": "today's kernel has lost it", "ULOG": "today's kernel has lost it",
        "udplite": "iptables has no options for it", "FLOWOFFLOAD": "Martlet's own",
        "rateest": "the kernel looks whether the estimator is there", "set": "the kernel looks whether the set is there",
        "SET": "the kernel looks whether the set is there",
    ]
    private static let chains = ["A", "B1", "long-name_of.chain"]

    init(random: SeededRandom) {
        rules = RulesetGenerator(random: random, hasNAT: true)
        func wanted(_ description: ExtensionDescription) -> Bool {
            if case .refused = description.status { return false }
            return Self.leftOut[description.name] == nil
        }
        rules.matches = Extensions.matches.map { $0.description }.filter(wanted)
        rules.targets = Extensions.targets.map { $0.description }.filter(wanted)
    }

    /// - Parameter ruleset: the rules in force.
    mutating func next(_ ruleset: Ruleset) -> [String] {
        let table = rules.random.pick(weighted: [(10, TableName.filter), (5, .mangle), (4, .nat), (2, .raw)])
        let chains = ruleset[table].chains
        let chain = rules.random.chance(95) || chains.isEmpty ? rules.random.pick(chains.isEmpty ? [Chain(name: "A")] : chains) : Chain(name: "NONE")
        let place = String(rules.random.number(rules.random.chance(5) ? 0...9 : 1...max(chain.rules.count, 1)))
        var words: [String]
        switch rules.random.number(1...100) {
        case 1...38: words = ["-A", chain.name] + rule(table, chain, chains)
        case 39...48: words = ["-I", chain.name] + (rules.random.chance(50) ? [place] : []) + rule(table, chain, chains)
        case 49...53: words = ["-R", chain.name, place] + rule(table, chain, chains)
        case 54...57: words = ["-D", chain.name, place]
        case 58...62:
            // What was written out is another in memory than the same by default, in iptables alone.
            let rulesThere = chain.rules.filter { rule in
                !["-m connlimit", "-m recent", "-j HMARK"].contains { rule.specification.contains($0) }
            }
            let old = rulesThere.isEmpty ? rule(table, chain, chains) : shellWords(rules.random.pick(rulesThere).specification)
            words = [rules.random.pick(["-D", "-C"]), chain.name] + old
        case 63...67: words = ["-N", rules.random.pick(Self.chains)]
        case 68...69: words = ["-X"] + (rules.random.chance(70) ? [rules.random.pick(Self.chains)] : [])
        case 70...71: words = ["-E", rules.random.pick(Self.chains), rules.random.pick(Self.chains)]
        case 72...75: words = ["-P", chain.name, rules.random.pick(["ACCEPT", "DROP", "DROP", "RETURN", "A"])]
        case 76...78: words = ["-Z"] + (rules.random.chance(70) ? [chain.name] : []) + (rules.random.chance(30) ? [place] : [])
        case 79: words = ["-F"] + (rules.random.chance(85) ? [chain.name] : [])
        case 80...87:
            words = ["-S"] + (rules.random.chance(40) ? [chain.name] : []) + (rules.random.chance(20) ? [place] : [])
            if rules.random.chance(50) { words.append("-v") }
        default:
            words = ["-L"] + (rules.random.chance(50) ? [chain.name] : []) + (rules.random.chance(20) ? [place] : []) + ["-n"]
            words += rules.random.some(["-v", "-x", "--line-numbers"], 0...3)
        }
        if table != .filter { words = rules.random.chance(70) ? ["-t", table.rawValue] + words : words + ["-t", table.rawValue] }
        if rules.random.chance(14) { spoil(&words) }
        if rules.random.chance(10) { words.append("-v") }
        // Said twice, -v prints what is in the kernel's memory.
        while words.filter({ $0 == "-v" }).count > 1, let place = words.lastIndex(of: "-v") { words.remove(at: place) }
        return words
    }

    private mutating func rule(_ table: TableName, _ chain: Chain, _ chains: [Chain]) -> [String] {
        let hook = table.hooks.first { $0.chainName == chain.name }
        let callable = chains.filter { $0.policy == nil }.map(\.name)
        var words = shellWords(rules.rule(table: table, hook: rules.random.chance(92) ? hook : nil, callable: callable))
        if rules.random.chance(10) { words += ["-c", String(rules.random.number(0...2_000_000)), String(rules.random.number(0...2_000_000_000))] }
        return words
    }

    /// A mistake as people make them.
    private mutating func spoil(_ words: inout [String]) {
        let place = rules.random.number(0...words.count - 1)
        switch rules.random.number(1...9) {
        case 1: words.remove(at: place)
        case 2: words.insert(words[place], at: place)
        case 3: words.swapAt(place, rules.random.number(0...words.count - 1))
        case 4: words.insert("!", at: place)
        case 5:
            words[place] = rules.random.pick([
                "x", "0", "-1", "65536", "4294967296", "1:2:3", "", "0x", "10.0.0.256", "10.0.0.0/33", "a,b", ",", "5/", "tcp,udp", "1-2", "ALL", "08",
            ])
        case 6:
            // Long options may be cut short as long as one alone begins so.
            if words[place].hasPrefix("--"), words[place].count > 4 {
                words[place] = String(words[place].prefix(rules.random.number(3...words[place].count)))
            }
        case 7: words[place] += rules.random.pick(["x", "0", ":", "/24", ","])
        case 8: words.append(rules.random.pick(["-j", "-m", "-p", "--dport", "-g", "-v", "extra", "-f", "-o", "--nonsense", "-Q"]))
        default: words += rules.random.pick([["-m", "comment", "--comment", "x y"], ["-p", "tcp"], ["-j", "ACCEPT"], ["-s", "10.0.0.1,10.0.0.2"], ["-i", "+"]])
        }
        if words.isEmpty { words = ["-L", "-n"] }
    }
}

/// Words of a line, with quotation marks around those that have blanks, and `\"` in them.
func shellWords(_ text: String) -> [String] {
    var words: [String] = []
    var current: String?
    var isQuoted = false
    var isEscaped = false
    for character in text {
        if isEscaped {
            current = (current ?? "") + String(character)
            isEscaped = false
        } else if character == "\\", isQuoted {
            isEscaped = true
        } else if character == "\"" {
            isQuoted.toggle()
            current = current ?? ""
        } else if character == " ", !isQuoted {
            if let word = current { words.append(word) }
            current = nil
        } else {
            current = (current ?? "") + String(character)
        }
    }
    if let word = current { words.append(word) }
    return words
}
