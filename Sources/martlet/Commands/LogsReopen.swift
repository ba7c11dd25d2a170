import ArgumentParser
import Control

struct LogsReopen: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reopen", abstract: "Open the files anew, after they were moved away; rules stay as they are.",
        discussion: "For logrotate's postrotate; SIGUSR1 does the same. SIGHUP reads the rules again, too.")

    @OptionGroup var client: ClientOptions

    func run() throws {
        let reply = try client.perform(.logsReopen)
        guard case .done = reply else { throw ClientOptions.unexpected(reply) }
    }
}
