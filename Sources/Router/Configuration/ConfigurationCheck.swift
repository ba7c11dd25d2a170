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
        for port in configuration.ports where port.io == .afPacket {
            findings.errors.append(
                Diagnostic(file: path, message: "port \(port.name): io af_packet is not built yet; use auto, zero-copy or copy"))
        }
        // A start without a file of sets is one without sets.
        var sets: [String]? = []
        if let file = configuration.rules.sets {
            do throws(Diagnostic) {
                let found = RulesText.checkSets(try TextFile.readRules(file), file: file)
                findings.errors += found.errors
                sets = found.names
            } catch {
                findings.errors.append(error)
                sets = nil
            }
        }
        if let file = configuration.rules.ipv4 {
            do throws(Diagnostic) {
                let rules = RulesText.check(
                    try TextFile.readRules(file), file: file, ports: configuration.ports.map(\.name),
                    policies: configuration.conntrack.policies, sets: sets,
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
