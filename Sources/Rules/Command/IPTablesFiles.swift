// iptables-restore and iptables-save, but for reading and writing files, which their caller does.

extension IPTables {
    /// What the arguments of iptables-restore ask for.
    public struct RestoreArguments: Sendable {
        public var options = RestoreOptions()
        /// `-t`: check and change nothing.
        public var isTest = false
        /// nil reads standard input.
        public var file: String?
        /// What iptables-restore remarks of the arguments, a line each.
        var notices = ""
    }

    /// What the arguments of iptables-save ask for.
    public struct SaveArguments: Sendable {
        public var counters = false
        public var table: TableName?
        /// nil writes to standard output.
        public var file: String?
        /// What iptables-save remarks of the arguments, a line each.
        public var notices = ""
        /// `-t` named a table there is not.
        var isForNoTable = false

        func checked() throws(Finished) -> SaveArguments {
            guard isForNoTable else { return self }
            throw Finished(
                outcome: .init(
                    errors: notices
                        + "iptables-save \(version): Cannot initialize: Table does not exist (do you need to insmod?)\n", exitCode: 1))
        }
    }

    /// - Throws: what to print and to exit with instead of restoring, `-h` and `-V` included.
    public static func restoreArguments(_ arguments: [String]) throws(Finished) -> RestoreArguments {
        var result = RestoreArguments()
        result.options.manner.insert(.endsWithHelp)
        var waits = false
        var namesInterval = false
        var reader = ArgumentReader(
            "iptables-restore", arguments,
            flags: [
                "b": "binary", "c": "counters", "n": "noflush", "t": "test", "v": "verbose", "h": "help", "V": "version", "w": "wait",
                "W": "wait-interval",
            ],
            values: ["T": "table", "M": "modprobe"], optionalValues: ["wait", "wait-interval"])
        while let (name, value) = try reader.next() {
            switch name {
            case "binary": result.notices += "-b/--binary option is not implemented\n"
            case "counters": result.options.counters = true
            case "noflush": result.options.noFlush = true
            case "test": result.isTest = true
            case "verbose": result.options.manner.insert(.verbose)
            case "wait":
                waits = true
                try reader.checkNumber(value, "wait seconds not numeric")
            case "wait-interval":
                namesInterval = true
                if value == nil { throw reader.refused("wait interval value required") }
                try reader.checkNumber(value, "wait interval not numeric")
                result.notices += "Ignoring deprecated --wait-interval option.\n"
            case "table":
                // No such table is in any file, so nothing is restored.
                result.options.table = TableName(rawValue: value ?? "")
                if result.options.table == nil { result.options.manner.insert(.skipsEveryTable) }
            case "help":
                throw Finished(outcome: .init(errors: restoreUsage))
            default: break
            }
        }
        if reader.plain.count > 1 { throw reader.finished("Unknown arguments found on commandline\n") }
        result.file = reader.plain.first
        if namesInterval, !waits {
            throw reader.finished(result.notices + "Option --wait-interval requires option --wait\n")
        }
        return result
    }

    /// - Throws: what to print and to exit with instead of saving.
    public static func saveArguments(_ arguments: [String]) throws(Finished) -> SaveArguments {
        var result = SaveArguments()
        var reader = ArgumentReader(
            "iptables-save", arguments, flags: ["b": "binary", "c": "counters", "d": "dump", "V": "version"],
            values: ["t": "table", "M": "modprobe", "f": "file"], optionalValues: [])
        while let (name, value) = try reader.next() {
            switch name {
            case "binary": result.notices += "-b/--binary option is not implemented\n"
            case "counters": result.counters = true
            case "table":
                result.table = TableName(rawValue: value ?? "")
                result.isForNoTable = result.table == nil
            case "file": result.file = value
            // What comes behind it is not looked at.
            case "dump": return try result.checked()
            default: break
            }
        }
        if !reader.plain.isEmpty { throw reader.finished("Unknown arguments found on commandline\n") }
        return try result.checked()
    }

    /// Restores a text. The errors of the outcome are what iptables-restore says of the first mistake, and then every mistake there is.
    ///
    /// - Parameter refusesInactive: whether rules that do not act yet are mistakes too.
    public static func restore(
        _ text: String, _ arguments: RestoreArguments, onto current: Ruleset, refusesInactive: Bool = false
    ) -> Outcome {
        let file = arguments.file ?? "-"
        let restoration = Ruleset.restoration(text, file: file, onto: current, options: arguments.options)
        var mistakes = restoration.mistakes
        var refusal = restoration.refusal
        if refusesInactive {
            mistakes += restoration.ruleset.inactive(beside: current, in: SourceText(text, file: file))
            mistakes.sort { $0.location < $1.location }
            if refusal == nil, let first = mistakes.first { refusal = refused(line: first.location.line) }
        }
        let notices = arguments.notices + restoration.notices
        guard let refusal else {
            return Outcome(
                output: restoration.output, errors: notices, ruleset: arguments.isTest ? nil : restoration.ruleset,
                zeroesCounters: restoration.zeroesCounters)
        }
        return Outcome(
            output: restoration.output, errors: notices + refusal.text + mistakes.map { "\($0)\n" }.joined(), exitCode: refusal.exitCode)
    }

