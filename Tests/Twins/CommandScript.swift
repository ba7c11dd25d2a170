import Glibc
import Rules
import TestSupport

/// A shell script of iptables commands as operators write them, each carried out by iptables-legacy in a namespace and by Martlet on a
/// ruleset: output, exit code, message and the rules are the same, and so are all the listings at the end.
///
/// Of the shell's language it knows comments, quotes, `\` at a line's end, `NAME=value`, `$NAME`, `for NAME in …; do`, `done` and here-documents. Other
/// programs than iptables, iptables-restore, iptables-save and ipset are not run.
public struct CommandScript {
    /// A call of a program.
    struct Call {
        var line: Int
        var words: [String]
        var input = ""
    }

    public let name: String
    let calls: [Call]

    public init(name: String, text: String) throws {
        self.name = name
        var reader = ScriptReader(name: name, text: text)
        calls = try reader.read()
    }

    /// Carries it out in a namespace of its own.
    ///
    /// - Returns: what Martlet answers otherwise than iptables.
    /// - Throws: `LabError`; without root it says so.
    public func differences() throws -> [String] { try CommandTwins.with { _ in try compare() } }

    private func compare() throws -> [String] {
        var found: [String] = []
        var ruleset = Ruleset()
        func compare(_ call: String, _ expected: Program.Result, _ ours: IPTables.Outcome) {
            if expected.status != ours.exitCode {
                found.append("\(call): exit code \(expected.status) \(expected.errors)  Martlet: \(ours.exitCode) \(ours.errors)")
            } else if expected.output != ours.output {
                found.append("\(call):\n\(Self.lineDifference(expected.output, ours.output))")
            } else if let sentence = expected.errors.split(separator: "\n").first {
                if sentence.contains("Invalid argument"), !ours.errors.isEmpty { return }
                let start = sentence.hasSuffix(".") ? sentence.dropLast() : sentence
                if !ours.errors.hasPrefix(start) { found.append("\(call): says \(expected.errors)  Martlet: \(ours.errors)") }
            } else if !ours.errors.isEmpty {
                found.append("\(call): says nothing  Martlet: \(ours.errors)")
            }
        }
        for call in calls {
            let place = "\(name):\(call.line): \(call.words.joined(separator: " "))"
            let program = call.words[0]
            let arguments = Array(call.words.dropFirst())
            switch program {
            case "ipset":
                _ = try Program.run(call.words)
            case "iptables":
                let expected = try Program.run(["iptables-legacy"] + arguments)
                let ours = IPTables.run(arguments, on: ruleset)
                compare(place, expected, ours)
                ruleset = ours.ruleset ?? ruleset
            case "iptables-restore":
                let expected = try Program.run(["iptables-legacy-restore"] + arguments, input: call.input)
                do throws(IPTables.Finished) {
                    let ours = IPTables.restore(call.input, try IPTables.restoreArguments(arguments), onto: ruleset)
                    if expected.status == 0 || ours.exitCode == 0 { compare(place, expected, ours) }
                    ruleset = ours.ruleset ?? ruleset
                } catch {
                    compare(place, expected, error.outcome)
                }
            default: break
            }
            let saved = Self.withoutComments(try Program.require(["iptables-legacy-save", "-c"]))
            let ours = ruleset.saved(.init(counters: true))
            if saved != ours {
                found.append("\(place): rules\n\(Self.lineDifference(saved, ours))")
                ruleset = try Ruleset.restoring(saved, file: "saved", options: RestoreOptions(counters: true))
                let order = saved.split(separator: "\n").filter { $0.hasPrefix("*") }.map { $0.dropFirst() }
                ruleset.tables.sort { order.firstIndex(of: $0.name.rawValue[...]) ?? 0 < order.firstIndex(of: $1.name.rawValue[...]) ?? 0 }
            }
        }
        for table in ruleset.tables.map(\.name.rawValue) {
            let views = [
                ["-L", "-v", "-n", "-x", "--line-numbers"], ["-L", "-n"], ["-L"], ["-L", "-v"], ["-S"], ["-S", "-v"],
            ]
            for view in views {
                let words = ["-t", table] + view
                compare("\(name): iptables \(words.joined(separator: " "))", try Program.run(["iptables-legacy"] + words), IPTables.run(words, on: ruleset))
            }
        }
        // What was saved is restored to the same.
        let saved = ruleset.saved(.init(counters: true))
        let again = try Ruleset.restoring(saved, file: "saved", options: RestoreOptions(counters: true)).saved(.init(counters: true))
        if Self.tables(saved) != Self.tables(again) { found.append("\(name): saved and restored\n\(Self.lineDifference(saved, again))") }
        return found
    }

    private static func tables(_ text: String) -> [String] {
        text.split(separator: "*").map(String.init).sorted()
    }

