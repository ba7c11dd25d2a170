import ArgumentParser

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "run", abstract: "Forward packets, in the foreground.")

    @Option(help: "The configuration.")
    var config: String

    func run() throws { try Engine.run(configurationPath: config) }
}
