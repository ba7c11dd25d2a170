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
    }

    /// - Throws: what to print and to exit with instead of restoring, `-h` and `-V` included.
    public static func restoreArguments(_ arguments: [String]) throws(Finished) -> RestoreArguments {
        var result = RestoreArguments()
        var reader = ArgumentReader(
            "iptables-restore", arguments,
            flags: ["c": "counters", "n": "noflush", "t": "test", "v": "verbose", "h": "help", "V": "version"],
            values: ["T": "table", "M": "modprobe"], optionalValues: ["w": "wait", "W": "wait-interval"])
        while let (name, value) = try reader.next() {
            switch name {
            case "counters": result.options.counters = true
            case "noflush": result.options.noFlush = true
            case "test": result.isTest = true
            case "wait-interval": result.notices += "Ignoring deprecated --wait-interval option.\n"
            case "table": result.options.table = try reader.table(value)
            case "":
                guard result.file == nil else { throw reader.usage("Unknown arguments found on commandline") }
                result.file = value
            default: break
            }
        }
        return result
    }

    /// - Throws: what to print and to exit with instead of saving.
    public static func saveArguments(_ arguments: [String]) throws(Finished) -> SaveArguments {
        var result = SaveArguments()
        var reader = ArgumentReader(
            "iptables-save", arguments, flags: ["c": "counters", "h": "help", "V": "version"],
            values: ["t": "table", "M": "modprobe", "f": "file"], optionalValues: [:])
        while let (name, value) = try reader.next() {
            switch name {
            case "counters": result.counters = true
            case "table": result.table = try reader.table(value)
            case "file": result.file = value
            case "": throw reader.usage("Unknown arguments found on commandline")
            default: break
            }
        }
        return result
    }

    /// Restores a text. The errors of the outcome are all there are in it, the first in iptables-restore's words.
    ///
    /// - Parameter refusesInactive: whether rules that do not act yet are mistakes too.
    public static func restore(
        _ text: String, _ arguments: RestoreArguments, onto current: Ruleset, refusesInactive: Bool = false
    ) -> Outcome {
        let file = arguments.file ?? "-"
        var (ruleset, mistakes) = Ruleset.reading(text, file: file, onto: current, options: arguments.options)
        if refusesInactive {
            mistakes += ruleset.inactive(beside: current, in: SourceText(text, file: file))
            mistakes.sort { $0.location < $1.location }
        }
        guard let first = mistakes.first else {
            return Outcome(errors: arguments.notices, ruleset: arguments.isTest ? nil : ruleset)
        }
        let errors =
            "iptables-restore \(version): \(first.message)\nError occurred at line: \(first.location.line)\n"
            + mistakes.map { "\($0)\n" }.joined()
        return Outcome(errors: arguments.notices + errors, exitCode: 2)
    }

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
    let flags: [Character: String]
    let values: [Character: String]
    let optionalValues: [Character: String]
    private var cluster: Substring = ""

    init(
        _ program: String, _ arguments: [String], flags: [Character: String], values: [Character: String],
        optionalValues: [Character: String]
    ) {
        self.program = program
        rest = arguments[...]
        self.flags = flags
        self.values = values
        self.optionalValues = optionalValues
    }

    /// The next option by its long name, with its value; an argument that is no option has no name.
    mutating func next() throws(IPTables.Finished) -> (name: String, value: String)? {
        if let letter = cluster.popFirst() { return try short(letter) }
        guard let word = rest.popFirst() else { return nil }
        if word.hasPrefix("--"), word.count > 2 { return try long(word) }
        if word.hasPrefix("-"), word.count > 1, word != "--" {
            cluster = word.dropFirst()
            return try next()
        }
        return ("", word)
    }

    private mutating func short(_ letter: Character) throws(IPTables.Finished) -> (name: String, value: String) {
        let attached = String(cluster)
        if let name = flags[letter] { return try take(name) }
        if let name = values[letter] {
            cluster = ""
            guard let value = attached.isEmpty ? rest.popFirst() : attached else {
                throw usage("option requires an argument -- '\(letter)'")
            }
            return (name, value)
        }
        if let name = optionalValues[letter] {
            cluster = ""
            return (name, attached.isEmpty ? takeNumber() : attached)
        }
        throw usage("invalid option -- '\(letter)'")
    }

    private mutating func long(_ word: String) throws(IPTables.Finished) -> (name: String, value: String) {
        let parts = word.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let typed = String(parts[0])
        let known = Array(flags.values) + Array(values.values) + Array(optionalValues.values)
        let found = known.contains(typed) ? [typed] : known.filter { $0.hasPrefix(typed) }
        guard found.count == 1 else { throw usage("unrecognized option '\(word)'") }
        let name = found[0]
        if flags.values.contains(name) { return try take(name) }
        if parts.count == 2 { return (name, String(parts[1])) }
        if optionalValues.values.contains(name) { return (name, takeNumber()) }
        guard let value = rest.popFirst() else { throw usage("option '--\(name)' requires an argument") }
        return (name, value)
    }

    private func take(_ name: String) throws(IPTables.Finished) -> (name: String, value: String) {
        switch name {
        case "version":
            throw IPTables.Finished(
                outcome: .init(output: "\(program) \(IPTables.version)\n", errors: "", exitCode: 0, ruleset: nil))
        case "help":
            throw IPTables.Finished(outcome: .init(output: help, errors: "", exitCode: 0, ruleset: nil))
        default: return (name, "")
        }
    }

    /// `-w 5` waits five seconds, `-w FILE` does not.
    private mutating func takeNumber() -> String {
        guard let word = rest.first, Number.parse(word, in: 0...0x7FFF_FFFF) != nil else { return "" }
        rest.removeFirst()
        return word
    }

    func table(_ name: String) throws(IPTables.Finished) -> TableName {
        guard let table = TableName(rawValue: name) else {
            throw IPTables.Finished(
                outcome: .init(
                    output: "",
                    errors: "\(program) \(IPTables.version): can't initialize table `\(name)': Table does not exist\n",
                    exitCode: 3, ruleset: nil))
        }
        return table
    }

    func usage(_ message: String) -> IPTables.Finished {
        IPTables.Finished(
            outcome: .init(
                output: "",
                errors: "\(program): \(message)\nTry `\(program) -h' for more information.\n", exitCode: 2, ruleset: nil
            ))
    }

    private var help: String {
        let options =
            flags.map { "  -\($0.key) --\($0.value)" } + values.map { "  -\($0.key) --\($0.value) VALUE" }
            + optionalValues.map { "  -\($0.key) --\($0.value) [SECONDS]" }
        return "Usage: \(program) [options]\(program.hasSuffix("restore") ? " [file]" : "")\n"
            + options.sorted().joined(separator: "\n") + "\n"
    }
}