    private static func withoutComments(_ text: String) -> String {
        text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { $0 + "\n" }.joined()
    }

    /// The lines that differ, `-` before the kernel's and `+` before ours.
    private static func lineDifference(_ one: String, _ other: String) -> String {
        let expected = one.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let found = other.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let difference = found.difference(from: expected)
        var lines: [(place: Int, text: String)] = []
        for change in difference {
            switch change {
            case .remove(let place, let line, _): lines.append((2 * place, "  - \(line)|"))
            case .insert(let place, let line, _): lines.append((2 * place + 1, "  + \(line)|"))
            }
        }
        return lines.sorted { $0.place < $1.place }.map(\.text).joined(separator: "\n")
    }
}

/// Reads the shell's language as far as such scripts need it.
private struct ScriptReader {
    let name: String
    var lines: [Substring]
    var next = 0
    var variables: [String: String] = [:]

    init(name: String, text: String) {
        self.name = name
        lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    }

    mutating func read(until end: String? = nil) throws -> [CommandScript.Call] {
        var calls: [CommandScript.Call] = []
        while next < lines.count {
            let number = next + 1
            var line = String(lines[next])
            next += 1
            while line.hasSuffix("\\"), next < lines.count {
                line = String(line.dropLast()) + lines[next]
                next += 1
            }
            var words = try words(of: line, number)
            guard let first = words.first else { continue }
            if first == end { return calls }
            if first == "for" {
                guard words.count > 3, words[2] == "in", words.last == "do" else { throw LabError("\(name):\(number): for NAME in WORDS; do") }
                var values = Array(words[3...].dropLast())
                if values.last?.hasSuffix(";") == true { values[values.count - 1].removeLast() }
                let body = next
                for value in values.flatMap({ $0.split(separator: " ").map(String.init) }) {
                    variables[words[1]] = value
                    next = body
                    calls += try read(until: "done")
                }
                continue
            }
            if words.count == 1, let sign = first.firstIndex(of: "="), first[..<sign].allSatisfy({ $0.isLetter || $0 == "_" || $0.isNumber }) {
                variables[String(first[..<sign])] = String(first[first.index(after: sign)...])
                continue
            }
            var input = ""
            if let place = words.firstIndex(where: { $0.hasPrefix("<<") }) {
                let word = words[place] == "<<" ? words[place + 1] : String(words[place].dropFirst(2))
                words.removeSubrange(place...)
                while next < lines.count, lines[next] != word {
                    input += lines[next] + "\n"
                    next += 1
                }
                next += 1
            }
            words[0] = words[0].split(separator: "/").last.map(String.init) ?? ""
            if ["iptables", "iptables-restore", "iptables-save", "ipset"].contains(words[0]) {
                calls.append(CommandScript.Call(line: number, words: words, input: input))
            }
        }
        guard end == nil else { throw LabError("\(name): \(end!) is missing") }
        return calls
    }

    private func words(of line: String, _ number: Int) throws -> [String] {
        var words: [String] = []
        var current: String?
        var quote: Character?
        var rest = line[...]
        while let character = rest.popFirst() {
            if let open = quote, character == open {
                quote = nil
            } else if quote == nil, character == "\"" || character == "'" {
                quote = character
                current = current ?? ""
            } else if quote != "'", character == "\\", let escaped = rest.popFirst() {
                current = (current ?? "") + (quote == nil || "\"\\$`".contains(escaped) ? "" : "\\") + String(escaped)
            } else if quote != "'", character == "$" {
                var name = ""
                if rest.first == "{" {
                    name = String(rest.dropFirst().prefix { $0 != "}" })
                    rest = rest.dropFirst(name.count + 2)
                } else {
                    name = String(rest.prefix { $0.isLetter || $0 == "_" || $0.isNumber })
                    rest = rest.dropFirst(name.count)
                }
                guard let value = variables[name] else { throw LabError("\(self.name):\(number): $\(name) is not set") }
                if quote == nil {
                    // A value of several words is several words.
                    let parts = value.split(separator: " ", omittingEmptySubsequences: true).map(String.init)
                    for (index, part) in parts.enumerated() {
                        if index > 0, let word = current {
                            words.append(word)
                            current = nil
                        }
                        current = (current ?? "") + part
                    }
                } else {
                    current = (current ?? "") + value
                }
            } else if quote == nil, character == "#", current == nil {
                break
            } else if quote == nil, character == " " || character == "\t" {
                if let word = current { words.append(word) }
                current = nil
            } else {
                current = (current ?? "") + String(character)
            }
        }
        if quote != nil { throw LabError("\(name):\(number): a quotation mark is not closed") }
        if let word = current { words.append(word) }
        return words
    }
}
