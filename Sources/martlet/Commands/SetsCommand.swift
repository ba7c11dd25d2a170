import ArgumentParser
import Control

struct SetsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sets", abstract: "Load, save and list IP sets, as ipset writes them.",
        subcommands: [SetsRestoreCommand.self, SetsSaveCommand.self, SetsListCommand.self])
}

struct SetsRestoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Load sets, all of the text or nothing.")

    @Argument(help: "ipset save text; \"-\" is standard input.")
    var file = "-"
    @Flag(name: .long, help: "What is there may be added, and what is not may be taken out.")
    var exist = false
    @OptionGroup var client: ClientOptions

    func run() throws {
        let text: String
        do throws(Diagnostic) { text = try TextFile.readRules(file) } catch { throw Failure("", diagnostics: [error]) }
        let reply = try client.perform(.setsRestore(SetsRestore(file: file, text: text, exists: exist)))
        guard case .done = reply else { throw ClientOptions.unexpected(reply) }
    }
}

struct SetsSaveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "save", abstract: "Print sets as ipset save does.")

    @Argument(help: "Only this set.")
    var name: String?
    @OptionGroup var client: ClientOptions

    func run() throws { try client.printText(SetsList(name: name, form: .save)) }
}

struct SetsListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List sets as ipset list does.")

    @Argument(help: "Only this set.")
    var name: String?
    @Flag(name: [.customShort("t"), .long], help: "Without the elements.")
    var terse = false
    @OptionGroup var client: ClientOptions
    @OptionGroup var options: ListOptions

    func run() throws {
        guard options.json else { return try client.printText(SetsList(name: name, form: terse ? .terse : .plain)) }
        try client.listJSON(.setsList(SetsList(name: name, form: terse ? .terseRows : .rows))) { reply in
            if case .set(let row) = reply { row } else { nil }
        }
    }
}

extension ClientOptions {
    /// Prints what comes of a request for a list of sets.
    func printText(_ request: SetsList) throws {
        _ = try perform(.setsList(request)) { reply in
            if case .text(let piece) = reply { Output.standard.write(piece.text) }
        }
    }
}
