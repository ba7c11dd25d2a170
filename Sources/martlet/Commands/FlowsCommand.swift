import ArgumentParser

struct FlowsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flows",
        abstract: "List, count and remove tracked connections.",
        subcommands: [FlowsList.self, FlowsCount.self, FlowsFlush.self, FlowsDelete.self])
}
