/// A place in a text: line and column, both from 1. Columns count characters as an editor shows them.
public struct SourceLocation: Hashable, Sendable, Comparable {
    public var line: Int
    public var column: Int

    public init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    public static func < (a: Self, b: Self) -> Bool { (a.line, a.column) < (b.line, b.column) }
}

/// One argument of a rule, with the place it stands at.
public struct Word: Hashable, Sendable {
    public var text: String
    public var location: SourceLocation

    public init(_ text: String, at location: SourceLocation) {
        self.text = text
        self.location = location
    }
}

extension Word {
    /// Arguments as a shell hands them over, placed as if they stood on one line with single spaces between them.
    public static func words(of arguments: [String], after prefix: String = "") -> [Word] {
        var column = prefix.isEmpty ? 1 : prefix.count + 2
        return arguments.map { argument in
            defer { column += argument.count + 1 }
            return Word(argument, at: SourceLocation(line: 1, column: column))
        }
    }
}
