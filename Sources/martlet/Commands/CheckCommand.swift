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
        let diagnostics = ConfigurationCheck.run(path: config) { RulesText.check($0, file: $1) }
        guard diagnostics.isEmpty else { throw Failure("", diagnostics: diagnostics) }
    }
}
