import ArgumentParser
import Control

struct FlowsEvents: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events", abstract: "Print what happens to flows as conntrack -E does, until it is interrupted.")

    @Option(
        name: [.customShort("e"), .customLong("event-mask")], help: "Which, with commas: ALL, NEW, UPDATES, DESTROY.",
        transform: kinds)
    var kinds: [FlowEventRow.Kind] = []
    @Option(
        name: [.customShort("o"), .customLong("output")], help: "With commas: timestamp, id, extended.", transform: output)
    var output: Set<String> = []
    @OptionGroup var client: ClientOptions
    @OptionGroup var options: ListOptions
    @OptionGroup var flows: FlowOptions

    @Flag(help: "What helpers announce and what becomes of it, as conntrack -E expect prints it: only NEW and DESTROY.")
    var expectations = false

    func validate() throws {
        if expectations, !flows.filter.isEmpty { throw ValidationError("events of expectations are told whole, without a filter") }
    }

    func run() throws {
        var told: UInt64 = 0
        let end = try client.perform(.flowsEvents(FlowEventsRequest(kinds: kinds, filter: flows.filter, expectations: expectations))) { reply in
            switch reply {
            case .flowEvent(let row):
                Output.standard.line(
                    options.json
                        ? try ClientOptions.json(row)
                        : row.conntrackText(
                            timestamp: output.contains("timestamp"), id: output.contains("id"),
                            extended: output.contains("extended")))
            case .expectationEvent(let row):
                Output.standard.line(
                    options.json
                        ? try ClientOptions.json(row)
                        : row.conntrackText(timestamp: output.contains("timestamp"), extended: output.contains("extended")))
            case .flowEventNote(let note):
                if note.lost != told {
                    Output.error.line("\(note.lost - min(told, note.lost)) events were lost; \(note.lost) in all")
                    told = note.lost
                }
                try Output.error.flush()
            default: throw ClientOptions.unexpected(reply)
            }
            try Output.standard.flush()
        }
        throw ClientOptions.unexpected(end)
    }

    private static func kinds(_ text: String) throws -> [FlowEventRow.Kind] {
        try words(text).flatMap { word -> [FlowEventRow.Kind] in
            switch word {
            case "ALL": return FlowEventRow.Kind.allCases
            case "NEW": return [.new]
            case "UPDATES", "UPDATE": return [.update]
            case "DESTROY": return [.destroy]
            default: throw ValidationError("\"\(word)\" is no event; there are ALL, NEW, UPDATES, DESTROY")
            }
        }
    }

    private static func output(_ text: String) throws -> Set<String> {
        let words = try words(text).map { $0.lowercased() }
        for word in words where !["timestamp", "id", "extended"].contains(word) {
            throw ValidationError("\"\(word)\" is nothing to print; there are timestamp, id, extended")
        }
        return Set(words)
    }

    private static func words(_ text: String) throws -> [String] {
        let words = text.split(separator: ",", omittingEmptySubsequences: false).map { $0.uppercased() }
        guard !words.contains("") else { throw ValidationError("a word is missing in \"\(text)\"") }
        return words
    }
}