    /// What iptables-restore says of rules that the kernel does not take.
    static func refused(line: Int) -> Restoration.Refusal {
        .init(text: "iptables-restore: line \(line) failed\n", exitCode: 1)
    }

    private static let restoreUsage = """
        Usage: iptables-restore [-c] [-v] [-V] [-t] [-h] [-n] [-w secs] [-W usecs] [-T table] [-M command] [file]
        \t   [ --counters ]
        \t   [ --verbose ]
        \t   [ --version]
        \t   [ --test ]
        \t   [ --help ]
        \t   [ --noflush ]
        \t   [ --wait=<seconds>
        \t   [ --table=<TABLE> ]
        \t   [ --modprobe=<command> ]

        """

    /// Whether the words may be a call for help or version, which need no rules: then `command` says what to print.
    public static func standsAlone(_ arguments: [String]) -> Bool {
        arguments.isEmpty
            || arguments.contains { word in
                word == "--version" || word == "--help"
                    || (word.hasPrefix("-") && !word.hasPrefix("--") && word.contains { $0 == "V" || $0 == "h" })
            }
    }

    /// Why a command ends before it did anything.
    public struct Finished: Error, Sendable {
        public var outcome: Outcome

        public init(outcome: Outcome) { self.outcome = outcome }
    }
}

/// Takes options one by one, as getopt_long does with few of them.
private struct ArgumentReader {
    let program: String
    var rest: ArraySlice<String>
    /// Words that are no options.
    private(set) var plain: [String] = []
    private let flags: [Character: String]
    private let values: [Character: String]
    /// Long options with `=VALUE` or, as the short ones of these names, a word of its own that is no option.
    private let optionalValues: Set<String>
    private var cluster: Substring = ""

    init(
        _ program: String, _ arguments: [String], flags: [Character: String], values: [Character: String],
        optionalValues: Set<String>
    ) {
        self.program = program
        rest = arguments[...]
        self.flags = flags
        self.values = values
        self.optionalValues = optionalValues
    }

    /// The next option by its long name, with its value.
    mutating func next() throws(IPTables.Finished) -> (name: String, value: String?)? {
        while true {
            if let letter = cluster.popFirst() { return try short(letter) }
            guard let word = rest.popFirst() else { return nil }
            if word == "--" {
                plain += rest
                rest = []
            } else if word.hasPrefix("--") {
                return try long(word)
            } else if word.hasPrefix("-"), word.utf8.count > 1 {
                cluster = word.dropFirst()
            } else {
                plain.append(word)
            }
        }
    }

    private mutating func short(_ letter: Character) throws(IPTables.Finished) -> (name: String, value: String?) {
        if let name = flags[letter] { return try take(name) }
        guard let name = values[letter] else { throw usage("invalid option -- '\(letter)'") }
        let attached = String(cluster)
        cluster = ""
        guard let value = attached.isEmpty ? rest.popFirst() : attached else {
            throw usage("option requires an argument -- '\(letter)'")
        }
        return (name, value)
    }

    private mutating func long(_ word: String) throws(IPTables.Finished) -> (name: String, value: String?) {
        let parts = word.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let typed = String(parts[0])
        let known = Array(flags.values) + Array(values.values)
        let found = known.contains(typed) ? [typed] : known.filter { $0.hasPrefix(typed) }
        guard let name = found.first, found.count == 1 else { throw usage("unrecognized option '\(word)'") }
        if optionalValues.contains(name), parts.count == 2 { return (name, String(parts[1])) }
        if flags.values.contains(name) {
            guard parts.count == 1 else { throw usage("option '--\(name)' doesn't allow an argument") }
            return try take(name)
        }
        if parts.count == 2 { return (name, String(parts[1])) }
        guard let value = rest.popFirst() else { throw usage("option '--\(name)' requires an argument") }
        return (name, value)
    }

    private mutating func take(_ name: String) throws(IPTables.Finished) -> (name: String, value: String?) {
        if name == "version" { throw IPTables.Finished(outcome: .init(output: "\(program) \(IPTables.version)\n")) }
        guard optionalValues.contains(name), let word = rest.first, !word.hasPrefix("-"), !word.hasPrefix("!") else { return (name, nil) }
        rest.removeFirst()
        return (name, word)
    }

    /// - Throws: the sentence, if there is a value that does not begin with a number.
    func checkNumber(_ value: String?, _ sentence: String) throws(IPTables.Finished) {
        if let value, !CommandParser.beginsWithNumber(value) { throw refused(sentence) }
    }

    /// A mistake in an option's value, in the words iptables-restore has for one on no line of the file.
    func refused(_ sentence: String) -> IPTables.Finished {
        IPTables.Finished(outcome: .init(errors: IPTables.restoreMessage(for: RuleError(sentence), line: 0), exitCode: 2))
    }

    func finished(_ errors: String) -> IPTables.Finished { IPTables.Finished(outcome: .init(errors: errors, exitCode: 1)) }

    private func usage(_ message: String) -> IPTables.Finished {
        let advice = program == "iptables-save" ? "Look at manual page `iptables-save.8'" : "Try `\(program) -h'"
        return finished("\(program): \(message)\n\(advice) for more information.\n")
    }
}
