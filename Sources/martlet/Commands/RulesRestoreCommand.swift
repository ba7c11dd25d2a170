import ArgumentParser
import Control

struct RulesRestoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Load rules, all of them or none.")

    @Argument(help: "iptables-save text; \"-\" is standard input.")
    var file = "-"
    @Flag(name: [.customShort("c"), .customLong("counters")], help: "Take the counters over.")
    var counters = false
    @Flag(name: [.customShort("n"), .customLong("noflush")], help: "Add to what the tables hold.")
    var noflush = false
    @Option(name: [.customShort("T"), .customLong("table")], help: "Only this table.")
    var table: String?
    @OptionGroup var client: ClientOptions

    func run() throws {
        let text: String
        do throws(Diagnostic) { text = try TextFile.read(file) } catch { throw Failure("", diagnostics: [error]) }
        let reply = try client.perform(
            .rulesRestore(
                RulesRestore(file: file, text: text, counters: counters, noflush: noflush, table: table)))
        guard case .done(let done) = reply else { throw ClientOptions.unexpected(reply) }
        if let message = done.message { Output.error.line(message) }
        try Output.error.flush()
    }
}
