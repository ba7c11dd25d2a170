import Net

// What is done once every word of a command has been read: which options go together, the matches' and targets' own
// reading of what they were given, and one rule for each pair of addresses.

extension CommandParser {
    /// A command that does nothing.
    var ignored: Command {
        Command(
            verb: .version, table: table, chain: nil, rules: [], isVerbose: false, isNumeric: false, isExact: false,
            showsLineNumbers: false, counters: nil, alsoZeroes: false, isForIPv6: true, chainWord: nil,
            verbWord: verbWord, targetWord: nil, helpAbout: [])
    }

    /// The command, once every word has been read.
    mutating func finish() throws(RuleError) -> Command {
        guard let verb else { throw RuleError("no command specified", at: words.first) }
        if let tableWord, verb != .help, verb != .version {
            guard let name = TableName(rawValue: tableWord.text) else {
                throw try unknownTable(tableWord, verb)
            }
            table = name
        }
        var command = Command(
            verb: verb, table: table, chain: chainWord?.text, rules: [], isVerbose: isVerbose,
            isNumeric: given[.numeric] != nil, isExact: given[.exact] != nil,
            showsLineNumbers: given[.lineNumbers] != nil, counters: counters, alsoZeroes: alsoZeroes,
            isForIPv6: isForIPv6, chainWord: chainWord,
            verbWord: verbWord, targetWord: jump, helpAbout: options.extensions.map(\.description))
        if verb == .help || verb == .version { return command }
        try checkCombination()
        if let chainWord { try ChainName.checkLength(chainWord) }
        switch verb {
        case .append, .insert, .replace, .deleteRule, .check: command.rules = try buildRules()
        default: break
        }
        if table == .nat, (jump?.text == "DROP" || verb == .policy("DROP")) {
            throw RuleError(
                "The \"nat\" table is not intended for filtering, the use of DROP is therefore inhibited.",
                at: jump ?? verbWord)
        }
        return command
    }

    /// What is wrong with the rule itself is said before that there is no such table.
    private mutating func unknownTable(_ word: Word, _ verb: Command.Verb) throws(RuleError) -> RuleError {
        try checkCombination()
        switch verb {
        case .append, .insert, .replace, .deleteRule, .check: _ = try buildRules()
        default: break
        }
        return RuleError(
            "can't initialize iptables table `\(word.text)': Table does not exist",
            hint: Suggestion.hint(for: word.text, among: TableName.allCases.map(\.rawValue)), at: word, exitCode: 3)
    }

    /// Which options make no sense with a verb.
    private func checkCombination() throws(RuleError) {
        let isRule: Bool =
            switch verb {
            case .append, .insert, .replace, .deleteRule, .check: true
            default: false
            }
        let takesCounters: Bool =
            switch verb {
            case .append, .insert, .replace, .policy: true
            default: false
            }
        var isList = false
        if case .list = verb { isList = true }
        func isAllowed(_ option: GlobalOption) -> Bool {
            switch option {
            case .verbose: true
            case .source, .destination, .protocol, .inInterface, .outInterface, .jump, .goto, .fragments: isRule
            case .setCounters: takesCounters
            case .numeric, .exact, .lineNumbers: isList
            default: false
            }
        }
        let wrong = given.filter { !isAllowed($0.key) }.min { $0.value.location < $1.value.location }
        if let (option, word) = wrong {
            throw RuleError(
                "Illegal option `-\(option == .lineNumbers ? "0" : option.letter)' with this command", at: word)
        }
        if !isRule, let extra = options.extensions.first {
            throw RuleError(
                "Illegal option `-\(extra.description.kind == .match ? "m" : "j")' with this command", at: extra.word)
        }
        if given[.jump] != nil, let goto = given[.goto] {
            throw RuleError("-j and -g cannot be used together", at: goto)
        }
    }

    private mutating func buildRules() throws(RuleError) -> [Rule] {
        guard let chain = chainWord else { throw RuleError("no chain", at: verbWord) }
        if let word = given[.outInterface], chain.text == "PREROUTING" || chain.text == "INPUT" {
            throw RuleError("Can't use -o with \(chain.text)", at: word)
        }
        if let word = given[.inInterface], chain.text == "POSTROUTING" || chain.text == "OUTPUT" {
            throw RuleError("Can't use -i with \(chain.text)", at: word)
        }
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
        return try expandAddresses()
    }

    /// One rule for each source and destination, the sources varying slowest.
    private func expandAddresses() throws(RuleError) -> [Rule] {
        let sources = try sourceWord.map { word throws(RuleError) in try AddressParser.list(word) }
        let destinations = try destinationWord.map { word throws(RuleError) in try AddressParser.list(word) }
        let isNegatedList =
            (rule.source?.isNegated == true && (sources?.count ?? 0) > 1)
            || (rule.destination?.isNegated == true && (destinations?.count ?? 0) > 1)
        if isNegatedList {
            throw RuleError(
                "! not allowed with multiple source or destination IP addresses", at: sourceWord ?? destinationWord)
        }
        if (sources?.count ?? 1) * (destinations?.count ?? 1) > 1 {
            switch verb {
            case .replace: throw RuleError("Replacement rule does not specify a unique address", at: verbWord)
            default: break
            }
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
