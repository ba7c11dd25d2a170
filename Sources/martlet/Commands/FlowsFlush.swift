import ArgumentParser
import Control

struct FlowsFlush: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "flush", abstract: "Forget all flows.")

    @OptionGroup var client: ClientOptions

    func run() throws {
        let reply = try client.perform(.flowsFlush)
        guard case .done(let done) = reply else { throw ClientOptions.unexpected(reply) }
        if let count = done.count { Output.error.line("\(count) flows flushed") }
        try Output.error.flush()
    }
}
