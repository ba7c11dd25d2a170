import ArgumentParser
import Control

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Say what is wrong with a configuration and its rules.")

    @Option(help: "The configuration.")
    var config: String

    func run() throws {
        let diagnostics = Engine.check(configurationPath: config)
        guard diagnostics.isEmpty else { throw Failure("", diagnostics: diagnostics) }
    }
}
