import Control

/// What `martlet check` does: finds everything that is wrong with a configuration without touching the machine.
public enum ConfigurationCheck {
    /// - Parameters:
    ///   - path: the configuration.
    ///   - rules: checks the text of a rules file and says what is wrong with it.
    /// - Returns: every mistake in the configuration, or if there is none, every mistake in the files it names.
    public static func run(path: String, rules: (_ text: String, _ file: String) -> [Diagnostic]) -> [Diagnostic] {
        let configuration: Configuration
        do throws(ConfigurationError) {
            configuration = try Configuration.load(path)
        } catch {
            return error.diagnostics
        }
        var diagnostics: [Diagnostic] = []
        if let sets = configuration.rules.sets {
            do throws(Diagnostic) {
                diagnostics += RulesText.checkSets(try TextFile.read(sets), file: sets)
            } catch {
                diagnostics.append(error)
            }
        }
        if let file = configuration.rules.ipv4 {
            do throws(Diagnostic) {
                diagnostics += rules(try TextFile.read(file), file)
            } catch {
                diagnostics.append(error)
            }
        }
        return diagnostics
    }
}
