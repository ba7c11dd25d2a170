/// One thing that is wrong in a text of the operator's: a configuration or a rules file.
public struct Diagnostic: Hashable, Sendable, Codable, Error {
    /// The file as the operator named it; "-" is standard input.
    public var file: String
    /// From 1; 0 if the whole file is meant, as when it cannot be read.
    public var line: Int
    /// From 1, in Unicode scalars; 0 if the whole line is meant.
    public var column: Int
    public var message: String

    public init(file: String, line: Int = 0, column: Int = 0, message: String) {
        self.file = file
        self.line = line
        self.column = column
        self.message = message
    }
}

extension Diagnostic: CustomStringConvertible {
    /// `FILE:LINE:COLUMN: message`, with as many of the numbers as are known.
    public var description: String {
        var text = file
        if line > 0 { text += ":\(line)" }
        if line > 0, column > 0 { text += ":\(column)" }
        return "\(text): \(message)"
    }
}

extension Diagnostic: Comparable {
    /// By place in the file, so that a list reads from top to bottom.
    public static func < (a: Self, b: Self) -> Bool {
        (a.file, a.line, a.column, a.message) < (b.file, b.line, b.column, b.message)
    }
}
