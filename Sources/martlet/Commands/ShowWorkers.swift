import ArgumentParser
import Control

struct ShowWorkers: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "workers", abstract: "The worker threads.")

    @OptionGroup var client: ClientOptions
    @OptionGroup var options: ListOptions

    func run() throws {
        let table = Table([
            ("worker", .right), ("cpu", .right), ("poll", .left), ("busy", .right), ("bursts", .right),
            ("packets", .right), ("wakeups", .right), ("kicks", .right), ("held", .right),
            ("free", .right), ("effects lost", .right),
        ])
        try client.list(.workers, json: options.json, table: table) { reply in
            if case .worker(let row) = reply { row } else { nil }
        } cells: { row in
            [
                "\(row.id)", row.cpu.map(String.init) ?? absent, row.poll,
                "\(Int((min(max(row.busyShare, 0), 1) * 100).rounded()))%", "\(row.bursts)", "\(row.packets)",
                "\(row.wakeups)", "\(row.kicks)", "\(row.framesHeld)", "\(row.framesFree)",
                "\(row.effectsLost)",
            ]
        }
    }
}
