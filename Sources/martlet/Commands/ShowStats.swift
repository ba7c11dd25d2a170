import ArgumentParser
import Control

struct ShowStats: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats", abstract: "The books: every packet that came, and where it went.")

    @OptionGroup var client: ClientOptions
    @OptionGroup var options: ListOptions

    func run() throws {
        let reply = try client.perform(.stats)
        guard case .stats(let stats) = reply else { throw ClientOptions.unexpected(reply) }
        Output.standard.write(options.json ? try ClientOptions.json(stats) + "\n" : stats.text)
    }
}
