import ArgumentParser

struct LogsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "The files that LOG, AUDIT and NFLOG fill.", subcommands: [LogsReopen.self])
}
