import ArgumentParser
import Control

struct ShowHashlimit: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hashlimit",
        abstract: "The tables of -m hashlimit; one of them as its file in /proc/net/ipt_hashlimit has it.")

    @Argument(help: "A table; without it all are named.")
    var name: String?
    @OptionGroup var client: ClientOptions
    @OptionGroup var options: ListOptions

    func run() throws {
        guard let name else { return try tables() }
        let request = Request.hashlimitEntries(name)
        if options.json {
            return try client.listJSON(request) { if case .hashlimitEntry(let row) = $0 { row } else { nil } }
        }
        let end = try client.perform(request) { reply in
            guard case .hashlimitEntry(let row) = reply else { throw ClientOptions.unexpected(reply) }
            Output.standard.line(row.procText)
        }
        guard case .end = end else { throw ClientOptions.unexpected(end) }
    }

    private func tables() throws {
        let table = Table([("table", .left), ("entries", .right), ("of", .right), ("buckets", .right)])
        try client.list(.hashlimitTables, json: options.json, table: table) { reply in
            if case .hashlimitTable(let row) = reply { row } else { nil }
        } cells: { row in
            [row.name, "\(row.count)", "\(row.max)", "\(row.buckets)"]
        }
    }
}
