import ArgumentParser
import Control

struct RulesSaveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "save", abstract: "Print the loaded rules as iptables-save does.")

    @Flag(name: [.customShort("c"), .customLong("counters")], help: "With counters.")
    var counters = false
    @Option(name: [.customShort("t"), .customLong("table")], help: "Only this table.")
    var table: String?
    @Option(help: "Write them to this file instead: wholly or not at all, with the mode and owner it has.")
    var file: String?
    @OptionGroup var client: ClientOptions

    func run() throws {
        let reply = try client.perform(.rulesSave(RulesSave(counters: counters, table: table)))
        guard case .rules(let rules) = reply else { throw ClientOptions.unexpected(reply) }
        if let file { return try AtomicFile.write(rules.text, to: file) }
        Output.standard.write(rules.text)
    }
}
