import ArgumentParser
import Control
import Net

struct ShowRoutes: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "routes", abstract: "Routes, as the kernel gave them.")

    @OptionGroup var client: ClientOptions
    @OptionGroup var options: ListOptions

    func run() throws {
        let table = Table([
            ("table", .left), ("destination", .left), ("type", .left), ("via", .left), ("source", .left),
            ("metric", .right),
        ])
        try client.list(.routes, json: options.json, table: table) { reply in
            if case .route(let row) = reply { row } else { nil }
        } cells: { row in
            [
                row.table, "\(row.prefix)", row.kind, row.hops.map { Self.text($0, isForwarding: row.kind == "unicast") }.joined(separator: ", "),
                row.preferredSource?.description ?? absent, "\(row.metric)",
            ]
        }
    }

    /// A way out; of several, each with its weight.
    private static func text(_ hop: RouteHopRow, isForwarding: Bool) -> String {
        var text = hop.gateway.map { "\($0) " } ?? ""
        text += hop.link
        if hop.weight != 1 { text += " weight \(hop.weight)" }
        if hop.isDead { text += " (down)" }
        if !hop.isPort, isForwarding { text += " (no port)" }
        return text
    }
}
