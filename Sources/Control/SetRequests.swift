/// Arguments of `sets restore`: one transaction, wholly done or wholly refused.
public struct SetsRestore: Hashable, Sendable, Codable {
    /// The file's name as diagnostics shall print it.
    public var file: String
    /// ipset save text.
    public var text: String
    /// `-exist`: what is there may be added, and what is not may be taken out.
    public var exists: Bool

    public init(file: String, text: String, exists: Bool = false) {
        self.file = file
        self.text = text
        self.exists = exists
    }
}

/// Arguments of `sets list` and `sets save`.
public struct SetsList: Hashable, Sendable, Codable {
    /// How the sets are shown; the words of ipset's -o, -t and -n, and `rows` for programs.
    public enum Form: String, Hashable, Sendable, Codable {
        case plain, terse, names, save, xml, rows
        case terseRows = "terse-rows"
    }

    /// One set, or nil for all.
    public var name: String?
    public var form: Form

    public init(name: String? = nil, form: Form) {
        self.name = name
        self.form = form
    }
}

/// One command of ipset that changes or tests sets, in its words.
public struct SetsCommand: Hashable, Sendable, Codable {
    public var words: [String]
    public var exists: Bool

    public init(words: [String], exists: Bool = false) {
        self.words = words
        self.exists = exists
    }
}
