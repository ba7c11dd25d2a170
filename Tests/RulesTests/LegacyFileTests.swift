import Testing

@testable import Rules

/// A call of iptables-restore.
struct RestoreCall: Sendable, CustomStringConvertible {
    var text: String
    var options: [String]

    init(_ text: String, _ options: String...) {
        self.text = text
        self.options = options
    }

    var description: String { "iptables-restore \(options.joined(separator: " ")) <<< \(text.debugDescription)" }

    /// One after the other, each onto what the one before left.
    static let all: [RestoreCall] = [
        // Which mistakes are a line that failed, which a wrong parameter.
        .init("*filter\n-A NIX -j DROP\nCOMMIT\n"), .init("*filter\n-A INPUT -j NIX\nCOMMIT\n"), .init("*filter\n-A INPUT -j DROP\n"),
        .init(""), .init("-A INPUT -j DROP\n"), .init(":INPUT ACCEPT\n"), .init("foo\n*filter\nCOMMIT\n"), .init("*filter\nCOMMIT\nCOMMIT\n"),
        .init("*filter\n:INPUT FOO\nCOMMIT\n"), .init("*filter\n:INPUT FOO [0:0]\nCOMMIT\n"), .init("*filter\n:INPUT\nCOMMIT\n"),
        .init("*filter\n:\nCOMMIT\n"), .init("*\n"), .init("*nonsense\nCOMMIT\n"), .init("*filter\n:foo ACCEPT\nCOMMIT\n"),
        .init("*filter\n:foo -\n:foo -\nCOMMIT\n"), .init("*filter\n:ACCEPT -\nCOMMIT\n"), .init("*filter\n:-x -\n:!x -\n:x\"y -\nCOMMIT\n"),
        .init("*filter\n:abcdefghijklmnopqrstuvwxyzabc -\nCOMMIT\n"), .init("*filter\n:INPUT ACCEPT [x]\nCOMMIT\n", "-c"),
        .init("*filter\n:INPUT ACCEPT\nCOMMIT\n", "-c"), .init("*filter\n:INPUT - [0:0]\nCOMMIT\n"), .init("*filter foo\nCOMMIT\n"),
        .init("*filter\n-A INPUT -m stat\nCOMMIT\n"), .init("*filter\n-A INPUT -p tcp --dport 99999\nCOMMIT\n"),
        .init("*filter\n-A INPUT --foo\nCOMMIT\n"), .init("*filter\n-A INPUT foo\nCOMMIT\n"), .init("*filter\nfoo\nCOMMIT\n"),
        .init("*filter\n*nat\nCOMMIT\n"), .init("*filter\n-A INPUT -o eth0\nCOMMIT\n"), .init("*filter\n-D INPUT -j DROP\nCOMMIT\n"),
        .init("*filter\n-D INPUT 3\nCOMMIT\n"), .init("*filter\n-X NIX\nCOMMIT\n"), .init("*filter\n-N INPUT\nCOMMIT\n"),
        .init("*filter\n-N LOG\nCOMMIT\n"), .init("*filter\n-P INPUT FOO\nCOMMIT\n"), .init("*filter\n:foo -\n-E foo ACCEPT\nCOMMIT\n"),
        .init("*nat\n-A POSTROUTING -j DNAT --to 1.2.3.4\n\nCOMMIT\n"),
        .init("*filter\n:a -\n:b -\n-A a -j b\n-A b -j a\n-A INPUT -j a\nCOMMIT\n"), .init("*filter\n-t nat -L\nCOMMIT\n"),
        .init("*filter\n-w -A INPUT -j ACCEPT\nCOMMIT\n"), .init("*filter\n \nCOMMIT\n"), .init("*filter\n[1:2] \nCOMMIT\n"),
        .init("*filter\n:INPUT DROP [0:0] foo\n-A INPUT -j ACCEPT\t\nCOMMIT foo\nCOMMIT\n"),
        // Counters in front of a rule.
        .init("*filter\n[5:x] -A INPUT -j DROP\nCOMMIT\n", "-c"), .init("*filter\n[5:x] -A INPUT -j DROP\nCOMMIT\n"),
        .init("*filter\n[5:6 -A INPUT -j DROP\nCOMMIT\n"), .init("*filter\n[1] -A INPUT -j DROP\nCOMMIT\n"),
        .init("*filter\n[] -A INPUT -j DROP\nCOMMIT\n"), .init("*filter\n[1:2x]-A INPUT -j ACCEPT\nCOMMIT\n", "-c"),
        // -Z clears what the kernel has counted, not what the file brings.
        .init("*filter\n:INPUT ACCEPT [5:6]\n[1:2] -A INPUT -j ACCEPT\n-Z\n[3:4] -A INPUT -s 1.1.1.1 -j DROP\n-Z INPUT 1\nCOMMIT\n", "-c"),
        .init("*filter\n[7:8] -A INPUT -s 1.1.1.2 -j DROP\n-Z INPUT\nCOMMIT\n", "-c", "-n"),
        .init("*filter\n:OUTPUT ACCEPT [7:8]\n-A OUTPUT\n-L OUTPUT -v -Z\nCOMMIT\n", "-n", "-c"),
        // Commands that show.
        .init("*filter\n-A INPUT -j ACCEPT\n-C INPUT -j ACCEPT\nCOMMIT\n"), .init("*filter\n-C INPUT -j DROP\nCOMMIT\n"),
        .init("*filter\n-A INPUT -j ACCEPT\n-S\n-S INPUT 1\n-L -n\nCOMMIT\n"), .init("*filter\n-L NIX\nCOMMIT\n"),
        .init("*filter\n-A INPUT -j ACCEPT\n-L INPUT -n -v -Z\nCOMMIT\n"), .init("*filter\n-A INPUT -j ACCEPT\n-V\nfoo\n"),
        .init("*filter\n-A INPUT -j DROP\nCOMMIT\n*nat\n-V\nCOMMIT\n"),
        // -v says what every line does.
        .init("*filter\n-A INPUT -s 1.1.1.1 -j ACCEPT\n-F\n-Z\nCOMMIT\n", "-v"),
        .init(
            "*filter\n:foo - [0:0]\n-A INPUT -p tcp --dport 80 -j foo\n-D INPUT 1\n-I INPUT -j foo\n-R INPUT 1 -j ACCEPT\n-Z\n-F foo\n-X foo\n-N bar\n"
                + "-P OUTPUT DROP\n-S\nCOMMIT\n*nat\n-A POSTROUTING -j MASQUERADE\nCOMMIT\n# hello\n", "-v"),
        .init("*filter\n-A INPUT -j ACCEPT\nCOMMIT\n*nat\nCOMMIT\n", "-v", "-T", "filter"),
        .init("*filter\n:INPUT DROP [0:0]\n-A INPUT -j ACCEPT\n-D INPUT -j DROP\nCOMMIT\n", "-t", "-v"),
        .init("*filter\n-A INPUT -s 1.1.1.1 -j ACCEPT\nCOMMIT\n", "-n", "-v"), .init("*filter\n-F NIX\nCOMMIT\n", "-n", "-v"),
        // The program's own options.
        .init("*filter\n-A INPUT -s 1.1.1.3 -j ACCEPT\nCOMMIT\n*bogus\nfoo\nCOMMIT\n", "-T", "bogus2"),
        .init("*filter\nCOMMIT\n", "-b"), .init("", "-d"), .init("", "--bogus"), .init("", "-T"), .init("", "-W", "5"),
        .init("", "-w", "5", "-W", "5"), .init("", "-w", "x"), .init("", "-w5"), .init("", "-wx"), .init("", "-h"), .init("", "a", "b"),
        .init("", "-V"), .init("", "--wait=5"), .init("", "--wait=x"), .init("", "-W"), .init("", "--test=5"), .init("", "--table=filter"),
        .init("", "-cvn"),
    ]
}

