import Net

// iptables' own options: the verbs, and the generic conditions of a rule.

extension CommandParser {
    mutating func handle(_ option: GlobalOption, _ word: Word, argument: Word?) throws(RuleError) {
        switch option {
        case .source, .destination, .protocol, .inInterface, .outInterface, .fragments: break
        default:
            if isNegated { throw RuleError(Self.complaint(aboutNegated: option), at: negation) }
        }
        switch option {
        case .append, .delete, .check, .insert, .replace, .list, .listRules, .flush, .zero, .newChain, .deleteChain,
            .rename, .policy, .version, .help:
            try handleVerb(option, word, argument: argument)
        case .match:
            try loadMatch(argument!)
        case .jump:
            try once(.jump, word)
            jump = argument!
            try loadTarget(argument!)
        case .goto:
            try once(.jump, word)
            given[.goto] = word
            jump = argument!
            rule.target = .goto(argument!.text)
        case .table:
            if case .restore = source {
                throw RuleError("The -t option cannot be used in iptables-restore.", at: word)
            }
            // Whether there is such a table is asked when all words have been read.
            tableWord = argument!
        case .source:
            try once(option, word)
            sourceWord = argument!
            rule.source = Negatable(AddressMask(address: .any, mask: .any), isNegated: isNegated)
        case .destination:
            try once(option, word)
            destinationWord = argument!
            rule.destination = Negatable(AddressMask(address: .any, mask: .any), isNegated: isNegated)
        case .protocol:
            try once(option, word)
            // iptables 1.8.9 looks for the protocol in a word of its own and does not find it in `-ptcp`.
            if argument!.location.column < word.location.column + word.text.count,
                argument!.location.line == word.location.line
            {
                throw RuleError(
                    "unknown protocol \"\(word.text.lowercased())\" specified",
                    hint: "write -p \(argument!.text), with a blank", at: word)
            }
            try readProtocol(argument!)
        case .inInterface:
            try once(option, word)
            rule.inInterface = try interface(argument!)
        case .outInterface:
            try once(option, word)
            rule.outInterface = try interface(argument!)
        case .fragments:
            try once(option, word)
            rule.fragments = !isNegated
        case .setCounters:
            try once(option, word)
            try readCounters(argument!, word)
        case .verbose:
            isVerbose = true
            given[option] = word
        case .numeric, .exact, .lineNumbers:
            try once(option, word)
        case .wait, .waitInterval:
            given[option] = word
            if case .restore = source {
                throw RuleError("You cannot use `-\(option.letter)' from iptables-restore", at: word)
            }
            let value = argument ?? plainWord()
            if value == nil, option == .waitInterval { throw RuleError("wait interval value required", at: word) }
            if let value, !Self.beginsWithNumber(value.text) {
                throw RuleError(option == .wait ? "wait seconds not numeric" : "wait interval not numeric", at: value)
            }
        case .ipv4: break
        case .ipv6:
            guard case .restore = source else { throw RuleError("This is the IPv4 version of iptables.", at: word) }
            isForIPv6 = true
        case .modprobe: break
        }
    }

    /// What follows a number is not looked at, as scanf(3) would not.
    static func beginsWithNumber(_ text: String) -> Bool {
        let digits = text.drop { $0 == " " }
        return (digits.first == "-" || digits.first == "+" ? digits.dropFirst() : digits).first.map { ("0"..."9").contains($0) } ?? false
    }

    private static func complaint(aboutNegated option: GlobalOption) -> String {
        switch option {
        case .jump, .goto: "cannot have ! before -j"
        case .lineNumbers: "cannot have ! before -0"
        case .numeric, .verbose, .exact, .setCounters: "cannot have ! before -\(option.letter)"
        case .append, .delete, .check, .insert, .replace, .list, .listRules, .flush, .zero, .newChain, .deleteChain, .rename, .policy:
            "unexpected '!' flag"
        default: "unexpected ! flag before --\(longName(option))"
        }
    }

