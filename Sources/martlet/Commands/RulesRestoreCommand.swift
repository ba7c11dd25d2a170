import ArgumentParser
import Control
import Router

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
    @Flag(help: "Say what is wrong with the rules and change nothing.")
    var test = false
    @Flag(name: .customLong("allow-inactive"), help: "Take rules that do not act yet.")
    var allowInactive = false
    @Option(help: "Bring the rules from before back unless `martlet rules confirm` follows within so many seconds.")
    var confirm: Int?
    @OptionGroup var client: ClientOptions

    func validate() throws {
        if let confirm, !(1...RulesRestore.longestTrial).contains(confirm) {
            throw ValidationError("--confirm takes 1 to \(RulesRestore.longestTrial) seconds")
        }
        if confirm != nil, test { throw ValidationError("--test changes nothing that --confirm could bring back") }
    }

    func run() throws {
        let text: String
        do throws(Diagnostic) { text = try TextFile.readRules(file) } catch { throw Failure("", diagnostics: [error]) }
        var restore = RulesRestore(
            file: file, text: text, counters: counters, noflush: noflush, table: table, test: test ? true : nil,
            allowInactive: allowInactive ? true : nil, confirm: confirm)
        var reply = try client.perform(.rulesRestore(restore))
        while case .hostsWanted(let wanted) = reply {
            // Names of hosts mean what they mean here.
            restore.hosts = try HostAnswer.resolve(wanted, beside: restore.hosts)
            reply = try client.perform(.rulesRestore(restore))
        }
        guard case .done(let done) = reply else { throw ClientOptions.unexpected(reply) }
        if let message = done.message { Output.error.line(message) }
        if let confirm { Output.error.line("`martlet rules confirm` keeps these rules; in \(confirm) s those from before come back") }
        try Output.error.flush()
    }
}
