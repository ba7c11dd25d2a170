import ArgumentParser
import Control
import Glibc

/// What every command that speaks to the daemon takes.
struct ClientOptions: ParsableArguments {
    @Option(help: "The daemon's control socket; MARTLET_SOCKET names it too.")
    var socket: String?

    /// The option first, then the environment, then the default.
    var path: String { Self.path(socket) }

    static func path(_ socket: String?) -> String {
        if let socket { return socket }
        if let value = unsafe getenv("MARTLET_SOCKET") {
            let text = unsafe String(cString: value)
            if !text.isEmpty { return text }
        }
        return ControlClient.defaultPath
    }

    /// Sends a request and returns the reply that is not a row.
    func perform(_ request: Request, row: (Reply) throws -> Void = { _ in }) throws -> Reply {
        var client = try ControlClient(path: path)
        return try client.perform(request, row: row)
    }

    /// A daemon of another version may answer what was not asked.
    static func unexpected(_ reply: Reply) -> Failure { Failure("the daemon answered something else: \(reply)") }
}

/// What lists and shows take besides.
struct ListOptions: ParsableArguments {
    @Flag(help: "Print JSON.")
    var json = false
}

extension ClientOptions {
    /// Asks for rows and prints them: as a table of those to be shown, or as a JSON array of one row a line.
    func list<Row: Encodable>(
        _ request: Request, json: Bool, table: Table, row: (Reply) -> Row?, isShown: (Row) -> Bool = { _ in true },
        cells: (Row) -> [String]
    ) throws {
        var table = table
        if json { return try listJSON(request, row: row) }
        let end = try perform(request) { reply in
            guard let value = row(reply) else { throw Self.unexpected(reply) }
            guard isShown(value) else { return }
            table.add(cells(value))
            if table.isFull { Output.standard.write(table.take()) }
        }
        guard case .end = end else { throw Self.unexpected(end) }
        Output.standard.write(table.take())
    }

    func listJSON<Row: Encodable>(_ request: Request, row: (Reply) -> Row?) throws {
        var count = 0
        let end = try perform(request) { reply in
            guard let value = row(reply) else { throw Self.unexpected(reply) }
            Output.standard.write((count == 0 ? "[" : ",\n ") + (try Self.json(value)))
            count += 1
        }
        guard case .end = end else { throw Self.unexpected(end) }
        Output.standard.line(count == 0 ? "[]" : "]")
    }

    static func json(_ value: some Encodable) throws -> String {
        String(decoding: try LineCodec.encode(value).dropLast(), as: UTF8.self)
    }
}
