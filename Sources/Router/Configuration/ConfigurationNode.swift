import Control
import Yams

/// Collects what is wrong with one file while it is walked.
final class DiagnosticCollector {
    let file: String
    private(set) var diagnostics: [Diagnostic]

    init(file: String, diagnostics: [Diagnostic] = []) {
        self.file = file
        self.diagnostics = diagnostics
    }

    func report(_ message: String, at mark: Mark?) {
        diagnostics.append(Diagnostic(file: file, line: mark?.line ?? 0, column: mark?.column ?? 0, message: message))
    }
}

/// A value in the configuration: a node of the YAML tree with the key it stands under, from which typed values are taken.
/// What does not fit is reported at its place and yields nil.
struct ConfigurationNode {
    let node: Node
    /// The key, as messages name it, such as "mtu".
    let name: String
    let collector: DiagnosticCollector

    /// Reports that something is wrong with this value.
    func report(_ message: String) { collector.report(message, at: node.mark) }

    /// Nothing was written, or `null` or `~` plainly.
    var isEmpty: Bool {
        guard case .scalar(let scalar) = node, scalar.style == .plain else { return false }
        return ["", "~", "null"].contains(scalar.string)
    }

    private var kind: String {
        switch node {
        case .mapping: "a mapping"
        case .sequence: "a list"
        case .scalar(let scalar): isEmpty ? "nothing" : "\"\(scalar.string)\""
        case .alias: "an alias"
        }
    }

    private func expected(_ what: String) { report("\(name) must be \(what), not \(kind)") }

    // MARK: Scalars

    /// A text that is not empty, with the meaning it has as a whole ("off" and 1 are texts too).
    func text(_ what: String = "a text") -> String? {
        guard case .scalar(let scalar) = node, !isEmpty, !scalar.string.isEmpty else {
            expected(what)
            return nil
        }
        return scalar.string
    }

    /// A whole number in decimal, or hexadecimal after 0x.
    func integer(_ range: ClosedRange<Int>, orWord word: String? = nil) -> Int? {
        let what = "a whole number from \(range.lowerBound) to \(range.upperBound)" + (word.map { " or \($0)" } ?? "")
        guard case .scalar(let scalar) = node, scalar.style == .plain, let value = Self.number(scalar.string),
            range.contains(value)
        else {
            expected(what)
            return nil
        }
        return value
    }

    /// A number as people write it: digits alone, so that neither 010 nor 1_000 nor 1e3 is taken for something else.
    static func number(_ text: some StringProtocol) -> Int? {
        let isHexadecimal = text.hasPrefix("0x")
        let digits = isHexadecimal ? text.dropFirst(2) : text[...]
        guard !digits.isEmpty, digits.utf8.allSatisfy({ UInt8(ascii: "0") <= $0 && $0 <= UInt8(ascii: "9") || isHexadecimal }),
            digits.allSatisfy(\.isHexDigit), isHexadecimal || digits == "0" || digits.first != "0"
        else { return nil }
        return Int(digits, radix: isHexadecimal ? 16 : 10)
    }

    /// Whether the value is this word, plainly.
    func isWord(_ word: String) -> Bool {
        guard case .scalar(let scalar) = node else { return false }
        return scalar.string == word
    }

    func boolean() -> Bool? {
        guard case .scalar(let scalar) = node, scalar.style == .plain else {
            expected("true or false")
            return nil
        }
        switch scalar.string {
        case "true", "yes", "on": return true
        case "false", "no", "off": return false
        default:
            expected("true or false")
            return nil
        }
    }

    /// One of the words of an enumeration.
    func choice<Choice: RawRepresentable<String> & CaseIterable>(_ type: Choice.Type) -> Choice? {
        let words = Choice.allCases.map(\.rawValue)
        guard case .scalar(let scalar) = node else {
            expected("one of " + words.joined(separator: ", "))
            return nil
        }
        if let value = Choice(rawValue: scalar.string) { return value }
        let hint = suggestion(for: scalar.string, among: words).map { "; did you mean \($0)?" } ?? ""
        report("\(name) must be one of \(words.joined(separator: ", ")), not \(kind)\(hint)")
        return nil
    }

    // MARK: Collections

    /// The elements of a list; none, without complaint, if nothing was written.
    func list() -> [ConfigurationNode] {
        if isEmpty { return [] }
        guard case .sequence(let sequence) = node else {
            expected("a list")
            return []
        }
        return sequence.map { ConfigurationNode(node: $0, name: name, collector: collector) }
    }

    /// The entries of a mapping, in order, each with its key's place; keys that stand twice are reported and left out.
    func entries(required: Bool = false) -> [(key: String, mark: Mark?, value: ConfigurationNode)] {
        if isEmpty && !required { return [] }
        guard case .mapping(let mapping) = node else {
            expected("a mapping of keys to values")
            return []
        }
        var places: [String: Mark?] = [:]
        var entries: [(key: String, mark: Mark?, value: ConfigurationNode)] = []
        for (keyNode, value) in mapping {
            guard case .scalar(let scalar) = keyNode else {
                collector.report("a key must be a word", at: keyNode.mark)
                continue
            }
            let key = YAMLText.originalKey(scalar.string)
            if let first = places[key] {
                collector.report(
                    "duplicate key \"\(key)\"" + (first.map { "; it stands on line \($0.line) already" } ?? ""),
                    at: keyNode.mark)
                continue
            }
            places[key] = keyNode.mark
            entries.append((key, keyNode.mark, ConfigurationNode(node: value, name: key, collector: collector)))
        }
        return entries
    }

    /// A mapping with fixed keys. Keys not among them are reported.
    func section(_ keys: [String], required: [String] = []) -> ConfigurationSection {
        var values: [String: ConfigurationNode] = [:]
        for (key, mark, value) in entries(required: !required.isEmpty) {
            if keys.contains(key) {
                values[key] = value
            } else {
                let hint = suggestion(for: key, among: keys).map { "; did you mean \"\($0)\"?" }
                    ?? "; there are " + keys.joined(separator: ", ")
                collector.report("unknown key \"\(key)\"\(hint)", at: mark)
            }
        }
        if case .mapping = node {
            for key in required where values[key] == nil {
                report("\"\(key)\" is missing")
            }
        }
        return ConfigurationSection(values: values)
    }
}

/// The values of a mapping with fixed keys.
struct ConfigurationSection {
    let values: [String: ConfigurationNode]

    subscript(key: String) -> ConfigurationNode? { values[key] }
}
