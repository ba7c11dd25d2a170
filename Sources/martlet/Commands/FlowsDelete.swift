import ArgumentParser
import Control

struct FlowsDelete: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "delete", abstract: "Forget the flows named.")

    @OptionGroup var client: ClientOptions
    @OptionGroup var flows: FlowOptions

    func validate() throws {
        if flows.filter.isEmpty { throw ValidationError("delete needs to know which flows; flush forgets all") }
    }

    func run() throws {
        let reply = try client.perform(.flowsDelete(flows.filter))
        guard case .done(let done) = reply else { throw ClientOptions.unexpected(reply) }
        // As conntrack -D has it: to delete what is not there is a failure.
        if done.count == 0 { throw Failure("no such flow") }
        if let count = done.count { Output.error.line("\(count) flows deleted") }
        try Output.error.flush()
    }
}
