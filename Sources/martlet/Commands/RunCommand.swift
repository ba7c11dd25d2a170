import ArgumentParser
import Control
import Logging
import Router

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "run", abstract: "Forward packets, in the foreground.")

    @Option(help: "The configuration.")
    var config: String

    func run() throws {
        let log = Logger(label: "martlet", factory: { _ in ErrorLog() })
        do {
            try RouterDaemon.run(configurationPath: config, log: log)
        } catch let failure as Failure {
            throw failure
        } catch {
            // What the kernel refused, in the words of the module that asked.
            throw Failure("\(error)")
        }
    }
}
