import ArgumentParser
import Control

struct ShowDrops: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "drops", abstract: "Packets dropped, by reason.")

    @Flag(help: "Also reasons that never occurred; --json always has them.")
    var all = false
    @OptionGroup var client: ClientOptions
    @OptionGroup var options: ListOptions

    func run() throws {
        let table = Table([
            ("packets", .right), ("reason", .left), ("meaning", .left),
        ])
        try client.list(.drops, json: options.json, table: table) { reply in
            if case .drop(let row) = reply { row } else { nil }
        } isShown: { row in
            all || row.packets > 0
        } cells: { row in
            ["\(row.packets)", row.reason, row.text]
        }
    }
}
