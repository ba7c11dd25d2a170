/// What rules take over from an element with `--map-set`.
public struct SetMarks: Hashable, Sendable {
    public var mark: MaskedValue?
    /// `MAJOR:MINOR` of a class.
    public var priority: UInt32?
    public var queue: UInt16?

    public init(mark: MaskedValue? = nil, priority: UInt32? = nil, queue: UInt16? = nil) {
        self.mark = mark
        self.priority = priority
        self.queue = queue
    }
}

/// An element of a set with what is noted of it.
public struct SetElement: Hashable, Sendable {
    public var entry: SetEntry
    /// The network's packets do not match, though they lie in a larger one that is in the set.
    public var isNomatch: Bool
    /// Seconds left, 0 for ever; nil if the set has no timeouts.
    public var timeout: UInt32?
    /// nil if the set does not count.
    public var counters: RuleCounters?
    public var comment: String?
    public var marks: SetMarks?

    public init(
        _ entry: SetEntry, isNomatch: Bool = false, timeout: UInt32? = nil, counters: RuleCounters? = nil,
        comment: String? = nil, marks: SetMarks? = nil
    ) {
        self.entry = entry
        self.isNomatch = isNomatch
        self.timeout = timeout
        self.counters = counters
        self.comment = comment
        self.marks = marks
    }
}

extension SetElement: CustomStringConvertible {
    /// As `add` takes it, after the set's name.
    public var description: String {
        var text = entry.description
        if let timeout { text += " timeout \(timeout)" }
        if isNomatch { text += " nomatch" }
        if let counters { text += " packets \(counters.packets) bytes \(counters.bytes)" }
        if let comment { text += " comment \"\(comment)\"" }
        if let marks {
            if let mark = marks.mark { text += " skbmark \(mark)" }
            if let priority = marks.priority {
                text += " skbprio \(String(priority >> 16, radix: 16)):\(String(priority & 0xFFFF, radix: 16))"
            }
            if let queue = marks.queue { text += " skbqueue \(queue)" }
        }
        return text
    }
}
