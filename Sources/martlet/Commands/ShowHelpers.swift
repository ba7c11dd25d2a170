import ArgumentParser
import Control

struct ShowHelpers: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "helpers", abstract: "Helpers: their ports, flows, and what they may announce.")

    @OptionGroup var client: ClientOptions
    @OptionGroup var options: ListOptions

    func run() throws {
        try client.list(
            .helpers, json: options.json,
            table: Table([
                ("helper", .left), ("protocol", .left), ("ports", .left), ("flows", .right), ("expectations", .right),
                ("limit", .right), ("timeout", .right),
            ]),
            row: { reply -> HelperRow? in if case .helper(let row) = reply { row } else { nil } },
            cells: { row in
                [
                    row.name, "\(row.protocol)",
                    row.ports.isEmpty ? absent : row.ports.map { "\($0)" }.joined(separator: ","), "\(row.flows)",
                    "\(row.expectations)", "\(row.limit)", "\(row.timeout)",
                ]
            })
    }
}
