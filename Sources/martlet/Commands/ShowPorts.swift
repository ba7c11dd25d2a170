import ArgumentParser
import Control
import Net

struct ShowPorts: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "ports", abstract: "The ports, their mode in force and their rings.")

    @OptionGroup var client: ClientOptions
    @OptionGroup var options: ListOptions

    func run() throws {
        let table = Table([
            ("port", .left), ("mode", .left), ("state", .left), ("mtu", .right), ("addresses", .left), ("rx packets", .right),
            ("rx bytes", .right), ("tx packets", .right), ("tx bytes", .right), ("lost", .right),
            ("fill", .right), ("rx", .right), ("tx", .right), ("completion", .right),
        ])
        try client.list(.ports, json: options.json, table: table) { reply in
            if case .port(let row) = reply { row } else { nil }
        } cells: { row in
            [
                row.name, row.mode, !row.isUp ? "down" : row.isRunning ? "up" : "no carrier", "\(row.mtu)",
                row.addresses.isEmpty ? absent : row.addresses.map(\.description).joined(separator: " "),
                "\(row.received.packets)", "\(row.received.bytes)", "\(row.transmitted.packets)",
                "\(row.transmitted.bytes)", "\(row.lost)", Self.rings(row, \.fill), Self.rings(row, \.receive),
                Self.rings(row, \.transmit), Self.rings(row, \.completion),
            ]
        }
    }

    /// Descriptors in use of the size, of all queues together.
    private static func rings(_ port: PortStatus, _ ring: KeyPath<QueueStatus, RingStatus>) -> String {
        if port.queues.isEmpty { return absent }
        let used = port.queues.reduce(0) { $0 + $1[keyPath: ring].used }
        let size = port.queues.reduce(0) { $0 + $1[keyPath: ring].size }
        return "\(used)/\(size)"
    }
}
