import Net
import Testing

@testable import Rules

/// One line of `legacyLines`, cut out of its group.
struct Line: CustomStringConvertible {
    var table: String
    var chain: String
    var rule: String

    var text: String { "*\(table)\n:user - [0:0]\n-A \(chain) \(rule)\nCOMMIT\n" }
    var description: String { "-t \(table) -A \(chain) \(rule)" }

    static let all: [Line] = legacyLines.flatMap { group in
        group.lines.split(separator: "\n").map { text in
            Line(table: group.table, chain: group.chain, rule: String(text.drop { $0 == " " }))
        }
    }

    /// The rules in their saved form, nil if the line is refused.
    func saved() -> [String]? {
        guard let ruleset = try? Ruleset.restoring(text, file: "-") else { return nil }
        return ruleset.saved().split(separator: "\n").filter { $0.hasPrefix("-A ") }.map(String.init)
    }
}

@Suite("Against iptables-legacy", .enabled(if: LegacyTool.isWanted))
struct LegacyTests {
    @Test("what iptables accepts we accept and save alike, what it refuses we refuse")
    func lines() throws {
        try LegacyTool.with { tool in
            _ = try tool(["ipset", "create", "foo", "hash:ip"])
            _ = try tool(["ipset", "create", "bar", "hash:ip,port", "timeout", "5"])
            for line in Line.all {
                let restored = try tool(["iptables-legacy-restore"], input: line.text)
                var expected: [String]?
                if restored.exitCode == 0 {
                    expected = try tool.saved(table: line.table).split(separator: "\n").filter { $0.hasPrefix("-A ") }
                        .map { $0.hasSuffix(" ") ? String($0.dropLast()) : String($0) }
                }
                #expect(line.saved() == expected, "\(line)")
            }
        }
    }

    @Test("what iptables accepts is listed alike, by numbers and by names")
    func listings() throws {
        try LegacyTool.with { tool in
            _ = try tool(["ipset", "create", "foo", "hash:ip"])
            _ = try tool(["ipset", "create", "bar", "hash:ip,port", "timeout", "5"])
            var ruleset = Ruleset()
            for group in Dictionary(grouping: Line.all, by: \.table) {
                // All of them at once where each by itself is taken.
                let lines = try group.value.filter { line in
                    guard line.saved() != nil else { return false }
                    return try tool(["iptables-legacy-restore"], input: line.text).exitCode == 0
                }
                _ = try tool(["iptables-legacy-restore"], input: "*\(group.key)\nCOMMIT\n")
                let text = "*\(group.key)\n:user - [0:0]\n" + lines.map { "-A \($0.chain) \($0.rule)\n" }.joined() + "COMMIT\n"
                let restored = try tool(["iptables-legacy-restore"], input: text)
                #expect(restored.exitCode == 0, "\(restored.errors)")
                ruleset = try Ruleset.restoring(text, file: "lines", onto: ruleset)
                for view in [["-L", "-n", "-v", "-x", "--line-numbers"], ["-L", "-v"]] {
                    let words = ["-t", group.key] + view
                    let expected = try tool(["iptables-legacy"] + words).output.split(separator: "\n")
                    let found = IPTables.run(words, on: ruleset).output.split(separator: "\n")
                    #expect(expected.count == found.count)
                    for (one, other) in zip(expected, found) { #expect(one == other, "iptables \(words.joined(separator: " "))") }
                }
            }
        }
    }

    @Test("whole files restore to what iptables-legacy-save prints, table after table in its order")
    func files() throws {
        try LegacyTool.with { tool in
            var ruleset = Ruleset()
            for file in restoreFiles {
                let restored = try tool(["iptables-legacy-restore"] + file.options, input: file.text)
                #expect(restored.exitCode == 0, "\(restored.errors)")
                ruleset = try Ruleset.restoring(
                    file.text, file: file.name, onto: ruleset,
                    options: RestoreOptions(
                        noFlush: file.options.contains("--noflush"), counters: file.options.contains("--counters")))
                let counters = try tool(["iptables-legacy-save", "--counters"]).output.split(separator: "\n")
                    .filter { !$0.hasPrefix("#") }.joined(separator: "\n")
                let ours = ruleset.saved(Ruleset.SaveOptions(counters: true)).split(separator: "\n").joined(
                    separator: "\n")
                #expect(ours == counters, "\(file.name)")
            }
        }
    }

    @Test("comments, prefixes and patterns keep their bytes, whatever these are, and are cut where iptables cuts them")
    func bytes() throws {
        let foreign = String(keeping: [UInt8(ascii: "a"), 0xFF, 0xC0, 0xE9, UInt8(ascii: " "), 0x80])
        let comments = [
            foreign, "ä\u{10FF85}", String(repeating: "x", count: 255), String(repeating: "y", count: 256), String(repeating: "z", count: 900),
            String(repeating: "ä", count: 128), String(repeating: foreign, count: 50),
        ]
        let rules =
            comments.map { "-A INPUT -m comment --comment \"\($0)\"\n" }.joined()
            + "-A INPUT -m string --algo bm --string \"\(foreign)\"\n-A INPUT -j LOG --log-prefix \"\(foreign)\"\n"
            + "-A INPUT -j NFLOG --nflog-prefix \"\(String(repeating: foreign, count: 20))\"\n"
        let text = "*filter\n\(rules)COMMIT\n"
        try LegacyTool.with { tool in
            let restored = try tool(["iptables-legacy-restore"], input: text)
            #expect(restored.exitCode == 0, "\(restored.errors)")
            let ruleset = try Ruleset.restoring(text, file: "-")
            let saved = try tool.saved(table: "filter")
            #expect(ruleset.saved().keptBytes == saved.keptBytes)
            #expect(try Ruleset.restoring(saved, file: "-").saved() == saved)
            let list = ["-L", "INPUT", "-n"]
            #expect(IPTables.run(list, on: ruleset).output.keptBytes == (try tool(["iptables-legacy"] + list)).output.keptBytes)
        }
    }

    @Test("commands change the rules, print and fail as iptables does")
    func commands() throws {
        try LegacyTool.with { tool in
            var ruleset = Ruleset()
            for command in commandLines {
                let arguments = Self.shellWords(command)
                let expected = try tool(["iptables-legacy"] + arguments)
                let outcome = IPTables.run(arguments, on: ruleset)
                #expect(outcome.exitCode == expected.exitCode, "iptables \(command): \(outcome.errors)")
                #expect(outcome.output == expected.output, "iptables \(command)")
                // A sentence of ours may be longer; it begins as iptables' does.
                if let sentence = expected.errors.split(separator: "\n").first {
                    let start = sentence.hasSuffix(".") ? sentence.dropLast() : sentence
                    #expect(outcome.errors.hasPrefix(start), "iptables \(command): \(outcome.errors)")
                }
                ruleset = outcome.ruleset ?? ruleset
            }
        }
    }

    /// Words of a command line, with quotation marks around those that have blanks.
    static func shellWords(_ text: String) -> [String] {
        var words: [String] = []
        var current: String?
        var isQuoted = false
        for character in text {
            if character == "\"" {
                isQuoted.toggle()
                current = current ?? ""
            } else if character == " ", !isQuoted {
                if let word = current { words.append(word) }
                current = nil
            } else {
                current = (current ?? "") + String(character)
            }
        }
        if let word = current { words.append(word) }
        return words
    }
}
