import ArgumentParser
import Control

struct FlowsCount: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "count", abstract: "Print how many flows there are.")

    @OptionGroup var client: ClientOptions
    @OptionGroup var options: ListOptions

    @Flag(help: "Count what helpers have announced.")
    var expectations = false

    func run() throws {
        let reply = try client.perform(.flowsCount)
        guard case .flowCount(let count) = reply else { throw ClientOptions.unexpected(reply) }
        Output.standard.line(options.json ? try ClientOptions.json(count) : "\(expectations ? count.expectations : count.count)")
    }
}
