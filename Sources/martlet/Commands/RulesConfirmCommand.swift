import ArgumentParser
import Control

struct RulesConfirmCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "confirm", abstract: "Keep rules that were restored with --confirm.")

    @OptionGroup var client: ClientOptions

    func run() throws {
        guard case .done(let done) = try client.perform(.rulesConfirm) else { throw Failure("the daemon answered something else") }
        if let message = done.message { Output.error.line(message) }
        try Output.error.flush()
    }
}

struct RulesRollbackCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback", abstract: "Bring back the rules from before a restore with --confirm.")

    @OptionGroup var client: ClientOptions

    func run() throws {
        guard case .done(let done) = try client.perform(.rulesRollback) else { throw Failure("the daemon answered something else") }
        if let message = done.message { Output.error.line(message) }
        try Output.error.flush()
    }
}
