import ArgumentParser

struct FlowsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flows",
        abstract: "List, count and remove tracked connections, and follow them.",
        subcommands: [FlowsList.self, FlowsCount.self, FlowsFlush.self, FlowsDelete.self, FlowsEvents.self])
}