@Suite("iptables-restore and iptables-save beside iptables-legacy's", .enabled(if: LegacyTool.isWanted))
struct LegacyFileTests {
    @Test("iptables-restore prints, remarks and ends as the legacy one, and leaves the same rules")
    func restore() throws {
        try LegacyTool.with { tool in
            var ruleset = Ruleset()
            for call in RestoreCall.all {
                let expected = try tool(["iptables-legacy-restore"] + call.options, input: call.text)
                var outcome: IPTables.Outcome
                do throws(IPTables.Finished) {
                    outcome = IPTables.restore(call.text, try IPTables.restoreArguments(call.options), onto: ruleset)
                } catch { outcome = error.outcome }
                #expect(outcome.exitCode == expected.exitCode, "\(call): \(outcome.errors)")
                #expect(outcome.output == expected.output, "\(call)")
                Self.compare(outcome.errors, expected.errors, call)
                ruleset = outcome.ruleset ?? ruleset
                for table in ["filter", "nat"] {
                    // libiptc loses what a policy has counted with every change that does not set it; here it stays.
                    func lines(_ text: String) -> [Substring] {
                        text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
                            line.hasPrefix(":") && !call.text.contains(line.prefix { $0 != " " }) ? line.prefix { $0 != "[" } : line
                        }
                    }
                    let saved = lines(try tool(["iptables-legacy-save", "-c", "-t", table]).output)
                    let ours = ruleset[TableName(rawValue: table)!]
                    #expect(lines(Ruleset(tables: [ours]).saved(.init(counters: true))) == saved, "\(call)")
                }
            }
        }
    }

    @Test(
        "iptables-save's options are the legacy one's",
        arguments: [
            ["-V"], ["-t", "bogus"], ["-h"], ["--bogus"], ["foo"], ["-t"], ["-d", "-t", "bogus"], ["-b", "-t", "bogus"], ["--table=bogus"],
            ["-b", "-t", "filter"], ["-ct", "filter"], ["-M", "x", "-t", "filter"], ["--counters=5"],
        ])
    func save(arguments: [String]) throws {
        try LegacyTool.with { tool in
            _ = try tool(["iptables-legacy", "-S"])
            let expected = try tool(["iptables-legacy-save"] + arguments)
            do throws(IPTables.Finished) {
                let read = try IPTables.saveArguments(arguments)
                #expect(expected.exitCode == 0 && read.notices == expected.errors, "\(expected)")
                #expect(read.counters == expected.output.contains("[0:0] -P") || !expected.output.contains("-A"))
            } catch {
                #expect(error.outcome.exitCode == expected.exitCode && error.outcome.output == expected.output, "\(error.outcome)")
                Self.compare(error.outcome.errors, expected.errors, arguments)
            }
        }
    }

    /// Each sentence of the legacy program's in its order; ours may say more.
    private static func compare(_ errors: String, _ expected: String, _ call: Any) {
        var ours = errors.split(separator: "\n")[...]
        // The real one says the name it was called by.
        for line in expected.replacing("iptables-legacy-", with: "iptables-").split(separator: "\n") {
            let start = line.hasSuffix(".") ? line.dropLast() : line
            let place = ours.firstIndex { $0.hasPrefix(start) }
            #expect(place != nil, "\(call) says \(expected)Martlet: \(errors)")
            guard let place else { return }
            ours = ours[(place + 1)...]
        }
        if expected.isEmpty { #expect(errors.isEmpty, "\(call)") }
    }
}
