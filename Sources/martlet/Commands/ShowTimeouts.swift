import ArgumentParser
import Control

struct ShowTimeouts: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "timeouts", abstract: "Timeouts and settings of connection tracking, by netfilter's names, and timeout policies.")

    @OptionGroup var client: ClientOptions
    @OptionGroup var options: ListOptions

    func run() throws {
        let table = Table([
            ("setting", .left), ("value", .right), ("kernel's", .right), ("", .left),
        ])
        try client.list(.settings, json: options.json, table: table) { reply in
            if case .setting(let row) = reply { row } else { nil }
        } cells: { row in
            let name = row.policy.map { "policy \($0): \(row.layer4 ?? "") \(row.name)" } ?? row.name
            return [
                name, "\(row.value)\(row.isTimeout ? " s" : "")", row.usual.map { "\($0)\(row.isTimeout ? " s" : "")" } ?? absent,
                row.isSet ? "set, until the next reload" : "",
            ]
        }
    }
}
