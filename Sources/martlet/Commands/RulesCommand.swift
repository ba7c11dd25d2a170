import ArgumentParser

struct RulesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rules",
        abstract: "Check, load, save and list rules, as iptables-save writes them.",
        subcommands: [
            RulesCheck.self, RulesRestoreCommand.self, RulesConfirmCommand.self, RulesRollbackCommand.self,
            RulesSaveCommand.self, RulesListCommand.self,
        ])
}
