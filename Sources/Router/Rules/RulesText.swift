import Control
import Rules

/// Rules from text, refused as a whole with everything that is wrong with them.
public enum RulesText {
    /// What there is to say about a text: mistakes, for which it is refused, and what its author should know.
    public struct Findings: Sendable {
        public var errors: [Control.Diagnostic] = []
        public var warnings: [Control.Diagnostic] = []
    }

    /// - Parameters:
    ///   - base: the rules that the text changes; empty for a fresh start.
    ///   - allowInactive: take rules that do not act yet, too.
    /// - Throws: every mistake in the text, and every rule in it that this router cannot carry out.
    static func parse(
        _ text: String, file: String, onto base: Ruleset = Ruleset(), options: RestoreOptions = RestoreOptions(),
        allowInactive: Bool = false
    ) throws(Failure) -> Ruleset {
        try read(text, file: file, onto: base, options: options, allowInactive: allowInactive).ruleset
    }

    /// The same with whether counters were set to zero.
    static func read(
        _ text: String, file: String, onto base: Ruleset, options: RestoreOptions, allowInactive: Bool
    ) throws(Failure) -> (ruleset: Ruleset, zeroesCounters: Bool) {
        let restoration = Ruleset.restoration(text, file: file, onto: base, options: options)
        let (ruleset, mistakes) = (restoration.ruleset, restoration.mistakes)
        let inactive = allowInactive ? [] : ruleset.inactive(beside: base, in: SourceText(text, file: file))
        guard mistakes.isEmpty, inactive.isEmpty else {
            throw Failure(
                inactive.isEmpty
                    ? ""
                    : "rules that do not act yet are refused unless --allow-inactive is given, or rules.allow-inactive in the configuration",
                diagnostics: (mistakes + inactive).map { Control.Diagnostic($0) }.sorted())
        }
        return (ruleset, restoration.zeroesCounters)
    }

    /// What there is to say about a rules file, for `check` and `rules check`.
    ///
    /// - Parameters:
    ///   - ports: the router's; nil if they are not known.
    ///   - policies: the timeout policies that rules may name; nil if they are not known.
    ///   - sets: the names of the sets there will be; nil if they are not known.
    public static func check(
        _ text: String, file: String, ports: [String]? = nil, policies: [TimeoutPolicyConfiguration]? = nil, sets: [String]? = nil,
        allowInactive: Bool = false
    ) -> Findings {
        var findings = Findings()
        let (ruleset, mistakes) = Ruleset.reading(text, file: file)
        let source = SourceText(text, file: file)
        let inactive = ruleset.inactive(beside: Ruleset(), in: source).map { Control.Diagnostic($0) }
        guard mistakes.isEmpty else {
            findings.errors = (mistakes.map { Control.Diagnostic($0) } + (allowInactive ? [] : inactive)).sorted()
            return findings
        }
        if allowInactive {
            findings.warnings += inactive.map { diagnostic in
                var warning = diagnostic
                warning.message = "warning: \(diagnostic.message)"
                return warning
            }
        } else {
            findings.errors += inactive
        }
        findings.errors += RuleCompiler.refusals(
            of: ruleset,
            for: RuleCompiler.Surroundings(
                portNames: ports ?? [], allowsInactive: true,
                setSlots: sets.map { Dictionary($0.map { ($0, 0) }) { first, _ in first } },
                policies: policies.map {
                    var numbers = TimeoutPolicyNumbers()
                    numbers.adopt($0)
                    return numbers.entries
                })
        ).map { Control.Diagnostic(refusal: $0, source: source) }
        if let ports { findings.warnings += warnings(ruleset, ports: ports, source: source) }
        findings.errors.sort()
        findings.warnings.sort()
        return findings
    }

    /// Rules that can never match because of the interfaces they name: one warning for each interface, at the first rule.
    private static func warnings(_ ruleset: Ruleset, ports: [String], source: SourceText) -> [Control.Diagnostic] {
        var first: [String: Rule] = [:]
        var counts: [String: Int] = [:]
        for rule in ruleset.tables.flatMap(\.chains).flatMap(\.rules) {
            for name in rule.interfacesBeside(ports) {
                counts[name, default: 0] += 1
                if let known = first[name], known.location <= rule.location { continue }
                first[name] = rule
            }
        }
        return first.map { name, rule in
            let others = (counts[name] ?? 1) - 1
            let more = others == 0 ? "" : ", and \(others) more \(others == 1 ? "rule names" : "rules name") it"
            let message =
                name == "lo"
                ? "the loopback stays the kernel's, so rules on lo count only what NAT turns back to the host" : "interface \"\(name)\" is no port of this router"
            return Control.Diagnostic(source.diagnostic("warning: \(message)\(more)", about: rule, subject: name))
        }
    }

    /// The text of the sets that a configuration names; nil if it names no file.
    static func loadSets(_ configuration: RulesConfiguration) throws(Failure) -> String? {
        guard let file = configuration.sets else { return nil }
        do throws(Control.Diagnostic) { return try TextFile.readRules(file) } catch {
            throw Failure("", diagnostics: [error])
        }
    }

    /// What is wrong with an ipset save text, for `check`.
    ///
    /// - Returns: also the names of its sets; nil if something is wrong.
    public static func checkSets(_ text: String, file: String) -> (errors: [Control.Diagnostic], names: [String]?) {
        do throws(Failure) {
            return ([], Array(try SetStore.prepare(text, file: file, at: 1).book.slotsByName.keys))
        } catch {
            return (error.diagnostics, nil)
        }
    }

    /// The rules that a configuration names; none if it names no file.
    ///
    /// - Returns: with the text they were read from, to point into.
    static func load(_ configuration: RulesConfiguration) throws(Failure) -> (ruleset: Ruleset, source: SourceText) {
        guard let file = configuration.ipv4 else { return (Ruleset(), SourceText("", file: "rules")) }
        let text: String
        do throws(Control.Diagnostic) { text = try TextFile.readRules(file) } catch {
            throw Failure("", diagnostics: [error])
        }
        return (try parse(text, file: file, allowInactive: configuration.allowInactive), SourceText(text, file: file))
    }
}

extension Control.Diagnostic {
    init(_ other: Rules.Diagnostic) {
        self.init(
            file: other.file, line: other.location.line, column: other.location.column, message: other.message)
        if let hint = other.hint { message += "; \(hint)" }
        guard !other.sourceLine.isEmpty else { return }
        // Tabs stay tabs, so that the caret stands right.
        let margin = String(other.sourceLine.prefix(max(other.location.column - 1, 0)).map { $0 == "\t" ? "\t" : " " })
        message += "\n    \(other.sourceLine)\n    \(margin)" + String(repeating: "^", count: other.length)
    }

    init(refusal: RuleCompiler.Refusal, source: SourceText) {
        guard let rule = refusal.rule, rule.location.line > 0 else {
            self.init(file: source.file, message: refusal.description)
            return
        }
        self.init(source.diagnostic(refusal.description, about: rule))
    }
}

extension RuleCompiler.Refusal {
    /// Everything that is refused of the rules of a text, each with its place.
    func failure(in source: SourceText) -> Failure {
        Failure("", diagnostics: ([self] + others).map { Control.Diagnostic(refusal: $0, source: source) }.sorted())
    }
}