    private static func longName(_ option: GlobalOption) -> String {
        GlobalOption.long.first { $0.option == option }?.name ?? option.letter
    }

    mutating func once(_ option: GlobalOption, _ word: Word) throws(RuleError) {
        if given[option] != nil { throw RuleError("multiple -\(option.letter) flags not allowed", at: word) }
        given[option] = word
    }

    mutating func handleVerb(_ option: GlobalOption, _ word: Word, argument: Word?) throws(RuleError) {
        if let verb, option != .help, option != .version {
            try combine(verb, option, word, argument: argument)
            return
        }
        verbOption = option
        verbWord = word
        switch option {
        case .append:
            chainWord = argument
            verb = .append
        case .delete:
            chainWord = argument
            verb = .deleteRule
            if let number = plainWord() { verb = .delete(at: try ruleNumber(number)) }
        case .check:
            chainWord = argument
            verb = .check
        case .insert:
            chainWord = argument
            verb = .insert(at: 1)
            if let number = plainWord() { verb = .insert(at: try ruleNumber(number)) }
        case .replace:
            chainWord = argument
            guard let number = plainWord() else {
                throw RuleError("-R requires a rule number", at: word)
            }
            verb = .replace(at: try ruleNumber(number))
        case .list, .listRules, .zero:
            chainWord = argument ?? plainWord()
            let number = chainWord == nil ? nil : try plainWord().map { word throws(RuleError) in try ruleNumber(word) }
            verb =
                option == .list
                ? .list(number: number) : option == .zero ? .zero(number: number) : .listRules(number: number)
        case .flush:
            chainWord = argument ?? plainWord()
            verb = .flush
        case .newChain:
            chainWord = argument
            try ChainName.check(argument!)
            verb = .newChain
        case .deleteChain:
            chainWord = argument ?? plainWord()
            verb = .deleteChain
        case .rename:
            chainWord = argument
            guard let name = plainWord() else {
                throw RuleError("-E requires old-chain-name and new-chain-name", at: word)
            }
            newName = name
            verb = .rename(to: name.text)
        case .policy:
            chainWord = argument
            guard let policy = plainWord() else { throw RuleError("-P requires a chain and a policy", at: word) }
            verb = .policy(policy.text)
        case .version: verb = .version
        default: verb = .help
        }
    }

    /// `-Z` may stand beside `-L` or `-S`, in either order; nothing else goes together.
    private mutating func combine(
        _ first: Command.Verb, _ option: GlobalOption, _ word: Word, argument: Word?
    ) throws(RuleError) {
        switch (first, option) {
        case (.list, .zero), (.listRules, .zero):
            if let chain = argument ?? plainWord() { chainWord = chain }
            alsoZeroes = true
        case (.zero(nil), .list), (.zero(nil), .listRules):
            let chain = argument ?? plainWord()
            let number = chain == nil ? nil : try plainWord().map { word throws(RuleError) in try ruleNumber(word) }
            chainWord = chain ?? chainWord
            verb = option == .list ? .list(number: number) : .listRules(number: number)
            verbOption = option
            verbWord = word
            alsoZeroes = true
        default:
            throw RuleError("Cannot use -\(option.letter) with -\(verbOption?.letter ?? "?")", at: word)
        }
    }

    private func ruleNumber(_ word: Word) throws(RuleError) -> Int {
        guard let number = Number.parse(word.text, in: 1...0x7FFF_FFFF) else {
            throw RuleError("Invalid rule number `\(word.text)'", at: word)
        }
        return Int(number)
    }

