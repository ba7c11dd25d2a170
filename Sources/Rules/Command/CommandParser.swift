import Net

/// Reads iptables' command language: global options, and those of every match and target as `-m`, `-p` and `-j` call
/// them in.
///
/// The order of events is getopt_long's. A long option is looked up by its exact name among iptables' own options and
/// then those of the extensions, the last one called in first; failing that, by an unambiguous beginning. An option
/// nobody knows calls in the match of the protocol that `-p` named. `!` stands for the next option alone.
struct CommandParser {
    /// Where the words come from.
    enum Source {
        /// A line of a restore file, in a table.
        case restore(TableName)
        /// The arguments of the iptables command.
        case arguments
    }

    /// A match or a target a rule has called in, and what it was given so far.
    private struct Loaded {
        var description: ExtensionDescription
        var match: (any MatchExtension.Type)?
        var target: (any TargetExtension.Type)?
        var word: Word
        var given: [GivenOption] = []
    }

    private let words: [Word]
    private let source: Source
    private var next = 0
    private var isNegated = false
    private var negation: Word?

    private var verb: Command.Verb?
    private var verbOption: GlobalOption?
    private var verbWord: Word
    private var chainWord: Word?
    private var table: TableName
    private var given: [GlobalOption: Word] = [:]
    private var isVerbose = false
    private var counters: RuleCounters?
    private var alsoZeroes = false
    private var isForIPv6 = false

    private var sourceWord: Word?
    private var destinationWord: Word?
    private var rule: Rule
    private var jump: Word?
    /// In the order they were called in; at most one is a target.
    private var loaded: [Loaded] = []
    private var hasTriedProtocol = false
    private var protocolName: String?

    init(_ words: [Word], from source: Source) {
        self.words = words
        self.source = source
        let start = words.first ?? Word("", at: SourceLocation(line: 1, column: 1))
        verbWord = start
        rule = Rule(location: start.location)
        table = if case .restore(let table) = source { table } else { .filter }
    }

    static func parse(_ words: [Word], from source: Source) throws(RuleError) -> Command {
        var parser = CommandParser(words, from: source)
        return try parser.parse()
    }

    // MARK: The words one by one

    private mutating func parse() throws(RuleError) -> Command {
        while next < words.count {
            let word = words[next]
            next += 1
            if word.text == "!" {
                if isNegated { throw RuleError("multiple consecutive ! not allowed", at: word) }
                isNegated = true
                negation = word
                continue
            }
            if word.text == "--" { break }
            if word.text.hasPrefix("--") {
                try longOption(word)
            } else if word.text.hasPrefix("-"), word.text.utf8.count > 1 {
                try shortOptions(word)
            } else {
                let option = isNegated ? loaded.last?.description.options.first { $0.canNegate } : nil
                throw RuleError(
                    "Bad argument `\(word.text)'", hint: option.map { "write ! --\($0.name) \(word.text)" }, at: word)
            }
            isNegated = false
        }
        if next < words.count { throw RuleError("unknown arguments found on commandline", at: words[next]) }
        if isNegated { throw RuleError("nothing appropriate following !", at: negation) }
        return try finish()
    }

    private enum Known {
        case global(GlobalOption)
        case extended(loadedIndex: Int, OptionDescription)
    }

    private mutating func longOption(_ word: Word) throws(RuleError) {
        let text = word.text.dropFirst(2)
        let name = String(text.prefix { $0 != "=" })
        let attached: Word? =
            name.count < text.count
            ? Word(
                String(text.dropFirst(name.count + 1)),
                at: SourceLocation(line: word.location.line, column: word.location.column + name.count + 3)) : nil
        guard let known = find(name) else {
            if try loadProtocolMatch(for: word) {
                try longOption(word)
                return
            }
            throw unknown(word, name: name)
        }
        switch known {
        case .global(let option):
            switch option.argument {
            case .none:
                if attached != nil { throw RuleError("option \"--\(name)\" takes no argument", at: word) }
                try handle(option, word, argument: nil)
            case .required:
                try handle(option, word, argument: try argument(attached, of: word))
            case .optional:
                try handle(option, word, argument: attached)
            }
        case .extended(let index, let option):
            var arguments: [Word] = []
            if option.hasOptionalArgument {
                if let value = attached ?? plainWord() { arguments.append(value) }
            } else if option.argumentCount == 0 {
                if attached != nil { throw RuleError("option \"--\(option.name)\" takes no argument", at: word) }
            } else {
                arguments.append(try argument(attached, of: word))
            }
            while arguments.count < option.argumentCount {
                guard hasPlainWord else {
                    throw RuleError("--\(option.name) requires two args.", at: word)
                }
                arguments.append(words[next])
                next += 1
            }
            try add(option, word, arguments, toLoaded: index)
        }
    }

