import Glibc
import Rules
import TestSupport

/// Random calls of iptables, carried out by iptables-legacy in a namespace and by Martlet on a ruleset: output, exit code, messages
/// and the rules afterwards are the same.
public struct CommandTwins {
    /// A call that the two answer differently.
    public struct Difference: CustomStringConvertible {
        public var seed: UInt64
        /// The calls up to this one.
        public var words: [String]
        public var what: String
        public var expected: String
        public var found: String
        /// The rules before.
        public var rules: String

        public var description: String {
            "seed \(seed): iptables \(words.map { $0.isEmpty || $0.contains(" ") ? "\"\($0)\"" : $0 }.joined(separator: " "))\n"
                + "  \(what), iptables-legacy:\n\(expected)\n  Martlet:\n\(found)"
        }
    }

    /// Works with a namespace of its own, on a thread inside it.
    ///
    /// - Throws: `LabError`; without root it says so.
    public static func with<T>(_ work: (CommandTwins) throws -> T) throws -> T {
        // Without a cable nothing is sent there, and no rule counts.
        let name = "martlab-\(getpid())-commands"
        try Program.require(["ip", "netns", "add", name])
        defer { _ = try? Program.run(["ip", "netns", "del", name]) }
        return try inNetworkNamespace(name) { try work(CommandTwins()) }
    }

    private static let emptyTables = TableName.allCases.map { table in
        (["*\(table.rawValue)"] + table.hooks.map { ":\($0.chainName) ACCEPT [0:0]" } + ["COMMIT"]).map { $0 + "\n" }.joined()
    }.joined()

    /// Takes out what is left of calls before: user chains go with the flush.
    static func empty() throws { try Program.require(["iptables-legacy-restore"], input: emptyTables) }

    /// Carries out a row of calls, each on what the ones before left.
    ///
    /// - Returns: the first difference; and how many calls there were.
    public func check(seed: UInt64, calls: Int) throws -> (difference: Difference?, calls: Int) {
        var generator = CommandGenerator(random: SeededRandom(seed: seed))
        try Self.empty()
        var ruleset = try Ruleset.restoring(Self.emptyTables, file: "rules")
        for number in 1...calls {
            let words = generator.next(ruleset)
            let expected = try Program.run(["iptables-legacy"] + words)
            let found = IPTables.run(words, on: ruleset)
            func difference(_ what: String, _ one: String, _ other: String) -> (Difference?, Int) {
                (Difference(seed: seed, words: words, what: what, expected: one, found: other, rules: ruleset.saved(.init(counters: true))), number)
            }
            // Numbers too large are refused, not cut.
            if words.contains("SYNPROXY"), found.errors.contains("out of range (0-255)") || found.errors.contains("out of range (0-65535)") { continue }
            // In a word of several letters iptables blames the word before it.
            let unknown = "iptables v1.8.9 (legacy): unknown option"
            if expected.errors.hasPrefix(unknown), found.errors.hasPrefix(unknown) { continue }
            if found.exitCode != expected.status {
                return difference("exit code", "\(expected.status) \(expected.errors)", "\(found.exitCode) \(found.errors)")
            }
            if found.output != expected.output { return difference("output", expected.output, found.output) }
            // A sentence of ours may be longer; it begins as iptables' does.
            // What it knows of the kernel's reasons is not much.
            if ["iptables: Invalid argument.", "iptables: Numerical result"].contains(where: expected.errors.hasPrefix) { continue }
            if let sentence = expected.errors.split(separator: "\n").first {
                let start = sentence.hasSuffix(".") ? sentence.dropLast() : sentence
                if !found.errors.hasPrefix(start) { return difference("message", expected.errors, found.errors) }
            } else if !found.errors.isEmpty {
                return difference("message", "", found.errors)
            }
            guard let changed = found.ruleset else { continue }
            let saved = withoutComments(try Program.require(["iptables-legacy-save", "-c"]))
            let ours = withoutComments(changed.saved(.init(counters: true)))
            if saved != ours { return difference("rules", saved, ours) }
            ruleset = changed
        }
        return (nil, calls)
    }

    private func withoutComments(_ text: String) -> String {
        // Tables stand in the order in which they came into use.
        var tables: [String] = []
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            if line.hasPrefix("*") { tables.append("") }
            if !tables.isEmpty { tables[tables.count - 1] += line + "\n" }
        }
        return tables.sorted().joined()
    }
}