    mutating func loadMatch(_ name: Word) throws(RuleError) {
        if let refused = Refused.matches.first(where: { $0.name == name.text }) { try refuse(refused, name) }
        guard let type = Extensions.match(name.text) else {
            let hint =
                OldSpelling.hint(forMatch: name.text)
                ?? Suggestion.hint(for: name.text, among: Extensions.matches.map { $0.description.name })
            throw RuleError(
                "unknown match \"\(name.text)\"", hint: hint, at: name,
                legacy: "Couldn't load match `\(name.text)':No such file or directory\n")
        }
        try refuse(type.description, name)
        options.extensions.append(
            OptionTable.Loaded(description: type.description, match: type, target: nil, word: name))
    }

    mutating func loadTarget(_ name: Word) throws(RuleError) {
        switch name.text {
        case "ACCEPT": rule.target = .accept
        case "DROP": rule.target = .drop
        case "RETURN": rule.target = .return
        case "QUEUE":
            throw RuleError(
                "target \"QUEUE\" is not supported: packets do not pass through user-space queues", at: name)
        default:
            if let refused = Refused.targets.first(where: { $0.name == name.text }) { try refuse(refused, name) }
            guard let type = Extensions.target(name.text) else {
                rule.target = .jump(name.text)
                return
            }
            try refuse(type.description, name)
            options.extensions.append(
                OptionTable.Loaded(description: type.description, match: nil, target: type, word: name))
        }
    }

    mutating func readProtocol(_ word: Word) throws(RuleError) {
        let text = word.text.lowercased()
        guard let number = Number.parse(text, in: 0...255).map(UInt8.init) ?? Names.protocolNumber(text) else {
            throw RuleError(
                "unknown protocol \"\(text)\" specified",
                hint: Suggestion.hint(
                    for: text, among: ["tcp", "udp", "icmp", "sctp", "dccp", "udplite", "gre", "esp", "ah", "all"]),
                at: word)
        }
        protocolName = text
        guard number != 0 else {
            if isNegated { throw RuleError("rule would never match protocol", at: word) }
            return
        }
        rule.ipProtocol = Negatable(IPProtocol(rawValue: number), isNegated: isNegated)
    }

    func interface(_ word: Word) throws(RuleError) -> Negatable<InterfacePattern>? {
        let name = word.text
        guard name.utf8.count <= 15 else {
            throw RuleError("interface name `\(name)' must be shorter than IFNAMSIZ (15)", at: word)
        }
        if name.isEmpty { throw RuleError("Empty interface is likely to be undesired", at: word) }
        // A bare `+` is kept: it asks nothing, but makes the rule one with a condition.
        let isWildcard = name.hasSuffix("+")
        return Negatable(
            InterfacePattern(name: isWildcard ? String(name.dropLast()) : name, isWildcard: isWildcard),
            isNegated: isNegated)
    }

    mutating func readCounters(_ word: Word, _ option: Word) throws(RuleError) {
        let parts = word.text.split(separator: ",", maxSplits: 1, omittingEmptySubsequences: false)
        let packets = parts[0]
        let bytes: Substring
        var bytesWord = word
        if parts.count == 2 {
            bytes = parts[1]
        } else if let second = plainWord() {
            bytes = Substring(second.text)
            bytesWord = second
        } else {
            throw RuleError("-c requires packet and byte counter", at: option)
        }
        counters = try Self.counters(packets, bytes, at: word, bytesWord)
    }

    /// - Throws: that one of them does not begin with a number.
    static func counters(
        _ packets: Substring, _ bytes: Substring, at word: Word, _ bytesWord: Word? = nil
    ) throws(RuleError) -> RuleCounters {
        // What follows a number is not looked at, as scanf(3) would not.
        func decimal(_ text: Substring) -> UInt64? { UInt64(text.drop { $0 == " " }.prefix { ("0"..."9").contains($0) }) }
        guard let packetCount = decimal(packets), packetCount < .max else {
            throw RuleError("-c packet counter not numeric", at: word)
        }
        guard let byteCount = decimal(bytes) else {
            throw RuleError("-c byte counter not numeric", at: bytesWord ?? word)
        }
        return RuleCounters(packets: packetCount, bytes: byteCount)
    }
}
