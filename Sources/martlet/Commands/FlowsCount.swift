import ArgumentParser
import Control

struct FlowsCount: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "count", abstract: "Print how many flows there are.")

    @OptionGroup var client: ClientOptions
    @OptionGroup var options: ListOptions

    func run() throws {
        let reply = try client.perform(.flowsCount)
        guard case .flowCount(let count) = reply else { throw ClientOptions.unexpected(reply) }
        Output.standard.line(options.json ? try ClientOptions.json(count) : "\(count.count)")
    }
}
