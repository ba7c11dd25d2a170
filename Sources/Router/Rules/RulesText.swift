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
        let (ruleset, mistakes) = Ruleset.reading(text, file: file, onto: base, options: options)
        let inactive = allowInactive ? [] : ruleset.inactive(beside: base, in: SourceText(text, file: file))
        guard mistakes.isEmpty, inactive.isEmpty else {
            throw Failure(
                inactive.isEmpty
                    ? ""
                    : "rules that do not act yet are refused unless --allow-inactive is given, or rules.allow-inactive in the configuration",
                diagnostics: (mistakes + inactive).map { Control.Diagnostic($0) }.sorted())
        }
        return ruleset
    }

    /// What there is to say about a rules file, for `check` and `rules check`.
    ///
    /// - Parameters:
    ///   - ports: the router's; nil if they are not known.
    ///   - policies: the timeout policies that rules may name; nil if they are not known.
    public static func check(
        _ text: String, file: String, ports: [String]? = nil, policies: [TimeoutPolicyConfiguration]? = nil,
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
                ? "the loopback stays the kernel's, so rules on lo count nothing" : "interface \"\(name)\" is no port of this router"
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
    public static func checkSets(_ text: String, file: String) -> [Control.Diagnostic] {
        do throws(Failure) {
            _ = try SetStore.prepare(text, file: file, at: 1)
            return []
        } catch {
            return error.diagnostics
        }
    }

    /// The rules that a configuration names; none if it names no file.
    static func load(_ configuration: RulesConfiguration) throws(Failure) -> Ruleset {
        guard let file = configuration.ipv4 else { return Ruleset() }
        let text: String
        do throws(Control.Diagnostic) { text = try TextFile.readRules(file) } catch {
            throw Failure("", diagnostics: [error])
        }
        return try parse(text, file: file, allowInactive: configuration.allowInactive)
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

    init(refusal: RuleCompiler.Refusal, file: String) {
        self.init(
            file: file, line: refusal.rule?.location.line ?? 0, column: refusal.rule?.location.column ?? 0,
            message: refusal.description)
    }

    init(refusal: RuleCompiler.Refusal, source: SourceText) {
        guard let rule = refusal.rule else {
            self.init(refusal: refusal, file: source.file)
            return
        }
        self.init(source.diagnostic(refusal.description, about: rule))
    }
}
