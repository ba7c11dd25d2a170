/// The rules of all tables with their counters, as `iptables-save -c` prints them.
public struct RuleCounters: Equatable, Sendable, CustomStringConvertible {
    /// One chain's policy or one rule.
    public struct Line: Equatable, Sendable {
        public var table: String
        /// `:INPUT ACCEPT` or `-A INPUT …`.
        public var text: String
        public var packets: UInt64
        public var bytes: UInt64
    }

    public var lines: [Line] = []

    public init(_ text: String) throws {
        var table = ""
        for line in text.split(separator: "\n") where !line.hasPrefix("#") && line != "COMMIT" {
            if line.hasPrefix("*") {
                table = String(line.dropFirst())
                continue
            }
            guard let open = line.firstIndex(of: "["), let close = line.firstIndex(of: "]") else {
                throw LabError("a rule without counters: \(line)")
            }
            let numbers = line[line.index(after: open)..<close].split(separator: ":").compactMap { UInt64($0) }
            guard numbers.count == 2, line.hasPrefix(":") || line.hasPrefix("[") else {
                throw LabError("not a line of iptables-save -c: \(line)")
            }
            let words = line.hasPrefix(":") ? line[..<open] : line[close...].dropFirst()
            let text = words.split(separator: " ").joined(separator: " ")
            lines.append(Line(table: table, text: text, packets: numbers[0], bytes: numbers[1]))
        }
        // Tables, and chains within a table, have no order that means something; rules within a chain do.
        let order = Dictionary(grouping: lines.indices, by: { Self.chain(lines[$0]) })
        lines = order.keys.sorted().flatMap { order[$0]!.map { lines[$0] } }
    }

    private static func chain(_ line: Line) -> String {
        let words = line.text.split(separator: " ")
        let name = line.text.hasPrefix(":") ? words[0].dropFirst() : words.count > 1 ? words[1] : ""
        return "\(line.table) \(name)"
    }

    public var description: String {
        lines.map { "\($0.table): [\($0.packets):\($0.bytes)] \($0.text)" }.joined(separator: "\n")
    }

    /// The lines that differ, one string each, empty if none does.
    public func differences(from other: RuleCounters, names: (String, String)) -> [String] {
        guard lines.map(\.text) == other.lines.map(\.text) else {
            return ["the rules read differently:\n\(names.0):\n\(self)\n\(names.1):\n\(other)"]
        }
        return zip(lines, other.lines).filter { $0 != $1 }.map {
            "\($0.table) \($0.text): \(names.0) \($0.packets):\($0.bytes), \(names.1) \($1.packets):\($1.bytes)"
        }
    }
}
