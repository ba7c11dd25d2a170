/// Reads a restore file line by line into a copy of the rules in force.
struct RestoreReader {
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
    /// Built-in chains to which the open table's lines gave a policy, and so counters.
    private var chainsWithPolicy: Set<String> = []
    /// `-h` or `-V` came, which is the last that is read.
    private var isEnded = false

    private(set) var output = ""
    private(set) var notices = ""
    private(set) var zeroesCounters = false
    /// What iptables-restore would have ended with.
    private(set) var refusal: Restoration.Refusal?

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
            if isEnded { return }
            if diagnostics.count >= Diagnostics.mostTold, index + 1 < lines.count {
                report(RuleError("more may be wrong from here on: after \(Diagnostics.mostTold) mistakes reading ends"), line: index + 2)
                return
            }
        }
        if let open {
            var error = RuleError("COMMIT expected", hint: "table \"\(open.table.name.rawValue)\" begins on line \(open.line)")
            error.restoreMessage = "iptables-restore: COMMIT expected at line \(lines.count + 1)"
            report(error, line: max(1, lines.count))
            ruleset[open.table.name] = open.table
        }
    }

    /// - Parameter reader: the line iptables-restore was on when it found the mistake, if it is another.
    private mutating func report(_ error: RuleError, line: Int, at location: SourceLocation? = nil, reader: Int? = nil) {
        if refusal == nil {
            refusal = Restoration.Refusal(
                text: IPTables.restoreMessage(for: error, line: reader ?? line), exitCode: error.restoreMessage == nil ? error.exitCode : 1)
        }
        let place = error.word?.location ?? location ?? SourceLocation(line: line, column: 1)
        let text = lines.indices.contains(place.line - 1) ? String(lines[place.line - 1]) : ""
        let room = max(1, text.count - place.column + 1)
        diagnostics.append(
            Diagnostic(
                file: file, location: place, length: min(error.word?.text.count ?? 1, room), message: error.message,
                hint: error.hint, sourceLine: text))
    }

    private mutating func read(_ text: Substring, line: Int) throws(RuleError) {
        if text.isEmpty { return }
        if text.hasPrefix("#") {
            if options.manner.contains(.verbose) { output += text + "\n" }
            return
        }
        if text.hasSuffix("\r") {
            throw RuleError("the line ends in a carriage return", hint: "convert the file to Unix line ends")
        }
        if text == "COMMIT", open != nil || isSkipping {
            commit(line)
        } else if text.hasPrefix("*"), open == nil {
            try begin(text, line)
        } else if isSkipping {
            return
        } else if open == nil {
            throw RuleError(
                "line stands outside any table", hint: "a table begins with *filter, *nat, *mangle or *raw", exitCode: 1)
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
        guard let word = words.first else {
            throw RuleError("table name is missing", legacy: "iptables-restore: line \(line) table name invalid")
        }
        guard let name = TableName(rawValue: word.text) else {
            isSkipping = true
            if options.table != nil || options.manner.contains(.skipsEveryTable) { return }
            let hint =
                word.text == "security"
                ? "tables are raw, mangle, nat and filter"
                : Suggestion.hint(for: word.text, among: TableName.allCases.map(\.rawValue))
            throw RuleError(
                "table \"\(word.text)\" does not exist", hint: hint, at: word,
                legacy: "iptables-restore: unable to initialize table '\(word.text)'")
        }
        if options.table.map({ $0 != name }) ?? options.manner.contains(.skipsEveryTable) {
            isSkipping = true
            return
        }
        chainsWithPolicy = []
        var table = ruleset[name]
        if options.noFlush {
            table.forgetPlaces()
        } else {
            if options.manner.contains(.verbose) {
                output += table.chains.map { "Flushing chain `\($0.name)'\n" }.joined()
                output += table.userChains.map { "Deleting chain `\($0.name)'\n" }.joined()
            }
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
        guard let name = words.first else {
            throw RuleError("chain name is missing", legacy: "iptables-restore: line \(line) chain name invalid")
        }
        guard open != nil else { return }
        let existing = open!.table.index(of: name.text)
        if existing == nil {
            do throws(RuleError) {
                try ChainName.checkDeclared(name)
            } catch {
                suspectChains.insert(name.text)
                throw error
            }
            try open!.table.create(name)
        } else if let existing, !open!.table.chains[existing].isBuiltIn {
            guard options.noFlush else {
                throw RuleError(
                    "chain \"\(name.text)\" is declared twice", at: name, legacy: "error creating chain '\(name.text)':File exists")
            }
            open!.table.chains[existing].rules = []
        }
        guard words.count > 1 else {
            throw RuleError(
                "policy is missing", hint: "a user chain's is \"-\"", at: name, legacy: "iptables-restore: line \(line) policy invalid")
        }
        let policy = words[1]
        guard policy.text != "-" else { return }
        var counters = RuleCounters.zero
        if options.counters {
            guard words.count > 2, let given = RuleCounters(bracketed: words[2].text) else {
                throw RuleError(
                    "invalid policy counters for chain '\(name.text)'", hint: "write [packets:bytes]",
                    at: words.count > 2 ? words[2] : policy)
            }
            counters = given
        }
        func refused(_ error: RuleError, _ reason: String) -> RuleError {
            var error = error
            error.restoreMessage =
                "iptables-restore \(IPTables.version): Can't set policy `\(policy.text)' on `\(name.text)' line \(line): \(reason)"
            return error
        }
        guard let index = open!.table.index(of: name.text), open!.table.chains[index].isBuiltIn else {
            throw refused(
                RuleError("user chain \"\(name.text)\" can have no policy", hint: "write \"-\"", at: policy), "Bad built-in chain name")
        }
        guard let value = Policy(rawValue: policy.text) else {
            throw refused(
                RuleError(
                    "unknown policy \"\(policy.text)\"",
                    hint: Suggestion.hint(for: policy.text, among: ["ACCEPT", "DROP", "-"]), at: policy), "Bad policy name")
        }
        open!.table.chains[index].policy = value
        open!.table.chains[index].counters = counters
        chainsWithPolicy.insert(name.text)
    }

    // MARK: Rules and other commands

    private mutating func rule(_ text: Substring, _ line: Int) throws(RuleError) {
        var text = text
        var column = 1
        var counters: RuleCounters?
        if text.hasPrefix("[") {
            // As iptables-restore cuts them: what stands before the colon and what stands behind it are looked at with -c alone.
            guard let end = text.firstIndex(of: "]") else { throw RuleError("Bad line \(line): need ]", hint: "write [packets:bytes]") }
            let bracketed = text[...end]
            let parts = bracketed.dropFirst().dropLast().split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { throw RuleError("Bad line \(line): need ]", hint: "write [packets:bytes]") }
            if options.counters { counters = try CommandParser.counters(parts[0], parts[1], at: Word(String(bracketed), at: SourceLocation(line: line, column: 1))) }
            text = text[text.index(after: end)...]
            column += bracketed.count
        }
        let words = try Lexer.words(in: text, line: line, column: column)
        guard let table = open?.table.name else { return }
        var command = try CommandParser.parse(words, from: .restore(table))
        if command.isForIPv6 { return }
        // iptables-restore's own -v says nothing of lines for tables that are not flushed.
        command.isVerbose = command.isVerbose || options.manner.contains(.verbose) && !options.noFlush
        notices += command.notices
        if let counters {
            for index in command.rules.indices { command.rules[index].counters = counters }
        }
        if let chain = command.chain, suspectChains.contains(chain) { return }
        if let target = command.rules.first?.target.chain, suspectChains.contains(target) { return }
        try carryOut(command)
    }

    private mutating func carryOut(_ command: Command) throws(RuleError) {
        guard open != nil else { return }
        switch command.verb {
        case .help, .version:
            guard options.manner.contains(.endsWithHelp) else {
                throw RuleError("\"\(command.verbWord.text)\" has no place in a restore file", at: command.verbWord)
            }
            output += command.verb == .help ? Usage.text(about: command.helpAbout) : "iptables-restore \(IPTables.version)\n"
            isEnded = true
            open = nil
            return
        case .list(let number): output += try open!.table.listing(command, number: number)
        case .listRules(let number): output += try open!.table.ruleListing(command, number: number)
        default: break
        }
        // Only where they are needed: whoever holds the table as it was makes the change copy it.
        let before = command.zeroesCounters ? open!.table : nil
        let remarks = command.remarks(on: open!.table)
        let warnings = command.warnings(on: open!.table)
        do throws(RuleError) {
            try open!.table.apply(command)
        } catch {
            if error.exitCode == 1, command.verb.changes { output += remarks }
            throw error
        }
        output += remarks
        notices += warnings
        if case .policy = command.verb, let chain = command.chain { chainsWithPolicy.insert(chain) }
        if let before {
            zeroesCounters = true
            open!.table.keepWhatIsNew(of: before, chains: chainsWithPolicy)
        }
    }

    // MARK: COMMIT

    private mutating func commit(_ line: Int) {
        defer {
            open = nil
            isSkipping = false
        }
        guard let table = open?.table else { return }
        for var placed in table.check() {
            placed.error.exitCode = 1
            let location = placed.rule.location
            let isOfThisFile = location.line > 0
            report(
                isOfThisFile ? pointed(placed.error, line: location.line) : placed.error,
                line: isOfThisFile ? location.line : open?.line ?? 1,
                at: isOfThisFile ? location : nil, reader: line)
        }
        ruleset[table.name] = table
    }

    /// An error found in a whole rule, with the word that named the match or target at fault.
    private func pointed(_ error: RuleError, line: Int) -> RuleError {
        guard error.word == nil, let subject = error.subject, lines.indices.contains(line - 1) else { return error }
        var result = error
        result.word = SourceText.word(subject, in: lines[line - 1], line: line)
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

extension Table {
    /// Rules of an earlier text stand nowhere in this one.
    fileprivate mutating func forgetPlaces() {
        for chain in chains.indices {
            for rule in chains[chain].rules.indices {
                chains[chain].rules[rule].location = SourceLocation(line: 0, column: 0)
            }
        }
    }

    /// `-Z` in a file means what the kernel has counted: rules and policies that the file brings keep the counters it gives them
    /// (libiptc.c, where counters are zeroed only if they map to the kernel's).
    fileprivate mutating func keepWhatIsNew(of before: Table, chains named: Set<String>) {
        for chain in chains.indices {
            if named.contains(chains[chain].name) { chains[chain].counters = before.chains[chain].counters }
            for rule in chains[chain].rules.indices where chains[chain].rules[rule].location.line > 0 {
                chains[chain].rules[rule].counters = before.chains[chain].rules[rule].counters
            }
        }
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
