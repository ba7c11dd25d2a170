import ArgumentParser
import Control

/// Only for the help: `ProgramName` has taken these words before.
struct IPTablesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "iptables", abstract: "The iptables command, against the running router.",
        discussion: "Also iptables-save and iptables-restore; and by links of these names, with or without -legacy.")

    @Argument(parsing: .captureForPassthrough, help: "As iptables takes them; --socket PATH may stand first.")
    var arguments: [String] = []

    func run() throws {
        throw ExitCode(IPTablesClient(.iptables).run(arguments))
    }
}
