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
    }
}
