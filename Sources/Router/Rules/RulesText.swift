import Control
import Rules

/// Rules from text, refused as a whole with everything that is wrong with them.
public enum RulesText {
    /// - Parameters:
    ///   - base: the rules that the text changes; empty for a fresh start.
    /// - Throws: every mistake in the text, and every rule in it that this router cannot carry out.
    static func parse(
        _ text: String, file: String, onto base: Ruleset = Ruleset(), options: RestoreOptions = RestoreOptions()
    ) throws(Failure) -> Ruleset {
        let ruleset: Ruleset
        do throws(Diagnostics) {
            ruleset = try Ruleset.restoring(text, file: file, onto: base, options: options)
        } catch {
            throw Failure("", diagnostics: error.list.map(Control.Diagnostic.init))
        }
        let inactive = ruleset.inactive()
        guard inactive.isEmpty else {
            throw Failure(
                "",
                diagnostics: inactive.map { placed in
                    Control.Diagnostic(
                        file: file, line: placed.rule.location.line, column: placed.rule.location.column,
                        message: placed.error.hint.map { "\(placed.error.message); \($0)" } ?? placed.error.message)
                })
        }
        return ruleset
    }

    /// What is wrong with a rules file, for `check` and `rules check`.
    public static func check(_ text: String, file: String) -> [Control.Diagnostic] {
        do throws(Failure) {
            let ruleset = try parse(text, file: file)
            do throws(RuleCompiler.Refusal) {
                _ = try RuleCompiler.compile(ruleset, for: RuleCompiler.Surroundings())
            } catch {
                return [Control.Diagnostic(refusal: error, file: file)]
            }
            return []
        } catch {
            return error.diagnostics
        }
    }

    /// The text of the sets that a configuration names; nil if it names no file.
    static func loadSets(_ configuration: RulesConfiguration) throws(Failure) -> String? {
        guard let file = configuration.sets else { return nil }
        do throws(Control.Diagnostic) { return try TextFile.read(file) } catch {
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
        do throws(Control.Diagnostic) { text = try TextFile.read(file) } catch {
            throw Failure("", diagnostics: [error])
        }
        return try parse(text, file: file)
    }
}

extension Control.Diagnostic {
    init(_ other: Rules.Diagnostic) {
        self.init(
            file: other.file, line: other.location.line, column: other.location.column, message: other.message)
        if let hint = other.hint { message += "; \(hint)" }
        guard !other.sourceLine.isEmpty else { return }
        let caret = String(repeating: " ", count: max(other.location.column - 1, 0))
            + String(repeating: "^", count: other.length)
        message += "\n    \(other.sourceLine)\n    \(caret)"
    }

    init(refusal: RuleCompiler.Refusal, file: String) {
        self.init(
            file: file, line: refusal.rule?.location.line ?? 0, column: refusal.rule?.location.column ?? 0,
            message: refusal.description)
    }
}
