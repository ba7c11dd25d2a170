/// The lines of a restore file, to point into when something about a rule is found out after it was read.
public struct SourceText: Sendable {
    public let file: String
    private let lines: [Substring]

    /// - Parameter file: the name diagnostics carry.
    public init(_ text: String, file: String) {
        self.file = file
        lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map { Substring($0) }
    }

    /// What is to be said about a rule of this text.
    ///
    /// - Parameter subject: the word of the rule that is meant; without it, or if the rule has no such word, its beginning is.
    public func diagnostic(_ message: String, hint: String? = nil, about rule: Rule, subject: String? = nil) -> Diagnostic {
        let line = rule.location.line
        guard lines.indices.contains(line - 1) else {
            return Diagnostic(file: file, location: rule.location, message: message, hint: hint, sourceLine: "")
        }
        let word: Word? = subject.flatMap { Self.word($0, in: lines[line - 1], line: line) }
        let text = String(lines[line - 1])
        let place = word?.location ?? rule.location
        return Diagnostic(
            file: file, location: place, length: min(word?.text.count ?? 1, max(1, text.count - place.column + 1)),
            message: message, hint: hint, sourceLine: text)
    }

    /// The first word of a rule's line that reads so, behind the counters.
    static func word(_ subject: String, in line: Substring, line number: Int) -> Word? {
        var text = line
        var column = 1
        if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
            column += text.distance(from: text.startIndex, to: end) + 1
            text = text[text.index(after: end)...]
        }
        let words = try? Lexer.words(in: text, line: number, column: column)
        return words?.first { $0.text == subject }
    }
}
