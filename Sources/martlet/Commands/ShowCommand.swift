import ArgumentParser

struct ShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show what the running router is doing.",
        subcommands: [
            ShowPorts.self, ShowWorkers.self, ShowStats.self, ShowDrops.self, ShowRoutes.self, ShowNeighbors.self,
            ShowRules.self, ShowVersion.self,
            ShowRecent.self, ShowHashlimit.self, ShowTimeouts.self, ShowHelpers.self,
        ])
}
