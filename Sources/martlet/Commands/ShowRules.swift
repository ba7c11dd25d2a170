import ArgumentParser
import Control

struct ShowRules: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "rules", abstract: "The loaded rules in figures.")

    @OptionGroup var client: ClientOptions
    @OptionGroup var options: ListOptions

    func run() throws {
        let reply = try client.perform(.rulesSummary)
        guard case .rulesSummary(let summary) = reply else { throw ClientOptions.unexpected(reply) }
        if options.json { return Output.standard.line(try ClientOptions.json(summary)) }
        var table = Table([("table", .left), ("chains", .right), ("rules", .right)])
        for row in summary.tables { table.add([row.name, "\(row.chains)", "\(row.rules)"]) }
        Output.standard.write(table.take())
        let changed = summary.isModified ? ", changed since it was read" : ""
        Output.standard.line("\nfrom \(summary.file ?? "no file")\(changed); generation \(summary.generation)")
        if summary.isModified { Output.standard.line("a reload undoes the changes; `martlet rules save --file FILE` makes them last") }
        if let inactive = summary.inactive, inactive > 0 { Output.standard.line("\(inactive) of them do not act yet") }
        if let seconds = summary.secondsToConfirm {
            Output.standard.line("on trial: gone in \(seconds) s, unless `martlet rules confirm` comes first")
        }
    }
}