    private mutating func shortOptions(_ word: Word) throws(RuleError) {
        var letters = word.text.dropFirst()
        while let letter = letters.popFirst() {
            guard let option = GlobalOption(short: letter) else {
                throw RuleError("unknown option \"-\(letter)\"", at: word)
            }
            let rest = String(letters)
            let attached = rest.isEmpty ? nil : Word(rest, at: word.location)
            switch option.argument {
            case .none:
                try handle(option, word, argument: nil)
                isNegated = isNegated && !letters.isEmpty
            case .required:
                try handle(option, word, argument: try argument(attached, of: word))
                return
            case .optional:
                try handle(option, word, argument: attached)
                return
            }
        }
    }

    /// What stands attached to an option, or the word after it, whatever that looks like.
    private mutating func argument(_ attached: Word?, of option: Word) throws(RuleError) -> Word {
        if let attached { return attached }
        guard next < words.count else {
            throw RuleError("option \"\(option.text)\" requires an argument", at: option)
        }
        next += 1
        return words[next - 1]
    }

    /// Whether a word follows that is neither an option nor `!`.
    private var hasPlainWord: Bool {
        next < words.count && !words[next].text.hasPrefix("-") && !words[next].text.hasPrefix("!")
    }

    private mutating func plainWord() -> Word? {
        guard hasPlainWord else { return nil }
        next += 1
        return words[next - 1]
    }

    // MARK: Long names

    private func find(_ name: String) -> Known? {
        if let global = GlobalOption.long.first(where: { $0.name == name }) { return .global(global.option) }
        for index in loaded.indices.reversed() {
            for option in loaded[index].description.options where option.name == name || option.aliases.contains(name) {
                return .extended(loadedIndex: index, option)
            }
        }
        guard !name.isEmpty else { return nil }
        var globals: Set<GlobalOption> = []
        for entry in GlobalOption.long where entry.name.hasPrefix(name) { globals.insert(entry.option) }
        var extended: [(index: Int, option: OptionDescription)] = []
        for index in loaded.indices {
            for option in loaded[index].description.options
            where option.name.hasPrefix(name) || option.aliases.contains(where: { $0.hasPrefix(name) }) {
                extended.append((index, option))
            }
        }
        if globals.count == 1, extended.isEmpty, let only = globals.first { return .global(only) }
        if globals.isEmpty, extended.count == 1 { return .extended(loadedIndex: extended[0].index, extended[0].option) }
        return nil
    }

    /// Names an option may have been meant to be, for the message.
    private func candidates(for name: String) -> [String] {
        GlobalOption.long.map(\.name) + loaded.flatMap { $0.description.options.flatMap { [$0.name] + $0.aliases } }
    }

    private func unknown(_ word: Word, name: String) -> RuleError {
        let known = candidates(for: name)
        let matching = known.filter { $0.hasPrefix(name) && !name.isEmpty }
        if matching.count > 1 {
            return RuleError(
                "option \"\(word.text)\" is ambiguous",
                hint: "it may mean " + matching.map { "--\($0)" }.joined(separator: ", "), at: word)
        }
        if let reason = Refused.reason(option: name) {
            return RuleError("option \"\(word.text)\" is not supported: \(reason)", at: word)
        }
        if let hint = OldSpelling.hint(forOption: name) {
            return RuleError("unknown option \"\(word.text)\"", hint: hint, at: word)
        }
        let owner = (Extensions.matches.map { $0.description } + Extensions.targets.map { $0.description }).first {
            $0.options.contains { $0.name == name || $0.aliases.contains(name) }
        }
        let hint: String? =
            if let nearest = Suggestion.nearest(to: name, among: known) {
                "did you mean \"--\(nearest)\"?"
            } else if let owner {
                "it belongs to -\(owner.kind == .match ? "m" : "j") \(owner.name), which must be named before it"
            } else {
                nil
            }
        return RuleError("unknown option \"\(word.text)\"", hint: hint, at: word)
    }

