import Rules
import TestSupport

/// What an operator does in the middle of a conversation.
public enum RuleChange: Sendable {
    /// `iptables-restore -c`, or with `-n` too.
    case restore(tables: [TwinCase.Table], keepsOthers: Bool)
    /// The words behind `ipset`.
    case ipset([String])

    /// As a comment of a scenario, which has no words for the first.
    var lines: [String] {
        switch self {
        case .ipset(let words): ["ipset " + words.joined(separator: " ")]
        case .restore(let tables, let keepsOthers):
            ["# iptables-restore -c" + (keepsOthers ? " -n" : "")] + TwinCase.text(of: tables).split(separator: "\n").map { "#   \($0)" }
        }
    }
}

extension RulesetGenerator {
    /// Matches whose state is the rule's own. When one rule of a table changes, the kernel makes the state of all of them anew, and Martlet
    /// keeps that of the rules that stay: nothing to compare in a case in which rules change.
    static let forgetful: Set<String> = ["limit", "quota", "statistic", "connlimit"]

    /// Other rules for some tables of a case: rules gone, added, or with counters of their own.
    mutating func change(of tables: [TwinCase.Table]) -> RuleChange {
        let keepsOthers = random.chance(40)
        let chosen = random.some(tables, 1...tables.count)
        let changed = chosen.map { old -> TwinCase.Table in
            guard let name = TableName(rawValue: old.name) else { return old }
            var table = old
            table.rules = old.rules.filter { _ in random.chance(keepsOthers ? 25 : 70) }
            let fresh = self.table(name, rules: random.number(0...4))
            table.rules += fresh.rules
            // A chain that is told of with -n is emptied, if it is not a built-in one.
            table.chains += fresh.chains.filter { line in !table.chains.contains { Self.chainName($0) == Self.chainName(line) } }
            if keepsOthers, random.chance(50) {
                let called = table.rules.joined(separator: " ") + " "
                // The built-in ones stay: iptables would set their counters to zero as soon as anything in the table changes, and Martlet keeps
                // them, so they are said.
                table.chains = table.chains.filter { !$0.contains(" - ") || called.contains(" \(Self.chainName($0)) ") }
            }
            table.chains = table.chains.map { line in
                random.chance(60) ? line : Self.chainName(line, with: ":") + " " + line.split(separator: " ")[1] + " \(counters())"
            }
            table.rules.shuffle(using: &random)
            return table
        }
        var legal = Self.legal(changed)
        for index in legal.indices {
            legal[index].rules = legal[index].rules.map { random.chance(50) ? "\(counters()) \($0)" : $0 }
        }
        return .restore(tables: legal, keepsOthers: keepsOthers)
    }

    private mutating func counters() -> String { "[\(random.number(0...9)):\(random.number(0...2000))]" }

    private static func chainName(_ line: String, with mark: String = "") -> String {
        mark + (line.dropFirst().split(separator: " ").first ?? "")
    }
}
