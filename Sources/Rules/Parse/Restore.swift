/// How a restore file is read.
public struct RestoreOptions: Sendable {
    /// `-n`: what the file does not mention stays.
    public var noFlush: Bool
    /// `-c`: counters in the file are taken over; without it they begin at 0.
    public var counters: Bool
    /// `-T`: this table of the file alone.
    public var table: TableName?

    public init(noFlush: Bool = false, counters: Bool = false, table: TableName? = nil) {
        self.noFlush = noFlush
        self.counters = counters
        self.table = table
    }
}

extension Ruleset {
    /// The rules that are in force once an iptables-save text has been restored.
    ///
    /// It is one transaction over all tables of the text. Tables it does not name stay as they are.
    /// - Parameters:
    ///   - file: the name diagnostics carry.
    ///   - current: the rules in force now.
    /// - Throws: every error of the text.
    public static func restoring(
        _ text: String, file: String, onto current: Ruleset = Ruleset(), options: RestoreOptions = RestoreOptions()
    ) throws(Diagnostics) -> Ruleset {
        let (ruleset, mistakes) = reading(text, file: file, onto: current, options: options)
        guard mistakes.isEmpty else { throw Diagnostics(mistakes) }
        return ruleset
    }

    /// The same for whoever has more to say of a text with mistakes in it: what could be read of it, and what is wrong with it.
    public static func reading(
        _ text: String, file: String, onto current: Ruleset = Ruleset(), options: RestoreOptions = RestoreOptions()
    ) -> (ruleset: Ruleset, mistakes: [Diagnostic]) {
        var reader = RestoreReader(file: file, ruleset: current, options: options)
        reader.read(text)
        return (reader.ruleset, reader.diagnostics.sorted { $0.location < $1.location })
    }

    /// What in rules of a text does not act yet, with the places it stands at.
    ///
    /// - Parameter earlier: the rules the text changed; what did not act there is known.
    public func inactive(beside earlier: Ruleset, in source: SourceText) -> [Diagnostic] {
        inactive(beside: earlier).map { placed in
            source.diagnostic(
                placed.error.message, hint: placed.error.hint, about: placed.rule, subject: placed.error.subject)
        }
    }
}

/// Reads a restore file line by line into a copy of the rules in force.
private struct RestoreReader {
    let file: String
    var ruleset: Ruleset
    let options: RestoreOptions
    var diagnostics: [Diagnostic] = []

    /// The table being read, with the line it began on; nil between tables.
    private var open: (table: Table, line: Int)?
    /// Whether lines up to COMMIT belong to a table that is not wanted or not known.
    private var isSkipping = false
    /// Chains whose declaration failed, or was in error: rules for them are not reported again.
    private var suspectChains: Set<String> = []
    private var lines: [Substring] = []

    init(file: String, ruleset: Ruleset, options: RestoreOptions) {
        self.file = file
        self.ruleset = ruleset
        self.options = options
    }

    mutating func read(_ text: String) {
        var text = text
        text.makeContiguousUTF8()
        lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map { Substring($0) }
        if lines.last?.isEmpty == true { lines.removeLast() }
        for index in lines.indices {
            do throws(RuleError) {
                try read(lines[index], line: index + 1)
            } catch {
                report(error, line: index + 1)
            }
        }
        if let open {
            report(
                RuleError("COMMIT expected", hint: "table \"\(open.table.name.rawValue)\" begins on line \(open.line)"),
                line: max(1, lines.count))
            ruleset[open.table.name] = open.table
        }
    }

    private mutating func report(_ error: RuleError, line: Int, at location: SourceLocation? = nil) {
        let place = error.word?.location ?? location ?? SourceLocation(line: line, column: 1)
        let text = lines.indices.contains(place.line - 1) ? String(lines[place.line - 1]) : ""
        let room = max(1, text.count - place.column + 1)
        diagnostics.append(
            Diagnostic(
                file: file, location: place, length: min(error.word?.text.count ?? 1, room), message: error.message,
                hint: error.hint, sourceLine: text))
    }

    private mutating func read(_ text: Substring, line: Int) throws(RuleError) {
        if text.isEmpty || text.hasPrefix("#") { return }
        if text.hasSuffix("\r") {
            throw RuleError("the line ends in a carriage return", hint: "convert the file to Unix line ends")
        }
        if text == "COMMIT", open != nil || isSkipping {
            commit()
        } else if text.hasPrefix("*"), open == nil {
            try begin(text, line)
        } else if isSkipping {
            return
        } else if open == nil {
            throw RuleError("line stands outside any table", hint: "a table begins with *filter, *nat, *mangle or *raw")
        } else if text.hasPrefix(":") {
            try declare(text, line)
        } else {
            try rule(text, line)
        }
    }

    // MARK: *table

    private mutating func begin(_ text: Substring, _ line: Int) throws(RuleError) {
        isSkipping = false
        suspectChains = []
        let words = fields(text.dropFirst(), line, column: 2)
        guard let word = words.first else { throw RuleError("table name is missing") }
        guard let name = TableName(rawValue: word.text) else {
            isSkipping = true
            let hint =
                word.text == "security"
                ? "tables are raw, mangle, nat and filter"
                : Suggestion.hint(for: word.text, among: TableName.allCases.map(\.rawValue))
            throw RuleError("table \"\(word.text)\" does not exist", hint: hint, at: word)
        }
        if let only = options.table, only != name {
            isSkipping = true
            return
        }
        var table = ruleset[name]
        if !options.noFlush {
            table.chains = table.builtInChains.map { chain in
                var emptied = chain
                emptied.rules = []
                return emptied
            }
        }
        open = (table, line)
    }

