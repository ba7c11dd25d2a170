import ArgumentParser
import Control

struct ShowVersion: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "version", abstract: "The daemon's version.")

    @OptionGroup var client: ClientOptions
    @OptionGroup var options: ListOptions

    func run() throws {
        let reply = try client.perform(.version)
        guard case .version(let version) = reply else { throw ClientOptions.unexpected(reply) }
        if options.json { return Output.standard.line(try ClientOptions.json(version)) }
        Output.standard.line("martlet \(version.version), kernel \(version.kernel), pid \(version.pid)")
        Output.standard.line("configuration \(version.configuration)")
    }
}
