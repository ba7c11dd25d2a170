// Changes of a ruleset, one by one, with the errors libiptc has for them.

extension Ruleset {
    /// Carries out a command that changes rules. Other verbs change nothing.
    /// - Throws: what iptables would say; the ruleset is then as before, but for rules of the same command that were
    ///   already in place.
    public mutating func apply(_ command: Command) throws(RuleError) {
        try self[command.table].apply(command)
    }
}

extension Table {
    mutating func apply(_ command: Command) throws(RuleError) {
        let name = command.chain ?? ""
        switch command.verb {
        case .append:
            try checkTargets(command)
            let index = try chainIndex(command)
            chains[index].rules += command.rules
        case .insert(let number):
            try checkTargets(command)
            let index = try chainIndex(command)
            guard number - 1 <= chains[index].rules.count else {
                throw RuleError("Index of insertion too big.", at: command.verbWord, exitCode: 1)
            }
            // One after the other at the same place, so they end up in reverse.
            chains[index].rules.insert(contentsOf: command.rules.reversed(), at: number - 1)
        case .replace(let number):
            try checkTargets(command)
            let index = try chainIndex(command)
            guard chains[index].rules.indices.contains(number - 1) else {
                throw RuleError("Index of replacement too big.", at: command.verbWord, exitCode: 1)
            }
            chains[index].rules[number - 1] = command.rules[0]
        case .deleteRule:
            try checkTargets(command)
            let index = try chainIndex(command)
            for rule in command.rules {
                guard let found = chains[index].rules.firstIndex(where: { $0.hasSameMeaning(as: rule) }) else {
                    throw Self.missing(rule, command)
                }
                chains[index].rules.remove(at: found)
            }
        case .check:
            try checkTargets(command)
            let index = try chainIndex(command)
            for rule in command.rules where !chains[index].rules.contains(where: { $0.hasSameMeaning(as: rule) }) {
                throw Self.missing(rule, command)
            }
        case .delete(let number):
            let index = try chainIndex(command)
            guard chains[index].rules.indices.contains(number - 1) else {
                throw RuleError("Index of deletion too big.", at: command.verbWord, exitCode: 1)
            }
            chains[index].rules.remove(at: number - 1)
        case .flush:
            if command.chain == nil {
                for index in chains.indices { chains[index].rules = [] }
            } else {
                chains[try chainIndex(command)].rules = []
            }
        case .zero(let number):
            try zero(command, number)
        case .newChain:
            try create(command.chainWord ?? command.verbWord)
        case .deleteChain:
            if command.chain == nil {
                for chain in userChains { try delete(chain.name, command.verbWord) }
            } else {
                let index = try chainIndex(command)
                if chains[index].isBuiltIn {
                    throw RuleError(
                        "Invalid argument. Run `dmesg' for more information.", at: command.chainWord, exitCode: 1)
                }
                try delete(name, command.chainWord)
            }
        case .rename(let newName):
            if self.index(of: newName) != nil {
                throw RuleError("File exists.", at: command.verbWord, exitCode: 1)
            }
            let index = try chainIndex(command)
            if chains[index].isBuiltIn {
                throw RuleError(
                    "No chain/target/match by that name.", hint: "a built-in chain keeps its name",
                    at: command.chainWord, exitCode: 1)
            }
            rename(index, to: newName)
        case .policy(let text):
            guard let index = index(of: name), chains[index].isBuiltIn else {
                throw RuleError("Bad built-in chain name.", at: command.chainWord, exitCode: 1)
            }
            guard let policy = Policy(rawValue: text) else {
                throw RuleError("Bad policy name. Run `dmesg' for more information.", at: command.verbWord, exitCode: 1)
            }
            chains[index].policy = policy
            chains[index].counters = command.counters ?? .zero
        case .list, .listRules:
            if command.chain != nil { _ = try chainIndex(command) }
            if command.alsoZeroes { try zero(command, nil) }
        case .help, .version:
            break
        }
    }

