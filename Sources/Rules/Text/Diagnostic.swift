/// An error of a file: where, what, and the line it is on.
public struct Diagnostic: Error, Hashable, Sendable {
    /// The file as the operator named it; `-` is standard input.
    public var file: String
    public var location: SourceLocation
    /// Columns the caret underlines, at least 1.
    public var length: Int
    public var message: String
    public var hint: String?
    /// The line as it stands in the file.
    public var sourceLine: String

    public init(
        file: String, location: SourceLocation, length: Int = 1, message: String, hint: String? = nil,
        sourceLine: String
    ) {
        self.file = file
        self.location = location
        self.length = max(1, length)
        self.message = message
        self.hint = hint
        self.sourceLine = sourceLine
    }
}

extension Diagnostic: CustomStringConvertible {
    /// `FILE:LINE:COLUMN: message`.
    public var headline: String {
        let text = "\(file):\(location.line):\(location.column): \(message)"
        return if let hint { "\(text); \(hint)" } else { text }
    }

    /// The headline, the line, and a caret under the word at fault. Tabs stay tabs, so that the caret stands right.
    public var description: String {
        guard !sourceLine.isEmpty else { return headline }
        let margin = sourceLine.prefix(location.column - 1).map { $0 == "\t" ? "\t" : " " }
        return "\(headline)\n  \(sourceLine)\n  \(margin.joined())\(String(repeating: "^", count: length))"
    }
}

/// Everything that is wrong with a file, in the order of its lines; never empty.
public struct Diagnostics: Error, Hashable, Sendable, CustomStringConvertible {
    public var list: [Diagnostic]

    /// How many are told at the most: a file of another kind is wrong in each of its lines, and who misspells a name misspells it everywhere.
    public static let mostTold = 100

    public init(_ list: [Diagnostic]) { self.list = list }

    public var description: String { list.map(\.description).joined(separator: "\n") }
}
