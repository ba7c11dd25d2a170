import Net

/// One ipset command, read and checked as far as it can be without the elements there are.
public enum SetInstruction: Sendable {
    case create(name: Word, header: SetHeader, exists: Bool)
    case add(set: Word, entries: [SetEntry], notes: SetNotes, element: Word, exists: Bool)
    case delete(set: Word, entries: [SetEntry], notes: SetNotes, element: Word, exists: Bool)
    case test(set: Word, entry: SetEntry, notes: SetNotes, element: Word)
    /// nil: all sets.
    case flush(Word?)
    case destroy(Word?)
    case swap(Word, Word)
    case rename(Word, Word)

    /// - Parameters:
    ///   - words: the command and its arguments.
    ///   - toleratesExisting: `-exist`.
    ///   - header: of a set that there is.
    /// - Returns: nil if there are no words.
    /// - Throws: what ipset would say.
    public static func parse(
        _ words: [Word], toleratesExisting: Bool = false, header: (String) -> SetHeader?
    ) throws(RuleError) -> SetInstruction? {
        var exists = toleratesExisting
        let plain = words.filter { $0.text != "-exist" && $0.text != "-!" && $0.text != "--exist" }
        if plain.count < words.count { exists = true }
        guard let command = plain.first else { return nil }
        let arguments = Array(plain.dropFirst())
        func need(_ count: Int) throws(RuleError) {
            if arguments.isEmpty {
                throw RuleError("Missing mandatory argument to command \(command.text)", at: command)
            }
            if arguments.count < count {
                throw RuleError("Missing second mandatory argument to command \(command.text)", at: command)
            }
        }
        func noMore(than count: Int) throws(RuleError) {
            if arguments.count > count {
                throw RuleError("Unknown argument \(arguments[count].text)", at: arguments[count])
            }
        }
        func existing(_ word: Word) throws(RuleError) -> SetHeader {
            guard let found = header(word.text) else {
                throw RuleError("The set with the given name does not exist", at: word, exitCode: 1)
            }
            return found
        }
        switch command.text {
        case "create", "n", "-N", "--create":
            try need(2)
            try SetParser.checkName(arguments[0])
            let type = try SetParser.type(arguments[1])
            let options = try SetParser.options(type, arguments[2...], of: arguments[1])
            return .create(name: arguments[0], header: SetHeader(type: type, options: options), exists: exists)
        case "add", "a", "-A", "--add", "del", "d", "-D", "--del", "test", "t", "-T", "--test":
            try need(2)
            let set = try existing(arguments[0])
            let notes = try SetNotes(arguments.dropFirst(2), for: set)
            let isTest = ["test", "t", "-T", "--test"].contains(command.text)
            if isTest { return try test(arguments[0], arguments[1], notes, in: set) }
            let entries = try SetEntryParser.entries(arguments[1], for: set)
            guard !entries.isEmpty else { return nil }
            if ["add", "a", "-A", "--add"].contains(command.text) {
                return .add(set: arguments[0], entries: entries, notes: notes, element: arguments[1], exists: exists)
            }
            return .delete(set: arguments[0], entries: entries, notes: notes, element: arguments[1], exists: exists)
        case "flush", "f", "-F", "--flush":
            try noMore(than: 1)
            if let word = arguments.first { _ = try existing(word) }
            return .flush(arguments.first)
        case "destroy", "x", "-X", "--destroy":
            try noMore(than: 1)
            if let word = arguments.first { _ = try existing(word) }
            return .destroy(arguments.first)
        case "swap", "w", "-W", "--swap":
            try need(2)
            try noMore(than: 2)
            _ = try existing(arguments[0])
            guard header(arguments[1].text) != nil else {
                throw RuleError(
                    "Sets cannot be swapped: the second set does not exist", at: arguments[1], exitCode: 1)
            }
            return .swap(arguments[0], arguments[1])
        case "rename", "e", "-E", "--rename":
            try need(2)
            try noMore(than: 2)
            try SetParser.checkName(arguments[1])
            _ = try existing(arguments[0])
            return .rename(arguments[0], arguments[1])
        default:
            throw SetParser.unknown(command)
        }
    }

    /// `test` asks about one element, and is answered with what ipset made of the word.
    private static func test(
        _ name: Word, _ word: Word, _ notes: SetNotes, in set: SetHeader
    ) throws(RuleError) -> SetInstruction? {
        let parts = word.text.split(separator: ",", omittingEmptySubsequences: false)
        func refuse(_ what: String) -> RuleError {
            let family = set.type == .bitmapPort ? "unspec" : "inet"
            return RuleError(
                "\(what) is not allowed in command test with set type \(set.type.rawValue) and family \(family)", at: word, exitCode: 1)
        }
        var asked = word
        var address = parts.first ?? ""
        if set.type == .bitmapIP, address.contains("/") { throw refuse("IP/CIDR range") }
        let port = set.type == .bitmapPort ? address : parts.count > 1 ? parts[1] : ""
        let ends = (port.split(separator: ":").last ?? "").split(separator: "-", maxSplits: 1)
        if ends.count == 2, ends.allSatisfy({ Number.parse($0, in: 0...65535) != nil }) { throw refuse("FROM-TO port range") }
        if set.type != .hashIP, set.type != .listSet, address.split(separator: "-").allSatisfy({ IPv4Address($0) != nil }),
            address.contains("-")
        {
            throw refuse("FROM-TO IP range")
        }
        if set.type == .hashIP, let slash = address.firstIndex(of: "/"), IPv4Prefix(address) != nil {
            // Of a network its address is asked about, as it stands there.
            asked.text = String(address[..<slash])
        }
        guard let entry = try SetEntryParser.entries(asked, for: set).first else { return nil }
        // A network is told as it was written, with the bits of the host.
        if address.hasSuffix("/32") { address.removeLast(3) }
        var told = word
        if set.type != .listSet {
            var words = entry.description.split(separator: ",").map(String.init)
            if address.contains("/") || address.contains("-") && set.type == .hashIP || IPv4Address(address) != nil { words[0] = String(address) }
            told.text = words.joined(separator: ",")
        }
        return .test(set: name, entry: entry, notes: notes, element: told)
    }

    /// The words of a line of `ipset restore`; none of an empty line, a comment or COMMIT.
    public static func words(in line: Substring, number: Int) throws(RuleError) -> [Word] {
        if line.isEmpty || line.hasPrefix("#") || line == "COMMIT" { return [] }
        return try SetParser.words(in: line, line: number)
    }
}
