import Net

/// What a command notes of an element: the words after it.
public struct SetNotes: Hashable, Sendable {
    /// Where in a list a set goes.
    public struct Place: Hashable, Sendable {
        public var isBefore: Bool
        /// The name of the set before or after which.
        public var reference: Word
    }

    public var isNomatch = false
    /// Seconds, 0 for ever; nil if the command does not say.
    public var timeout: UInt32?
    /// nil if the command does not say; of an element that is there already they stay then.
    public var packets: UInt64?
    public var bytes: UInt64?
    public var comment: String?
    public var marks: SetMarks?
    public var place: Place?

    public init() {}

    /// - Parameters:
    ///   - words: what follows the element.
    ///   - set: says which notes its elements may have.
    public init(_ words: ArraySlice<Word>, for set: SetHeader) throws(RuleError) {
        var rest = words
        func need(_ isSupported: Bool, _ what: String, _ word: Word) throws(RuleError) {
            if !isSupported {
                throw RuleError(
                    "\(what) cannot be used: set was created without \(what.lowercased()) support", at: word,
                    exitCode: 1)
            }
        }
        var given: Set<String> = []
        while let word = rest.popFirst() {
            if word.text != "nomatch", !given.insert(word.text).inserted {
                throw RuleError("Syntax error: \(word.text) already specified", at: word, exitCode: 1)
            }
            switch word.text {
            case "timeout":
                try need(set.options.timeout != nil, "Timeout", word)
                timeout = try SetParser.number(of: word, &rest, 0...2_147_483)
            case "packets":
                try need(set.options.hasCounters, "Counters", word)
                packets = try Self.counter(word, &rest)
            case "bytes":
                try need(set.options.hasCounters, "Counters", word)
                bytes = try Self.counter(word, &rest)
            case "comment":
                try need(set.options.hasComments, "Comment", word)
                let value = try SetParser.argument(of: word, &rest)
                guard !value.text.contains("\"") else {
                    throw RuleError("Syntax error: \" character is not permitted in comments", at: value, exitCode: 1)
                }
                guard value.text.keptCount <= 255 else {
                    throw RuleError(
                        "Syntax error: Comment is longer than the maximum allowed 255 characters", at: value,
                        exitCode: 1)
                }
                comment = value.text
            case "nomatch" where set.type.hasNetworks: isNomatch = true
            case "skbmark", "skbprio", "skbqueue":
                try need(set.options.hasMarks, "Skbinfo", word)
                var marks = self.marks ?? SetMarks()
                try Self.readMark(word, try SetParser.argument(of: word, &rest), &marks)
                self.marks = marks
            case "before" where set.type == .listSet, "after" where set.type == .listSet:
                place = Place(isBefore: word.text == "before", reference: try SetParser.argument(of: word, &rest))
            default:
                let known = ["timeout", "packets", "bytes", "comment", "skbmark", "skbprio", "skbqueue"]
                throw SetParser.unknown(word, among: set.type.hasNetworks ? known + ["nomatch"] : known)
            }
        }
    }

    private static func counter(_ word: Word, _ rest: inout ArraySlice<Word>) throws(RuleError) -> UInt64 {
        let value = try SetParser.argument(of: word, &rest)
        guard let number = Number.parse(value.text, in: 0...UInt64.max) else {
            throw RuleError("Syntax error: '\(value.text)' is invalid as number", at: value, exitCode: 1)
        }
        return number
    }

    private static func readMark(_ option: Word, _ value: Word, _ marks: inout SetMarks) throws(RuleError) {
        let error = RuleError("Syntax error: '\(value.text)' is invalid as \(option.text)", at: value, exitCode: 1)
        switch option.text {
        case "skbmark":
            guard let mark = MaskedValue(parsing: value.text) else { throw error }
            marks.mark = mark
        case "skbprio":
            let parts = value.text.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 2, let major = UInt16(parts[0], radix: 16), let minor = UInt16(parts[1], radix: 16)
            else {
                throw error
            }
            marks.priority = UInt32(major) << 16 | UInt32(minor)
        default:
            guard let queue = Number.parse(value.text, in: 0...65535) else { throw error }
            marks.queue = UInt16(queue)
        }
    }
}
