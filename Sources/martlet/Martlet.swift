import ArgumentParser
import Control
import Glibc

@main
struct Martlet: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "martlet", abstract: "A kernel-bypass router, firewall and NAT gateway.",
        version: "martlet \(Version.current)",
        subcommands: [
            RunCommand.self, CheckCommand.self, RulesCommand.self, SetsCommand.self, FlowsCommand.self, ShowCommand.self,
            IPTablesCommand.self, IPSetCommand.self, LogsCommand.self, ReplayCommand.self, SetCommand.self,
        ])

    /// Exit codes: 0 done, 1 refused or failed, 2 usage. The library's own code for usage is 64, so errors are turned
    /// into codes here.
    static func main() {
        if let code = ProgramName.run(ProgramName.commandLine) { Glibc.exit(code) }
        do {
            var command = try parseAsRoot()
            try command.run()
            try Output.standard.flush()
        } catch {
            Glibc.exit(finish(error))
        }
    }

    private static func finish(_ error: any Error) -> Int32 {
        // What was printed before the failure is still true.
        try? Output.standard.flush()
        switch error {
        case let code as ExitCode:
            return code.rawValue
        case let failure as Failure:
            for diagnostic in failure.diagnostics { Output.error.line(diagnostic.description) }
            if !failure.message.isEmpty { Output.error.line("martlet: \(failure.message)") }
            try? Output.error.flush()
            return failure.exitCode
        default:
            let code = exitCode(for: error)
            let text = fullMessage(for: error)
            // Help and version were asked for and are no errors.
            let output = code.isSuccess ? Output.standard : Output.error
            if !text.isEmpty { output.line(text) }
            do { try output.flush() } catch { return 1 }
            if code.isSuccess { return 0 }
            return code == .validationFailure ? 2 : 1
        }
    }
}
