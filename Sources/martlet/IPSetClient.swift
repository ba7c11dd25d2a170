import Control
import Glibc
import Net

/// The ipset command, with its words, messages and exit codes, against the running router. Also run by a link named `ipset`.
struct IPSetClient {
    /// What messages begin with; the version whose behaviour this has.
    private static let version = "ipset v7.17"

    private enum Verb {
        case list, save, restore, help, version
        /// Changes or tests sets; the router reads its words.
        case change
    }

    private var isQuiet = false
    private var exists = false
    private var isSorted = false
    private var form: SetsList.Form?
    private var file: String?
    private var socket: String?
    private var words: [String] = []

    /// Why a command ends, with ipset's words.
    private struct Refusal: Error {
        var message: String
        var code: Int32
    }

    consuming func run(_ arguments: [String]) -> Int32 {
        var code: Int32 = 0
        do {
            try read(arguments)
            code = try perform()
        } catch let refusal as Refusal {
            code = say(refusal.message, refusal.code)
        } catch let failure as Failure {
            code = say(failure.message, failure.exitCode)
        } catch {
            code = say("\(error)", 1)
        }
        do { try Output.standard.flush() } catch { code = 1 }
        try? Output.error.flush()
        return code
    }

    private func say(_ message: String, _ code: Int32) -> Int32 {
        if isQuiet { return code }
        Output.error.line("\(Self.version): \(message)")
        if code == 2 { Output.error.line("Try `ipset help' for more information.") }
        return code
    }

    // MARK: Words

    private mutating func read(_ arguments: [String]) throws(Refusal) {
        var rest = arguments[...]
        func value(_ option: String, _ rest: inout ArraySlice<String>) throws(Refusal) -> String {
            guard let value = rest.popFirst() else {
                throw Refusal(message: "Missing mandatory argument of option `\(option)'", code: 2)
            }
            return value
        }
        while let word = rest.popFirst() {
            let bare = word.hasPrefix("--") ? String(word.dropFirst()) : word
            switch bare {
            case "-!", "-exist": exists = true
            case "-q", "-quiet": isQuiet = true
            case "-s", "-sorted": isSorted = true
            case "-r", "-resolve": break
            case "-t", "-terse": form = form ?? .terse
            case "-n", "-name": form = .names
            case "-f", "-file": file = try value(word, &rest)
            case "-socket": socket = try value(word, &rest)
            case "-o", "-output":
                let mode = try value(word, &rest)
                guard let known = SetsList.Form(rawValue: mode), [.plain, .save, .xml].contains(known) else {
                    throw Refusal(message: "Syntax error: unknown output mode '\(mode)'", code: 1)
                }
                form = known
            default: words.append(word)
            }
        }
    }

    private var verb: Verb {
        switch words.first {
        case "list", "l", "-L", "--list": .list
        case "save", "s", "-S", "--save": .save
        case "restore", "r", "-R", "--restore": .restore
        case "help", "h", "-H", "--help", "-h": .help
        case "version", "v", "-V", "-v", "--version": .version
        default: .change
        }
    }

    // MARK: Commands

    private var client: ClientOptions {
        var options = ClientOptions()
        options.socket = socket
        return options
    }

    private func perform() throws -> Int32 {
        guard let command = words.first else { throw Refusal(message: "No command specified.", code: 2) }
        switch verb {
        case .help:
            Output.standard.write(Self.help)
            return 0
        case .version:
            Output.standard.line("\(Self.version), protocol version: 7")
            return 0
        case .list, .save:
            if words.count > 2 { throw Refusal(message: "Unknown argument \(words[2])", code: 2) }
            let form = verb == .save ? .save : self.form ?? .plain
            try list(SetsList(name: words.count > 1 ? words[1] : nil, form: form))
            return 0
        case .restore:
            if words.count > 1 { throw Refusal(message: "Unknown argument \(words[1])", code: 2) }
            return try restore()
        case .change:
            let reply = try client.perform(.setsCommand(Control.SetsCommand(words: words, exists: exists)))
            guard case .done(let done) = reply else { throw ClientOptions.unexpected(reply) }
            guard ["test", "t", "-T", "--test"].contains(command), words.count > 2 else { return 0 }
            let isThere = done.count == 1
            if !isQuiet {
                // ipset says both on standard error; of places in a list it always says "after".
                let place = words.count > 4 && ["before", "after"].contains(words[3]) ? " after \(words[4])" : ""
                let element = (done.message ?? words[2]) + place
                Output.error.line(
                    isThere ? "Warning: \(element) is in set \(words[1])." : "\(element) is NOT in set \(words[1]).")
            }
            return isThere ? 0 : 1
        }
    }

