import ArgumentParser
import Control
import Router

struct RulesCheck: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Say what is wrong with rules; needs no daemon.")

    @Argument(help: "iptables-save text; \"-\" is standard input.")
    var file: String

    @Flag(name: .customLong("allow-inactive"), help: "Only warn of rules that do not act yet.")
    var allowInactive = false

    func run() throws {
        let text: String
        do throws(Diagnostic) { text = try TextFile.readRules(file) } catch { throw Failure("", diagnostics: [error]) }
        try RulesText.check(text, file: file, allowInactive: allowInactive).report()
    }
}
