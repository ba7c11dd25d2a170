import Net

// What is done once every word of a command has been read: which options go together, the matches' and targets' own
// reading of what they were given, and one rule for each pair of addresses.

extension CommandParser {
    /// What a line for ip6tables is: a command that does nothing.
    var forIPv6: Command {
        Command(
            verb: .version, table: table, chain: nil, rules: [], isVerbose: false, isNumeric: false, isExact: false,
            showsLineNumbers: false, counters: nil, alsoZeroes: false, isForIPv6: true, chainWord: nil,
            verbWord: verbWord, targetWord: nil, helpAbout: [])
    }

    /// The command, once every word has been read. What is wrong is asked for in iptables' order, for of several mistakes one is named:
    /// the matches and the target, the verb, the addresses, which options the verb takes, then the chain and the table.
    mutating func finish(isNegated: Bool) throws(RuleError) -> Command {
        if verb == .help || verb == .version { return assembled(verb!) }
        if tableWord.map({ $0.text == TableName.nat.rawValue }) ?? (table == .nat), jump?.text == "DROP" || verb == .policy("DROP") {
            throw RuleError(
                "The \"nat\" table is not intended for filtering, the use of DROP is therefore inhibited.", at: jump ?? verbWord)
        }
        try buildExtensions()
        if next < words.count { throw RuleError("unknown arguments found on commandline", at: words[next]) }
        guard let verb else { throw RuleError("no command specified", at: words.first) }
        if isNegated { throw RuleError("nothing appropriate following !", at: negation) }
        let rules = try expandAddresses()
        if case .replace = verb, rules.count > 1 {
            throw RuleError("Replacement rule does not specify a unique address", at: verbWord)
        }
        try checkCombination()
        if let chainWord { try ChainName.checkLength(chainWord) }
        if let newName { try ChainName.checkNew(newName) }
        try checkInterfaces()
        if let word = given[.waitInterval], given[.wait] == nil {
            throw RuleError(
                "--wait-interval only makes sense with --wait", at: word, legacy: "--wait-interval only makes sense with --wait\n",
                warning: "Ignoring deprecated --wait-interval option.\n")
        }
        if let tableWord {
            guard let name = TableName(rawValue: tableWord.text) else { throw unknownTable(tableWord) }
            table = name
        }
        var command = assembled(verb)
        if verb.namesRule { command.rules = rules }
        command.notices = notices
        return command
    }

    /// The command without rules.
    private func assembled(_ verb: Command.Verb) -> Command {
        Command(
            verb: verb, table: table, chain: chainWord?.text, rules: [], isVerbose: isVerbose,
            isNumeric: given[.numeric] != nil, isExact: given[.exact] != nil,
            showsLineNumbers: given[.lineNumbers] != nil, counters: counters, alsoZeroes: alsoZeroes,
            isForIPv6: isForIPv6, chainWord: chainWord,
            verbWord: verbWord, targetWord: jump, helpAbout: options.extensions.map(\.description))
    }

    /// What iptables remarks of words that it takes all the same.
    private var notices: String {
        var lines: [String] = []
        if given[.waitInterval] != nil { lines.append("Ignoring deprecated --wait-interval option.") }
        for pattern in [rule.inInterface, rule.outInterface] {
            guard let name = pattern?.value.description, name.contains("/") || name.contains(" ") else { continue }
            lines.append("Warning: weird character in interface `\(name)' ('/' and ' ' are not allowed by the kernel).")
        }
        for loaded in options.extensions {
            for given in loaded.given {
                switch (loaded.description.name, given.word.text) {
                case ("set", "--set"): lines.append("--set option deprecated, please use --match-set")
                case ("time", "--localtz"):
                    lines.append(
                        "WARNING: --localtz is being replaced by --kerneltz, since \"local\" is ambiguous. Note the kernel timezone has caveats - see manpage for details.")
                case ("NFLOG", "--nflog-range"):
                    lines.append("warn: --nflog-range has never worked and is no longer supported, please use --nflog-size instead")
                default: break
                }
            }
        }
        for case .iprange(let range) in rule.matches {
            for ends in [range.source?.value, range.destination?.value] {
                guard let ends, ends.first > ends.last else { continue }
                lines.append("xt_iprange: range \(ends.first)-\(ends.last) is reversed and will never match")
            }
        }
        return lines.map { $0 + "\n" }.joined()
    }

    private func unknownTable(_ word: Word) -> RuleError {
        RuleError(
            "can't initialize iptables table `\(word.text)': Table does not exist",
            hint: Suggestion.hint(for: word.text, among: TableName.allCases.map(\.rawValue)), at: word, exitCode: 3)
    }

