import Control

/// What `martlet check` does: finds everything that is wrong with a configuration without touching the machine.
public enum ConfigurationCheck {
    /// - Returns: every mistake in the configuration, or if there is none, every mistake in the files it names; and what is no mistake
    ///   but should be known.
    public static func run(path: String) -> RulesText.Findings {
        var findings = RulesText.Findings()
        let configuration: Configuration
        do throws(ConfigurationError) {
            configuration = try Configuration.load(path)
        } catch {
            findings.errors = error.diagnostics
            return findings
        }
        if let sets = configuration.rules.sets {
            do throws(Diagnostic) {
                findings.errors += RulesText.checkSets(try TextFile.readRules(sets), file: sets)
            } catch {
                findings.errors.append(error)
            }
        }
        if let file = configuration.rules.ipv4 {
            do throws(Diagnostic) {
                let rules = RulesText.check(
                    try TextFile.readRules(file), file: file, ports: configuration.ports.map(\.name),
                    policies: configuration.conntrack.policies,
                    allowInactive: configuration.rules.allowInactive)
                findings.errors += rules.errors
                findings.warnings += rules.warnings
            } catch {
                findings.errors.append(error)
            }
        }
        return findings
    }
}
