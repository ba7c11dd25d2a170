import Net

/// Reads iptables' command language: global options, and those of every match and target as `-m`, `-p` and `-j` call
/// them in.
///
/// The order of events is getopt_long's: words are taken from left to right, `!` stands for the next option alone, and an
/// option nobody knows calls in the match of the protocol that `-p` named.
struct CommandParser {
    /// Where the words come from.
    enum Source {
        /// A line of a restore file, in a table.
        case restore(TableName)
        /// The arguments of the iptables command.
        case arguments
    }

    let words: [Word]
    let source: Source
    var next = 0
    var isNegated = false
    var negation: Word?

    var verb: Command.Verb?
    var verbOption: GlobalOption?
    var verbWord: Word
    var chainWord: Word?
    /// What `-E` renames to.
    var newName: Word?
    var table: TableName
    var tableWord: Word?
    var given: [GlobalOption: Word] = [:]
    var isVerbose = false
    var counters: RuleCounters?
    var alsoZeroes = false
    var isForIPv6 = false

    var sourceWord: Word?
    var destinationWord: Word?
    var rule: Rule
    var jump: Word?
    var options = OptionTable()
    var hasTriedProtocol = false
    var protocolName: String?

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
        do throws(RuleError) {
            return try parser.parse()
        } catch {
            throw parser.withTodaysSpelling(parser.earliest(error))
        }
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
                let option = isNegated ? options.extensions.last?.description.options.first { $0.canNegate } : nil
                throw RuleError(
                    "Bad argument `\(word.text)'", hint: option.map { "write ! --\($0.name) \(word.text)" }, at: word,
                    isBare: true)
            }
            isNegated = false
            // The rest of such a line is ip6tables' to understand.
            if isForIPv6 { return forIPv6 }
            // What follows these is not looked at.
            if verb == .help || verb == .version { break }
        }
        return try finish(isNegated: isNegated)
    }

    private mutating func longOption(_ word: Word) throws(RuleError) {
        let text = word.text.dropFirst(2)
        let name = String(text.prefix { $0 != "=" })
        let attached: Word? =
            name.count < text.count
            ? Word(
                String(text.dropFirst(name.count + 1)),
                at: SourceLocation(line: word.location.line, column: word.location.column + name.count + 3)) : nil
        guard let known = options.find(name) else {
            if try loadProtocolMatch(for: word) {
                try longOption(word)
                return
            }
            throw options.unknown(word, name: name)
        }
        switch known {
        case .global(let option):
            switch option.argument {
            case .none:
                if attached != nil { throw takesNoArgument(name, word) }
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
                if attached != nil { throw takesNoArgument(option.name, word) }
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

    private func takesNoArgument(_ name: String, _ word: Word) -> RuleError {
        RuleError("unknown option \"\(word.text)\"", hint: "--\(name) takes no argument", at: word)
    }

    private mutating func shortOptions(_ word: Word) throws(RuleError) {
        var letters = word.text.dropFirst()
        while let letter = letters.popFirst() {
            guard let option = GlobalOption(short: letter) else {
                throw RuleError("unknown option \"\(word.text)\"", at: word)
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
    var hasPlainWord: Bool {
        next < words.count && !words[next].text.hasPrefix("-") && !words[next].text.hasPrefix("!")
    }

    mutating func plainWord() -> Word? {
        guard hasPlainWord else { return nil }
        next += 1
        return words[next - 1]
    }

    /// Calls in the match of the protocol `-p` named, once, if it is not there yet.
    private mutating func loadProtocolMatch(for word: Word) throws(RuleError) -> Bool {
        guard let protocolName, !hasTriedProtocol else { return false }
        hasTriedProtocol = true
        let name = Number.parse(protocolName, in: 0...255).flatMap { Names.protocolName(UInt8($0)) } ?? protocolName
        guard let type = Extensions.match(name) else { return false }
        try refuse(type.description, word)
        options.extensions.append(
            OptionTable.Loaded(description: type.description, match: type, target: nil, word: word))
        return true
    }

    func refuse(_ description: ExtensionDescription, _ word: Word) throws(RuleError) {
        if case .refused(let reason) = description.status {
            let kind = description.kind == .match ? "match" : "target"
            throw RuleError("\(kind) \"\(description.name)\" is not supported: \(reason)", at: word)
        }
    }

    /// Matches from before iptables had one parser for all have words of their own.
    private static func complaint(aboutRepeated option: String, of name: String) -> String {
        switch (name, option) {
        case ("tcp", "syn"), ("tcp", "tcp-flags"): "Only one of `--syn' or `--tcp-flags'  allowed"
        case ("tcp", _), ("sctp", _), ("dccp", _): "Only one `--\(option)' allowed"
        case ("SET", "add-set"), ("SET", "del-set"), ("SET", "map-set"): "--\(option) can be specified only once"
        default: "\(name): option \"--\(option)\" can only be used once."
        }
    }

    /// Older iptables had `!` behind the option.
    private func withTodaysSpelling(_ error: RuleError) -> RuleError {
        guard error.hint == nil, let word = error.word, word.text == "!" else { return error }
        for loaded in options.extensions {
            guard let option = loaded.given.first(where: { $0.arguments.contains(word) }) else { continue }
            var result = error
            result.hint = "write ! --\(option.name) VALUE"
            return result
        }
        return error
    }

    private mutating func add(
        _ option: OptionDescription, _ word: Word, _ arguments: [Word], toLoaded index: Int
    ) throws(RuleError) {
        let name = options.extensions[index].description.name
        if isNegated, !option.canNegate {
            let complaint =
                name != "set" ? "\(name): option \"--\(option.name)\" cannot be inverted."
                : option.argumentCount == 0 ? "--\(option.name) flag cannot be inverted" : "--\(option.name) option cannot be inverted"
            throw RuleError(complaint, at: negation)
        }
        if !option.canRepeat, options.extensions[index].given.contains(where: { $0.name == option.name }) {
            throw RuleError(Self.complaint(aboutRepeated: option.name, of: name), at: word)
        }
        options.extensions[index].given.append(
            GivenOption(
                name: option.name, isNegated: isNegated, word: word, arguments: arguments, ipProtocol: rule.ipProtocol))
    }
}
