import Control
import Logging
import Router

/// The entry points of the router that commands call without a daemon.
enum Engine {
    /// Forwards until it is told to end.
    static func run(configurationPath: String) throws {
        let log = Logger(label: "martlet", factory: { StreamLogHandler.standardError(label: $0) })
        do {
            try RouterDaemon.run(configurationPath: configurationPath, log: log)
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure("\(error)")
        }
    }

    /// What is wrong with a configuration and the files it names.
    static func check(configurationPath: String) -> [Diagnostic] {
        ConfigurationCheck.run(path: configurationPath, rules: checkRules)
    }

    /// What is wrong with iptables-save text.
    static func checkRules(text: String, file: String) -> [Diagnostic] { RulesText.check(text, file: file) }

    /// Puts captures through the data plane and writes what each port sends to `folder`.
    static func replay(configurationPath: String, inputs: [(port: String, file: String)], folder: String) throws {
        throw Failure("replay is not built")
    }
}
