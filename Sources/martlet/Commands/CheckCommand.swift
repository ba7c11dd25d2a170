import ArgumentParser
import Control
import Router

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Say what is wrong with a configuration and its rules.")

    @Option(help: "The configuration.")
    var config: String

    func run() throws {
        try ConfigurationCheck.run(path: config).report()
    }
}

extension RulesText.Findings {
    /// Prints the warnings.
    ///
    /// - Throws: the mistakes, if there are any.
    func report() throws {
        for warning in warnings { Output.error.line(warning.description) }
        try Output.error.flush()
        guard errors.isEmpty else { throw Failure("", diagnostics: errors) }
    }
}
