import ArgumentParser
import Control
import Net

struct ShowNeighbors: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "neighbors", abstract: "Neighbours, as the kernel gave them.")

    @OptionGroup var client: ClientOptions
    @OptionGroup var options: ListOptions

    func run() throws {
        let table = Table([
            ("address", .left), ("mac", .left), ("link", .left), ("state", .left),
        ])
        try client.list(.neighbors, json: options.json, table: table) { reply in
            if case .neighbor(let row) = reply { row } else { nil }
        } cells: { row in
            ["\(row.address)", row.mac?.description ?? absent, row.link, row.state]
        }
    }
}
