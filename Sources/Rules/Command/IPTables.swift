/// The iptables command, carried out on a ruleset instead of a kernel.
public enum IPTables {
    /// What a command leads to.
    public struct Outcome: Sendable {
        /// For standard output.
        public var output: String
        /// For standard error.
        public var errors: String
        /// 0 done, 1 other, 2 usage, 3 version, 4 resource.
        public var exitCode: Int32
        /// The rules afterwards; nil if they are as before.
        public var ruleset: Ruleset?
        /// Whether counters were set to zero, so that what is counted meanwhile begins at zero too.
        public var zeroesCounters: Bool

        public init(
            output: String = "", errors: String = "", exitCode: Int32 = 0, ruleset: Ruleset? = nil, zeroesCounters: Bool = false
        ) {
            self.zeroesCounters = zeroesCounters
            self.output = output
            self.errors = errors
            self.exitCode = exitCode
            self.ruleset = ruleset
        }
    }

    /// What `-V` prints and messages begin with.
    public static let version = "v1.8.9 (legacy)"

    /// Carries out one command.
    /// - Parameters:
    ///   - arguments: without the command's own name.
    ///   - ruleset: the rules in force, with current counters.
    public static func run(_ arguments: [String], on ruleset: Ruleset) -> Outcome {
        do throws(Finished) {
            return run(try command(arguments), on: ruleset)
        } catch {
            return error.outcome
        }
    }

    /// Reads a command without carrying it out: whatever takes time, and every mistake that shows without the rules, is done then.
    ///
    /// - Throws: what to print and to exit with instead, `-h` and `-V` included.
    public static func command(_ arguments: [String]) throws(Finished) -> Command {
        let command: Command
        do throws(RuleError) {
            let words = Word.words(of: arguments, after: "iptables")
            // What is saved is lines: iptables takes it, and then its own file does not read back.
            if let broken = words.first(where: { $0.text.utf8.contains(UInt8(ascii: "\n")) }) {
                throw RuleError("no argument may hold a line feed", at: broken)
            }
            command = try CommandParser.parse(words, from: .arguments)
        } catch {
            throw Finished(outcome: outcome(of: error))
        }
        guard command.needsRules else { throw Finished(outcome: run(command, on: Ruleset())) }
        return command
    }

    /// Carries out a command that was read before.
    public static func run(_ command: Command, on ruleset: Ruleset) -> Outcome {
        let table = ruleset[command.table]
        do throws(RuleError) {
            // What is wrong with the words alone leaves nothing to remark on.
            if command.verb.namesRule { try table.checkTargets(command) }
            var outcome = try carryOut(command, on: ruleset)
            outcome.output += command.remarks(on: table)
            outcome.errors += command.notices + command.warnings(on: table)
            return outcome
        } catch {
            var outcome = outcome(of: error, ruleset: ruleset.loading(command.table))
            outcome.errors = command.notices + outcome.errors
            if error.exitCode == 1, command.verb.changes { outcome.output = command.remarks(on: table) }
            return outcome
        }
    }

    private static func outcome(of error: RuleError, ruleset: Ruleset? = nil) -> Outcome {
        Outcome(output: "", errors: message(for: error), exitCode: error.exitCode, ruleset: ruleset)
    }

    private static func carryOut(_ command: Command, on ruleset: Ruleset) throws(RuleError) -> Outcome {
        var changed = ruleset
        switch command.verb {
        case .version:
            return Outcome(output: "iptables \(version)\n", errors: "", exitCode: 0, ruleset: nil)
        case .help:
            return Outcome(output: Usage.text(about: command.helpAbout), errors: "", exitCode: 0, ruleset: nil)
        case .list(let number):
            let output = try ruleset[command.table].listing(command, number: number)
            try changed.apply(command)
            return Outcome(
                output: output, errors: "", exitCode: 0,
                ruleset: command.alsoZeroes ? changed : ruleset.loading(command.table))
        case .listRules(let number):
            let output = try ruleset[command.table].ruleListing(command, number: number)
            try changed.apply(command)
            return Outcome(
                output: output, errors: "", exitCode: 0,
                ruleset: command.alsoZeroes ? changed : ruleset.loading(command.table))
        case .check:
            try changed.apply(command)
            return Outcome(output: "", errors: "", exitCode: 0, ruleset: ruleset.loading(command.table))
        default:
            try changed.apply(command)
            if let placed = changed[command.table].check().first {
                var error = placed.error
                error.exitCode = 1
                throw error
            }
            return Outcome(output: "", errors: "", exitCode: 0, ruleset: changed)
        }
    }

    /// What iptables-restore ends with because of an error on a line.
    static func restoreMessage(for error: RuleError, line: Int) -> String {
        if let message = error.restoreMessage { return message + "\n" }
        guard error.exitCode == 2 else { return "iptables-restore: line \(line) failed\n" }
        return (error.warning ?? "") + (error.isBare ? "" : "iptables-restore \(version): ")
            + "\(error.legacyMessage ?? error.message)\nError occurred at line: \(line)\n"
            + "Try `iptables-restore -h' or 'iptables-restore --help' for more information.\n"
    }

    /// An error as iptables prints it. Its own sentences come first, what we know better follows on the same line.
    static func message(for error: RuleError) -> String {
        let hint = error.hint.map { " (\($0))" } ?? ""
        switch error.exitCode {
        case 1, 4:
            guard let legacy = error.legacyMessage else { return "iptables: \(error.message)\(hint)\n" }
            return "iptables: \(legacy) (\(error))\n"
        case 3:
            return "iptables \(version): \(error.message) (do you need to insmod?)\n"
                + "Perhaps iptables or your kernel needs to be upgraded.\n"
        default:
            let warning = error.warning ?? ""
            if let legacy = error.legacyMessage {
                return warning + "iptables \(version): \(legacy)\n\(error.hint.map { "\($0)\n" } ?? "")"
                    + "Try `iptables -h' or 'iptables --help' for more information.\n"
            }
            return warning + (error.isBare ? "" : "iptables \(version): ") + "\(error.message)\(hint)\n"
                + "Try `iptables -h' or 'iptables --help' for more information.\n"
        }
    }
}

extension Ruleset {
    /// The rules with one more table, empty, if it was not in use yet: asking for a table brings it into use, as in the kernel. nil if
    /// nothing changes.
    fileprivate func loading(_ table: TableName) -> Ruleset? {
        if contains(table) { return nil }
        var result = self
        result[table] = Table(table)
        return result
    }
}

extension Table {
    /// What `-S` prints: the commands that make the table.
    func ruleListing(_ command: Command, number: Int?) throws(RuleError) -> String {
        let selected = try chains(for: command)
        var text = ""
        if number == nil {
            for chain in selected {
                if let policy = chain.policy {
                    let counters = command.isVerbose ? " -c \(chain.counters.packets) \(chain.counters.bytes)" : ""
                    text += "-P \(chain.name) \(policy.rawValue)\(counters)\n"
                } else {
                    text += "-N \(chain.name)\n"
                }
            }
        }
        for chain in selected {
            for (index, rule) in chain.rules.enumerated() where number == nil || number == index + 1 {
                text += "-A \(chain.name)\(rule.specification(withCounters: command.isVerbose))\n"
            }
        }
        return text
    }

    func chains(for command: Command) throws(RuleError) -> [Chain] {
        guard let name = command.chain else { return chains }
        guard let chain = self[chain: name] else {
            throw RuleError(
                "No chain/target/match by that name.", hint: Suggestion.hint(for: name, among: chains.map(\.name)),
                at: command.chainWord, exitCode: 1)
        }
        return [chain]
    }
}
