import ArgumentParser
import Control

struct RulesListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the loaded rules as iptables -L does.")

    @Argument(help: "Only this chain.")
    var chain: String?
    @Option(name: [.customShort("t"), .customLong("table")], help: "Only this table.")
    var table: String?
    @Flag(name: .shortAndLong, help: "Counters, interfaces and options too.")
    var verbose = false
    @Flag(name: .shortAndLong, help: "Numbers instead of names.")
    var numeric = false
    @Flag(name: [.customShort("x"), .customLong("exact")], help: "Whole numbers instead of K, M and G.")
    var exact = false
    @Flag(name: .customLong("line-numbers"), help: "Number the rules.")
    var lineNumbers = false
    @OptionGroup var client: ClientOptions
    @OptionGroup var options: ListOptions

    func run() throws {
        let reply = try client.perform(
            .rulesList(
                RulesList(
                    table: table, chain: chain, verbose: verbose, numeric: numeric, exact: exact,
                    lineNumbers: lineNumbers)))
        guard case .rules(let rules) = reply else { throw ClientOptions.unexpected(reply) }
        Output.standard.write(options.json ? try ClientOptions.json(rules) + "\n" : rules.text)
    }
}