    // MARK: :CHAIN POLICY [packets:bytes]

    private mutating func declare(_ text: Substring, _ line: Int) throws(RuleError) {
        let words = fields(text.dropFirst(), line, column: 2)
        guard let name = words.first else { throw RuleError("chain name is missing") }
        guard open != nil else { return }
        let existing = open!.table.index(of: name.text)
        if existing == nil {
            do throws(RuleError) {
                try ChainName.check(name)
            } catch {
                suspectChains.insert(name.text)
                throw error
            }
            try open!.table.create(name)
        } else if let existing, !open!.table.chains[existing].isBuiltIn {
            guard options.noFlush else { throw RuleError("chain \"\(name.text)\" is declared twice", at: name) }
            open!.table.chains[existing].rules = []
        }
        guard words.count > 1 else { throw RuleError("policy is missing", hint: "a user chain's is \"-\"", at: name) }
        let policy = words[1]
        guard policy.text != "-" else { return }
        guard let value = Policy(rawValue: policy.text) else {
            throw RuleError(
                "unknown policy \"\(policy.text)\"",
                hint: Suggestion.hint(for: policy.text, among: ["ACCEPT", "DROP", "-"]), at: policy)
        }
        guard let index = open!.table.index(of: name.text), open!.table.chains[index].isBuiltIn else {
            throw RuleError("user chain \"\(name.text)\" can have no policy", hint: "write \"-\"", at: policy)
        }
        open!.table.chains[index].policy = value
        open!.table.chains[index].counters = .zero
        if options.counters {
            guard words.count > 2, let counters = RuleCounters(bracketed: words[2].text) else {
                throw RuleError(
                    "invalid policy counters for chain \"\(name.text)\"", hint: "write [packets:bytes]",
                    at: words.count > 2 ? words[2] : policy)
            }
            open!.table.chains[index].counters = counters
        }
    }

    // MARK: Rules and other commands

    private mutating func rule(_ text: Substring, _ line: Int) throws(RuleError) {
        var text = text
        var column = 1
        var counters: RuleCounters?
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else {
                throw RuleError("counters are not closed", hint: "write [packets:bytes]")
            }
            let bracketed = text[...end]
            guard let given = RuleCounters(bracketed: bracketed) else {
                throw RuleError("malformed counters \"\(bracketed)\"", hint: "write [packets:bytes]")
            }
            counters = given
            text = text[text.index(after: end)...]
            column += bracketed.count
        }
        let words = try Lexer.words(in: text, line: line, column: column)
        guard let table = open?.table.name else { return }
        var command = try CommandParser.parse(words, from: .restore(table))
        if command.isForIPv6 { return }
        switch command.verb {
        case .help, .version, .list, .listRules, .check:
            throw RuleError("\"\(command.verbWord.text)\" has no place in a restore file", at: command.verbWord)
        default: break
        }
        if options.counters, let counters {
            for index in command.rules.indices { command.rules[index].counters = counters }
        }
        if let chain = command.chain, suspectChains.contains(chain) { return }
        if let target = command.rules.first?.target.chain, suspectChains.contains(target) { return }
        try open!.table.apply(command)
    }

    // MARK: COMMIT

    private mutating func commit() {
        defer {
            open = nil
            isSkipping = false
        }
        guard let table = open?.table else { return }
        for placed in table.check() {
            let location = placed.rule.location
            let isOfThisFile = location.line > (open?.line ?? 0)
            report(
                isOfThisFile ? pointed(placed.error, line: location.line) : placed.error,
                line: isOfThisFile ? location.line : open?.line ?? 1,
                at: isOfThisFile ? location : nil)
        }
        ruleset[table.name] = table
    }

    /// An error found in a whole rule, with the word that named the match or target at fault.
    private func pointed(_ error: RuleError, line: Int) -> RuleError {
        guard error.word == nil, let subject = error.subject, lines.indices.contains(line - 1) else { return error }
        var text = lines[line - 1]
        var column = 1
        if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
            column += text.distance(from: text.startIndex, to: end) + 1
            text = text[text.index(after: end)...]
        }
        let words = try? Lexer.words(in: text, line: line, column: column)
        var result = error
        result.word = words?.first { $0.text == subject }
        return result
    }

    /// Words between blanks, without any quoting, as the `*` and `:` lines have them.
    private func fields(_ text: Substring, _ line: Int, column: Int) -> [Word] {
        var words: [Word] = []
        var current = ""
        var start = column
        for (offset, character) in text.enumerated() {
            if character == " " || character == "\t" {
                if !current.isEmpty { words.append(Word(current, at: SourceLocation(line: line, column: start))) }
                current = ""
            } else {
                if current.isEmpty { start = column + offset }
                current.append(character)
            }
        }
        if !current.isEmpty { words.append(Word(current, at: SourceLocation(line: line, column: start))) }
        return words
    }
}

extension RuleCounters {
    /// `[packets:bytes]`.
    init?(bracketed text: some StringProtocol) {
        guard text.hasPrefix("["), text.hasSuffix("]") else { return nil }
        let parts = text.dropFirst().dropLast().split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let packets = UInt64(parts[0]), let bytes = UInt64(parts[1]) else { return nil }
        self.init(packets: packets, bytes: bytes)
    }
}
