import ArgumentParser
import Control
import Router

struct RulesCheck: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Say what is wrong with rules; needs no daemon.")

    @Argument(help: "iptables-save text; \"-\" is standard input.")
    var file: String

    func run() throws {
        let text: String
        do throws(Diagnostic) { text = try TextFile.read(file) } catch { throw Failure("", diagnostics: [error]) }
        let diagnostics = RulesText.check(text, file: file)
        guard diagnostics.isEmpty else { throw Failure("", diagnostics: diagnostics) }
    }
}