    /// Calls in the match of the protocol `-p` named, once, if it is not there yet.
    private mutating func loadProtocolMatch(for word: Word) throws(RuleError) -> Bool {
        guard let protocolName, !hasTriedProtocol else { return false }
        hasTriedProtocol = true
        let name = Number.parse(protocolName, in: 0...255).flatMap { Names.protocolName(UInt8($0)) } ?? protocolName
        guard let type = Extensions.match(name) else { return false }
        try refuse(type.description, word)
        loaded.append(Loaded(description: type.description, match: type, target: nil, word: word))
        return true
    }

    private func refuse(_ description: ExtensionDescription, _ word: Word) throws(RuleError) {
        if case .refused(let reason) = description.status {
            let kind = description.kind == .match ? "match" : "target"
            throw RuleError("\(kind) \"\(description.name)\" is not supported: \(reason)", at: word)
        }
    }

    private mutating func add(
        _ option: OptionDescription, _ word: Word, _ arguments: [Word], toLoaded index: Int
    ) throws(RuleError) {
        let name = loaded[index].description.name
        if isNegated, !option.canNegate {
            throw RuleError("\(name): option \"--\(option.name)\" cannot be inverted.", at: negation)
        }
        if !option.canRepeat, loaded[index].given.contains(where: { $0.name == option.name }) {
            throw RuleError("\(name): option \"--\(option.name)\" can only be used once.", at: word)
        }
        if let argument = arguments.first, argument.text == "!" {
            throw RuleError(
                "\(name): \"!\" stands before its option today", hint: "write ! --\(option.name) VALUE", at: argument)
        }
        loaded[index].given.append(
            GivenOption(
                name: option.name, isNegated: isNegated, word: word, arguments: arguments, ipProtocol: rule.ipProtocol))
    }

    // MARK: iptables' own options