    /// libiptc's sentence for a rule that is not there depends on what the rule does: only of verdicts and rules without a target it says
    /// what is the matter.
    private static func missing(_ rule: Rule, _ command: Command) -> RuleError {
        switch rule.target {
        case .none, .accept, .drop, .return:
            RuleError("Bad rule (does a matching rule exist in that chain?).", at: command.verbWord, exitCode: 1)
        default:
            RuleError("No chain/target/match by that name.", hint: "there is no such rule", at: command.verbWord, exitCode: 1)
        }
    }

    private func chainIndex(_ command: Command) throws(RuleError) -> Int {
        guard let name = command.chain, let index = index(of: name) else {
            let isSearched = command.verb == .deleteRule || command.verb == .check
            throw RuleError(
                isSearched ? "Bad rule (does a matching rule exist in that chain?)." : "No chain/target/match by that name.",
                hint: command.chain.flatMap { Suggestion.hint(for: $0, among: chains.map(\.name)) },
                at: command.chainWord, exitCode: 1)
        }
        return index
    }

    /// A jump must lead to a user chain that is there when the rule is made.
    func checkTargets(_ command: Command) throws(RuleError) {
        guard let target = command.rules.first?.target.chain else { return }
        guard let index = index(of: target), !chains[index].isBuiltIn else {
            let word = command.targetWord
            if case .goto = command.rules.first?.target {
                throw RuleError(
                    "goto '\(target)' is not a chain",
                    hint: Suggestion.hint(for: target, among: userChains.map(\.name)),
                    at: word)
            }
            if index(of: target) != nil {
                // That there is no such chain to put the rule into is said first.
                _ = try chainIndex(command)
                throw RuleError("cannot jump to built-in chain \"\(target)\"", at: word).byKernel()
            }
            let known =
                userChains.map(\.name) + Extensions.verdicts + Extensions.targets.map { $0.description.name }
            throw RuleError(
                "unknown target or chain \"\(target)\"", hint: Suggestion.hint(for: target, among: known), at: word,
                legacy: "Couldn't load target `\(target)':No such file or directory\n")
        }
    }

    private mutating func zero(_ command: Command, _ number: Int?) throws(RuleError) {
        guard command.chain != nil else {
            for index in chains.indices { chains[index].zeroCounters() }
            return
        }
        let index = try chainIndex(command)
        guard let number else {
            chains[index].zeroCounters()
            return
        }
        guard chains[index].rules.indices.contains(number - 1) else {
            throw RuleError("Index of counter too big.", at: command.verbWord, exitCode: 1)
        }
        chains[index].rules[number - 1].counters = .zero
    }

    /// Puts a user chain where its name belongs.
    mutating func create(_ word: Word) throws(RuleError) {
        guard index(of: word.text) == nil else { throw RuleError("Chain already exists.", at: word, exitCode: 1) }
        insertSorted(Chain(name: word.text))
    }

    private mutating func insertSorted(_ chain: Chain) { chains.insert(chain, at: userPlace(of: chain.name)) }

    private mutating func delete(_ chain: String, _ word: Word?) throws(RuleError) {
        guard let index = index(of: chain) else { return }
        if chains.contains(where: { $0.rules.contains { $0.target.chain == chain } }) {
            throw RuleError("Too many links.", at: word, exitCode: 1)
        }
        guard chains[index].rules.isEmpty else { throw RuleError("Directory not empty.", at: word, exitCode: 1) }
        chains.remove(at: index)
    }

    private mutating func rename(_ index: Int, to newName: String) {
        let oldName = chains[index].name
        var chain = chains.remove(at: index)
        chain.name = newName
        insertSorted(chain)
        for chainIndex in chains.indices {
            for ruleIndex in chains[chainIndex].rules.indices {
                switch chains[chainIndex].rules[ruleIndex].target {
                case .jump(oldName): chains[chainIndex].rules[ruleIndex].target = .jump(newName)
                case .goto(oldName): chains[chainIndex].rules[ruleIndex].target = .goto(newName)
                default: break
                }
            }
        }
    }
}

extension Chain {
    mutating func zeroCounters() {
        counters = .zero
        for index in rules.indices { rules[index].counters = .zero }
    }
}