    private func list(_ request: SetsList) throws {
        var pieces: [String] = []
        let keeps = isSorted || file != nil
        _ = try client.perform(.setsList(request)) { reply in
            guard case .text(let piece) = reply else { throw ClientOptions.unexpected(reply) }
            if keeps { pieces.append(piece.text) } else { Output.standard.write(piece.text) }
        }
        guard keeps else { return }
        let text = isSorted ? Self.sorted(pieces.joined()) : pieces.joined()
        guard let file else { return Output.standard.write(text) }
        let bytes = text.keptBytes
        let descriptor = unsafe open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw Refusal(message: "Cannot open \(file) for writing", code: 1) }
        defer { close(descriptor) }
        var done = 0
        while done < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress! + done, $0.count - done) }
            guard count > 0 else { throw Refusal(message: "Cannot write \(file)", code: 1) }
            done += count
        }
    }

    /// Lines between two others that are no elements, by address and then by text.
    private static func sorted(_ text: String) -> String {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        var start: Int?
        func key(_ line: String) -> (UInt32, Int, String) {
            let words = line.split(separator: " ")
            let element = words.first == "add" && words.count > 2 ? words[2] : words.first ?? ""
            let address = element.split(whereSeparator: { $0 == "," || $0 == "/" }).first ?? ""
            let parts = address.split(separator: ".").compactMap { UInt32($0) }
            guard parts.count == 4 else { return (0, Int(address) ?? 0, line) }
            return (parts.reduce(0) { $0 << 8 | $1 & 255 }, 0, line)
        }
        func sort(_ end: Int) {
            guard let first = start else { return }
            lines[first..<end].sort { key($0) < key($1) }
            start = nil
        }
        var isInMembers = false
        for index in lines.indices {
            let line = lines[index]
            let isElement = line.hasPrefix("add ") || isInMembers && !line.isEmpty
            if isElement { start = start ?? index } else { sort(index) }
            if line == "Members:" { isInMembers = true } else if line.isEmpty { isInMembers = false }
        }
        sort(lines.count)
        return lines.joined(separator: "\n")
    }

    private func restore() throws -> Int32 {
        let text: String
        do throws(Diagnostic) { text = try TextFile.readRules(file ?? "-") } catch {
            throw Refusal(message: "Cannot open \(file ?? "-") for reading: \(error.message)", code: 1)
        }
        do {
            _ = try client.perform(.setsRestore(SetsRestore(file: "-", text: text, exists: exists)))
            return 0
        } catch let failure as Failure {
            guard let first = failure.diagnostics.min() else { throw failure }
            let message = first.message.split(separator: "\n").first.map(String.init) ?? first.message
            // Of a line that is no command at all ipset does not say which it is.
            let isUsage = ["No command specified", "Unknown argument", "Missing mandatory", "Missing second"].contains { message.hasPrefix($0) }
            throw isUsage ? Refusal(message: message, code: 2) : Refusal(message: "Error in line \(first.line): \(message)", code: failure.exitCode)
        }
    }

    private static let help = """
        \(version)

        Usage: ipset [options] COMMAND

        Commands:
        create SETNAME TYPENAME [type-specific-options]
                Create a new set
        add SETNAME ENTRY
                Add entry to the named set
        del SETNAME ENTRY
                Delete entry from the named set
        test SETNAME ENTRY
                Test entry in the named set
        destroy [SETNAME]
                Destroy a named set or all sets
        list [SETNAME]
                List the entries of a named set or all sets
        save [SETNAME]
                Save the named set or all sets to stdout
        restore
                Restore a saved state, all of it or nothing
        flush [SETNAME]
                Flush a named set or all sets
        rename FROM-SETNAME TO-SETNAME
                Rename a set
        swap FROM-SETNAME TO-SETNAME
                Swap the contents of two existing sets
        help
                Print help
        version
                Print version information

        Options:
        -o plain|save|xml
               Specify output mode for listing sets.
        -s
                Print elements sorted.
        -q
                Suppress any notice or warning message.
        -t, -n
                List without elements, or names alone.
        -f FILE
                Read from or write to a file.
        -!, -exist
                Ignore errors when creating or adding sets or elements that do exist or when deleting
                elements that don't exist.

        """
}