    private mutating func handle(_ option: GlobalOption, _ word: Word, argument: Word?) throws(RuleError) {
        switch option {
        case .source, .destination, .protocol, .inInterface, .outInterface, .fragments: break
        default:
            if isNegated { throw RuleError("unexpected ! flag before --\(Self.longName(option))", at: negation) }
        }
        switch option {
        case .append, .delete, .check, .insert, .replace, .list, .listRules, .flush, .zero, .newChain, .deleteChain,
            .rename, .policy, .version, .help:
            try handleVerb(option, word, argument: argument)
        case .match:
            try loadMatch(argument!)
        case .jump:
            try once(option, word)
            jump = argument!
            try loadTarget(argument!)
        case .goto:
            try once(option, word)
            jump = argument!
            rule.target = .goto(argument!.text)
        case .table:
            if case .restore = source {
                throw RuleError("The -t option cannot be used in iptables-restore.", at: word)
            }
            guard let name = TableName(rawValue: argument!.text) else {
                throw RuleError(
                    "can't initialize iptables table `\(argument!.text)': Table does not exist",
                    hint: Suggestion.hint(for: argument!.text, among: TableName.allCases.map(\.rawValue)),
                    at: argument, exitCode: 3)
            }
            table = name
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
            if argument!.location.column < word.location.column + word.text.count, argument!.location.line == word.location.line {
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
            if case .restore = source {
                throw RuleError("-\(option.letter) cannot be used in a restore file", at: word)
            }
            if argument == nil, hasPlainWord {
                let value = plainWord()!
                guard Number.parse(value.text.prefix { $0 != "." }, in: 0...0x7FFF_FFFF) != nil else {
                    throw RuleError("wait seconds not numeric", at: value)
                }
            }
        case .ipv4: break
        case .ipv6:
            guard case .restore = source else { throw RuleError("This is the IPv4 version of iptables.", at: word) }
            isForIPv6 = true
        case .modprobe: break
        }
    }

    private static func longName(_ option: GlobalOption) -> String {
        GlobalOption.long.first { $0.option == option }?.name ?? option.letter
    }

    private mutating func once(_ option: GlobalOption, _ word: Word) throws(RuleError) {
        if given[option] != nil { throw RuleError("multiple -\(option.letter) flags not allowed", at: word) }
        given[option] = word
    }

    private mutating func handleVerb(_ option: GlobalOption, _ word: Word, argument: Word?) throws(RuleError) {
        if let verb, option != .help {
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
            verb = option == .list ? .list(number: number) : option == .zero ? .zero(number: number) : .listRules(number: number)
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
            try ChainName.check(name)
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

    private mutating func loadMatch(_ name: Word) throws(RuleError) {
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
        loaded.append(Loaded(description: type.description, match: type, target: nil, word: name))
    }

    private mutating func loadTarget(_ name: Word) throws(RuleError) {
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
            loaded.append(Loaded(description: type.description, match: nil, target: type, word: name))
        }
    }

    private mutating func readProtocol(_ word: Word) throws(RuleError) {
        let text = word.text.lowercased()
        guard let number = Number.parse(text, in: 0...255).map(UInt8.init) ?? Names.protocolNumber(text) else {
            throw RuleError(
                "unknown protocol \"\(text)\" specified",
                hint: Suggestion.hint(for: text, among: ["tcp", "udp", "icmp", "sctp", "dccp", "udplite", "gre", "esp", "ah", "all"]),
                at: word)
        }
        protocolName = text
        guard number != 0 else {
            if isNegated { throw RuleError("rule would never match protocol", at: word) }
            return
        }
        rule.ipProtocol = Negatable(IPProtocol(rawValue: number), isNegated: isNegated)
    }

    private func interface(_ word: Word) throws(RuleError) -> Negatable<InterfacePattern>? {
        let name = word.text
        guard name.utf8.count <= 15 else {
            throw RuleError("interface name `\(name)' must be shorter than IFNAMSIZ (15)", at: word)
        }
        if name.isEmpty { throw RuleError("Empty interface is likely to be undesired", at: word) }
        if name == "+", !isNegated { return nil }
        let isWildcard = name.hasSuffix("+")
        return Negatable(
            InterfacePattern(name: isWildcard ? String(name.dropLast()) : name, isWildcard: isWildcard),
            isNegated: isNegated)
    }

    private mutating func readCounters(_ word: Word, _ option: Word) throws(RuleError) {
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
        guard let packetCount = Number.parse(packets, in: 0...UInt64.max - 1) else {
            throw RuleError("-c packet counter not numeric", at: word)
        }
        // What follows the second number is not looked at, as scanf(3) would not.
        guard let byteCount = Number.prefix(of: bytes)?.value else {
            throw RuleError("-c byte counter not numeric", at: bytesWord)
        }
        counters = RuleCounters(packets: packetCount, bytes: byteCount)
    }

    // MARK: The whole

    private mutating func finish() throws(RuleError) -> Command {
        guard let verb else { throw RuleError("no command specified", at: words.first) }
        var command = Command(
            verb: verb, table: table, chain: chainWord?.text, rules: [], isVerbose: isVerbose,
            isNumeric: given[.numeric] != nil, isExact: given[.exact] != nil,
            showsLineNumbers: given[.lineNumbers] != nil, counters: counters, alsoZeroes: alsoZeroes,
            isForIPv6: isForIPv6, chainWord: chainWord,
            verbWord: verbWord, targetWord: jump, helpAbout: loaded.map(\.description))
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

    /// Which options make no sense with a verb.
    private func checkCombination() throws(RuleError) {
        let isRule: Bool =
            switch verb {
            case .append, .insert, .replace, .deleteRule, .check: true
            default: false
            }
        var allowed: Set<GlobalOption> = [.verbose]
        if isRule {
            allowed.formUnion([.source, .destination, .protocol, .inInterface, .outInterface, .jump, .goto, .fragments])
            switch verb {
            case .append, .insert, .replace: allowed.insert(.setCounters)
            default: break
            }
        }
        switch verb {
        case .list: allowed.formUnion([.numeric, .exact, .lineNumbers])
        case .policy: allowed.insert(.setCounters)
        default: break
        }
        for (option, word) in given.sorted(by: { $0.value.location < $1.value.location }) where !allowed.contains(option) {
            throw RuleError("Illegal option `-\(option == .lineNumbers ? "0" : option.letter)' with this command", at: word)
        }
        if !isRule, let extra = loaded.first {
            throw RuleError("Illegal option `-\(extra.description.kind == .match ? "m" : "j")' with this command", at: extra.word)
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
        for entry in loaded {
            let options = GivenOptions(
                extensionName: entry.description.name, word: entry.word, list: entry.given, rule: rule)
            if let type = entry.match {
                rule.matches.append(try type.init(options).match)
            } else if let type = entry.target {
                rule.target = try type.init(options).target
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
        guard let given, given.isNegated || !value.mask.isUnspecified || !value.address.isUnspecified else { return nil }
        return Negatable(value, isNegated: given.isNegated)
    }
}
