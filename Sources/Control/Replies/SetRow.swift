/// A set, for programs.
public struct SetRow: Hashable, Sendable, Codable {
    public var name: String
    public var type: String
    /// The options it was made with, as `create` takes them.
    public var header: String
    /// In bytes.
    public var memory: Int
    /// Rules and lists that name it.
    public var references: Int
    public var entries: Int
    /// Elements that packets would have added if there had been room.
    public var refused: UInt64
    /// nil if they were not asked for.
    public var elements: [SetElementRow]?

    public init(
        name: String, type: String, header: String, memory: Int, references: Int, entries: Int, refused: UInt64,
        elements: [SetElementRow]?
    ) {
        self.name = name
        self.type = type
        self.header = header
        self.memory = memory
        self.references = references
        self.entries = entries
        self.refused = refused
        self.elements = elements
    }
}

/// An element of a set. What the set does not keep is nil.
public struct SetElementRow: Hashable, Sendable, Codable {
    public var element: String
    public var isNomatch: Bool?
    /// Seconds left, 0 for ever.
    public var timeout: UInt32?
    public var packets: UInt64?
    public var bytes: UInt64?
    public var comment: String?

    public init(
        element: String, isNomatch: Bool? = nil, timeout: UInt32? = nil, packets: UInt64? = nil, bytes: UInt64? = nil,
        comment: String? = nil
    ) {
        self.element = element
        self.isNomatch = isNomatch
        self.timeout = timeout
        self.packets = packets
        self.bytes = bytes
        self.comment = comment
    }
}

/// A part of a long text; the parts follow each other as they come.
public struct TextPiece: Hashable, Sendable, Codable {
    public var text: String

    public init(text: String) { self.text = text }
}
