import ArgumentParser
import Control
import Net

struct ShowRecent: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recent",
        abstract: "The lists of -m recent; one of them as its file in /proc/net/xt_recent has it, or a change to it.")

    @Argument(help: "A list; without it all are named.")
    var name: String?
    @Option(help: "Note that this address was seen now (+ADDRESS in /proc).")
    var add: IPv4Address?
    @Option(help: "Take this address off the list (-ADDRESS in /proc).")
    var remove: IPv4Address?
    @Flag(help: "Take all addresses off the list (/ in /proc).")
    var flush = false
    @OptionGroup var client: ClientOptions
    @OptionGroup var options: ListOptions

    private var changes: Int { (add == nil ? 0 : 1) + (remove == nil ? 0 : 1) + (flush ? 1 : 0) }

    func validate() throws {
        if changes > 1 { throw ValidationError("--add, --remove and --flush exclude each other") }
        if changes == 1, name == nil { throw ValidationError("a change needs the list's name") }
    }

    func run() throws {
        guard let name else { return try lists() }
        if let add { return try change(RecentEdit(list: name, action: .add, address: add)) }
        if let remove { return try change(RecentEdit(list: name, action: .remove, address: remove)) }
        if flush { return try change(RecentEdit(list: name, action: .flush)) }
        let request = Request.recentEntries(name)
        if options.json {
            return try client.listJSON(request) { if case .recentEntry(let row) = $0 { row } else { nil } }
        }
        let end = try client.perform(request) { reply in
            guard case .recentEntry(let row) = reply else { throw ClientOptions.unexpected(reply) }
            Output.standard.line(row.procText)
        }
        guard case .end = end else { throw ClientOptions.unexpected(end) }
    }

    private func lists() throws {
        let table = Table([
            ("list", .left), ("addresses", .right), ("of", .right), ("times each", .right), ("mask", .left),
        ])
        try client.list(.recentLists, json: options.json, table: table) { reply in
            if case .recentList(let row) = reply { row } else { nil }
        } cells: { row in
            [row.name, "\(row.count)", "\(row.max)", "\(row.stamps)", "\(row.mask)"]
        }
    }

    private func change(_ edit: RecentEdit) throws {
        let reply = try client.perform(.recentEdit(edit))
        guard case .done(let done) = reply else { throw ClientOptions.unexpected(reply) }
        if options.json { return Output.standard.line(try ClientOptions.json(done)) }
        // As in /proc, what is off the list already is no failure.
        if done.count == 0, let address = edit.address {
            Output.error.line("\(address) was not on the list")
            try Output.error.flush()
        }
    }
}