    /// Which options make no sense with a verb: the first of them in iptables' order, not in the operator's.
    private func checkCombination() throws(RuleError) {
        let takesCounters: Bool =
            switch verb {
            case .append, .insert, .replace, .policy: true
            default: false
            }
        let isRule = verb?.namesRule ?? false
        var isList = false
        if case .list = verb { isList = true }
        let order: [(option: GlobalOption, isAllowed: Bool)] = [
            (.numeric, isList), (.source, isRule), (.destination, isRule), (.protocol, isRule), (.jump, isRule), (.goto, isRule),
            (.exact, isList), (.inInterface, isRule), (.outInterface, isRule), (.lineNumbers, isList), (.setCounters, takesCounters),
            (.fragments, isRule),
        ]
        for (option, isAllowed) in order where !isAllowed {
            guard let word = given[option] else { continue }
            let letter = option == .lineNumbers ? "0" : option == .goto ? "j" : option.letter
            throw RuleError("Illegal option `-\(letter)' with this command", at: word)
        }
    }

    private func checkInterfaces() throws(RuleError) {
        guard let chain = chainWord, let verb else { return }
        switch verb {
        case .append, .insert, .replace, .deleteRule, .delete, .check: break
        default: return
        }
        if let word = given[.outInterface], chain.text == "PREROUTING" || chain.text == "INPUT" {
            throw RuleError("Can't use -o with \(chain.text)", at: word)
        }
        if let word = given[.inInterface], chain.text == "POSTROUTING" || chain.text == "OUTPUT" {
            throw RuleError("Can't use -i with \(chain.text)", at: word)
        }
    }

    /// The matches' and the target's own reading of what they were given, in their order.
    private mutating func buildExtensions() throws(RuleError) {
        for entry in options.extensions {
            let given = GivenOptions(
                extensionName: entry.description.name, word: entry.word, list: entry.given, rule: rule)
            if let type = entry.match {
                rule.matches.append(try type.init(given).match)
            } else if let type = entry.target {
                rule.target = try type.init(given).target
            }
        }
        rule.counters = counters ?? .zero
    }

    /// iptables reads the value of an option when it comes to it; here values are read once all words are known. So where something is
    /// wrong further on, values before it are looked at first.
    ///
    /// - Returns: what iptables would have complained of before it came to `error`, or that itself.
    func earliest(_ error: RuleError) -> RuleError {
        var steps: [(location: SourceLocation, entry: Int, option: Int)] = []
        for (entry, loaded) in options.extensions.enumerated() {
            for (option, given) in loaded.given.enumerated() { steps.append((given.word.location, entry, option)) }
        }
        steps.sort { $0.location < $1.location }
        for step in steps {
            let loaded = options.extensions[step.entry]
            let option = loaded.given[step.option]
            let given = GivenOptions(
                extensionName: loaded.description.name, word: loaded.word, list: Array(loaded.given[...step.option]), rule: rule)
            do throws(RuleError) {
                if let type = loaded.match { _ = try type.init(given) }
                if let type = loaded.target { _ = try type.init(given) }
            } catch {
                // Whether an option is missing is not asked before the end, and then it is not said of a value.
                if let word = error.word, option.arguments.contains(word) { return error }
            }
        }
        return error
    }

    /// Rules that one command may make; two lists multiply.
    private static let rulesAtMost = 65_536

    /// One rule for each source and destination, the sources varying slowest.
    private func expandAddresses() throws(RuleError) -> [Rule] {
        // Both are read before one is refused: either may have names that have to be looked up.
        func read(_ word: Word) -> Result<[AddressMask], RuleError> {
            Result { () throws(RuleError) in try AddressParser.list(word) }
        }
        let (sourceList, destinationList) = (sourceWord.map(read), destinationWord.map(read))
        let sources = try sourceList?.get()
        let destinations = try destinationList?.get()
        let isNegatedList =
            (rule.source?.isNegated == true && (sources?.count ?? 0) > 1)
            || (rule.destination?.isNegated == true && (destinations?.count ?? 0) > 1)
        if isNegatedList {
            throw RuleError(
                "! not allowed with multiple source or destination IP addresses", at: sourceWord ?? destinationWord)
        }
        let count = (sources?.count ?? 1).multipliedReportingOverflow(by: destinations?.count ?? 1)
        guard !count.overflow, count.partialValue <= Self.rulesAtMost else {
            throw RuleError(
                "these lists make more than \(Self.rulesAtMost) rules, one for each pair of addresses: write them as sets", at: sourceWord)
        }
        var rules: [Rule] = []
        for source in sources ?? [AddressMask(address: .any, mask: .any)] {
            for destination in destinations ?? [AddressMask(address: .any, mask: .any)] {
                var copy = rule
                copy.source = condition(rule.source, source)
                copy.destination = condition(rule.destination, destination)
                rules.append(copy)
            }
        }
        return rules
    }

    /// The condition on an address, nil if every address meets it.
    private func condition(_ given: Negatable<AddressMask>?, _ value: AddressMask) -> Negatable<AddressMask>? {
        guard let given, given.isNegated || !value.mask.isUnspecified || !value.address.isUnspecified else {
            return nil
        }
        return Negatable(value, isNegated: given.isNegated)
    }
}
