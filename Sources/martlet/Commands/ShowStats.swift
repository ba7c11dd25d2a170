import ArgumentParser
import Control

struct ShowStats: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats", abstract: "The books: every packet that came, and where it went.")

    @OptionGroup var client: ClientOptions
    @OptionGroup var options: ListOptions

    func run() throws {
        let reply = try client.perform(.stats)
        guard case .stats(let stats) = reply else { throw ClientOptions.unexpected(reply) }
        Output.standard.write(options.json ? try ClientOptions.json(stats) + "\n" : Self.text(stats))
    }

    private static func text(_ stats: Stats) -> String {
        var table = Table([("in", .left), ("packets", .right), ("out", .left), ("packets", .right)])
        let incoming: [(String, UInt64)] = [
            ("received", stats.received), ("from host", stats.fromHost), ("made here", stats.madeHere),
            ("extra fragments", stats.extraFragments),
        ]
        var outgoing: [(String, UInt64)] = [("transmitted", stats.transmitted), ("to host", stats.toHost)]
        for (reason, packets) in stats.dropped.sorted(by: { $0.key < $1.key }) where packets > 0 {
            outgoing.append(("dropped: \(reason)", packets))
        }
        outgoing += [("absorbed by reassembly", stats.absorbed), ("held", stats.held)]
        for row in 0..<max(incoming.count, outgoing.count) {
            let left = row < incoming.count ? incoming[row] : nil
            let right = row < outgoing.count ? outgoing[row] : nil
            table.add([
                left?.0 ?? "", left.map { "\($0.1)" } ?? "", right?.0 ?? "", right.map { "\($0.1)" } ?? "",
            ])
        }
        table.add(["total", "\(stats.incoming)", "total", "\(stats.outgoing)"])
        return table.text + """

            frames      \(stats.framesOwned) owned of \(stats.framesInUmem)
            ring losses \(stats.lostInRings) packets
            generation  \(stats.generation)
            uptime      \(stats.uptime) s
            the books \(stats.isBalanced ? "balance" : "do NOT balance")

            """
    }
}
