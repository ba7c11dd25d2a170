import Net

/// Reads the language of ipset: one command a line, words between blanks, quotation marks around comments.
struct SetParser {
    /// The words of a line; a quotation mark opens and closes a word and nothing escapes it.
    static func words(in text: Substring, line: Int) throws(RuleError) -> [Word] {
        var words: [Word] = []
        var current = ""
        var start: SourceLocation?
        var quotation: SourceLocation?
        var here = SourceLocation(line: line, column: 1)
        for character in text.unicodeScalars {
            if quotation != nil {
                if character == "\"" { quotation = nil } else { current.unicodeScalars.append(character) }
            } else if character == "\"" {
                quotation = here
                start = start ?? here
            } else if character == " " || character == "\t" || character == "\r" {
                if let place = start { words.append(Word(current, at: place)) }
                current = ""
                start = nil
            } else {
                start = start ?? here
                current.unicodeScalars.append(character)
            }
            here.column += 1
        }
        if let quotation { throw RuleError("quotation mark is never closed", at: Word("\"", at: quotation)) }
        if let place = start { words.append(Word(current, at: place)) }
        return words
    }

    // MARK: create

    static func type(_ word: Word) throws(RuleError) -> SetType {
        if SetType.missing.contains(word.text) {
            throw RuleError(
                "Kernel error received: set type not supported",
                hint: "there are \(SetType.allCases.map(\.rawValue).joined(separator: " "))", at: word, exitCode: 1)
        }
        guard let type = SetType(rawValue: word.text) ?? SetType.formerNames[word.text] else {
            throw RuleError(
                "Syntax error: typename '\(word.text)' is unknown",
                hint: Suggestion.hint(for: word.text, among: SetType.allCases.map(\.rawValue)), at: word, exitCode: 1)
        }
        return type
    }

    static func unknown(_ command: Word) -> RuleError {
        RuleError(
            "No command specified: unknown argument \(command.text)",
            hint: Suggestion.hint(for: command.text, among: ["create", "add", "del", "flush", "destroy", "swap", "rename"]),
            at: command)
    }

    static func checkName(_ word: Word) throws(RuleError) {
        guard word.text.utf8.count <= 31 else {
            throw RuleError("Syntax error: setname '\(word.text)' is longer than 31 characters", at: word, exitCode: 1)
        }
        guard !word.text.isEmpty else {
            throw RuleError("Syntax error: '\(word.text)' is no name for a set", at: word, exitCode: 1)
        }
    }

    static func options(_ type: SetType, _ words: ArraySlice<Word>, of command: Word) throws(RuleError) -> SetOptions {
        var options = SetOptions()
        var rest = words
        var hasRange = false
        var first: Word?
        var given: Set<String> = []
        while var word = rest.popFirst() {
            // Options had dashes before version 5.
            if word.text.hasPrefix("--") { word.text.removeFirst(2) }
            if !["counters", "comment", "skbinfo", "forceadd"].contains(word.text), !given.insert(word.text).inserted {
                throw RuleError("Syntax error: \(word.text) already specified", at: word, exitCode: 1)
            }
            switch word.text {
            case "-4": break
            case "probes" where type.hasProbes, "resize" where type.hasProbes:
                _ = try number(of: word, &rest, 0...255)
            case "family":
                let value = try argument(of: word, &rest)
                guard value.text == "inet" else {
                    throw RuleError(
                        "family \(value.text) is not supported", hint: "sets hold IPv4 addresses", at: value,
                        exitCode: 1)
                }
            case "hashsize" where type.isHash:
                let wanted = try number(of: word, &rest, 0...UInt32.max)
                guard wanted <= 0x8000_0000 else {
                    throw RuleError("Kernel error received: Cannot allocate memory", at: word, exitCode: 1)
                }
                options.hashSize = max(64, wanted > 1 ? 1 << UInt32(32 - (wanted - 1).leadingZeroBitCount) : 1)
            case "maxelem" where type.isHash: options.maxElements = try number(of: word, &rest, 0...UInt32.max)
            case "bucketsize" where type.isHash: options.bucketSize = UInt8(try number(of: word, &rest, 1...14))
            case "initval" where type.isHash: options.initialValue = try number(of: word, &rest, 0...UInt32.max)
            case "netmask" where type == .hashIP || type == .bitmapIP:
                let length: UInt32
                do throws(RuleError) {
                    length = try number(of: word, &rest, 1...32)
                } catch {
                    var error = error
                    if error.exitCode == 1 { error.message += "\nSyntax error: netmask is out of the inclusive range of 1-32" }
                    throw error
                }
                options.netmask = length == 32 ? nil : UInt8(length)
            case "timeout": options.timeout = try number(of: word, &rest, 0...2_147_483)
            case "counters": options.hasCounters = true
            case "comment": options.hasComments = true
            case "skbinfo": options.hasMarks = true
            case "forceadd" where type.isHash: options.forcesAdd = true
            case "size" where type == .listSet: options.listSize = max(4, try number(of: word, &rest, 0...65535))
            case "from" where type == .bitmapIP || type == .bitmapPort: first = try argument(of: word, &rest)
            case "to" where type == .bitmapIP || type == .bitmapPort:
                let last = try argument(of: word, &rest)
                guard let first else { throw RuleError("Syntax error: from is missing", at: word, exitCode: 1) }
                rest.insert(Word("\(first.text)-\(last.text)", at: first.location), at: rest.startIndex)
                rest.insert(Word("range", at: word.location), at: rest.startIndex)
            case "range" where type == .bitmapIP, "network" where type == .bitmapIP:
                options.addresses = try addresses(try argument(of: word, &rest))
                hasRange = true
            case "range" where type == .bitmapPort:
                let value = try argument(of: word, &rest)
                let ends = value.text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
                guard ends.count == 2 else {
                    throw RuleError(
                        "Syntax error: PORT-PORT range must be specified: \(value.text)", at: value, exitCode: 1)
                }
                let first = try port(ends[0], nil, value)
                let last = try port(ends[1], nil, value)
                options.ports = min(first, last)...max(first, last)
                hasRange = true
            default:
                throw unknown(
                    word,
                    among: [
                        "hashsize", "maxelem", "netmask", "timeout", "counters", "comment", "skbinfo", "forceadd",
                        "size", "range", "family", "bucketsize", "initval",
                    ])
            }
        }
        if !hasRange, type == .bitmapIP || type == .bitmapPort {
            throw RuleError("Mandatory option `range' is missing", at: command, exitCode: 2)
        }
        if type == .bitmapIP {
            let elements = UInt64(options.addresses.upperBound.rawValue - options.addresses.lowerBound.rawValue) + 1
            guard elements >> UInt64(32 - (options.netmask ?? 32)) <= 65536 else {
                throw RuleError(
                    "The range you specified exceeds the size limit of the set type", at: command, exitCode: 1)
            }
        }
        return options
    }

    private static func addresses(_ word: Word) throws(RuleError) -> ClosedRange<IPv4Address> {
        if let prefix = IPv4Prefix(word.text), word.text.contains("/") { return prefix.network.address...prefix.last }
        let ends = word.text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard ends.count == 2, let first = IPv4Address(ends[0]), let last = IPv4Address(ends[1]) else {
            throw RuleError(
                "Syntax error: IP/cidr or IP-IP range must be specified: \(word.text)", at: word, exitCode: 1)
        }
        return min(first, last)...max(first, last)
    }

    static func unknown(_ word: Word, among known: [String]) -> RuleError {
        RuleError("Unknown argument: `\(word.text)'", hint: Suggestion.hint(for: word.text, among: known), at: word)
    }

    static func argument(of word: Word, _ rest: inout ArraySlice<Word>) throws(RuleError) -> Word {
        guard let value = rest.popFirst() else {
            throw RuleError("Missing mandatory argument of option `\(word.text)'", at: word)
        }
        return value
    }

    static func number(
        of word: Word, _ rest: inout ArraySlice<Word>, _ range: ClosedRange<UInt32>
    ) throws(RuleError) -> UInt32 {
        let value = try argument(of: word, &rest)
        guard let number = Number.parse(value.text, in: UInt64(range.lowerBound)...UInt64(range.upperBound)) else {
            if Number.parse(value.text.drop { $0 == "-" }, in: 0...UInt64.max) == nil {
                throw RuleError("Syntax error: '\(value.text)' is invalid as number", at: value, exitCode: 1)
            }
            throw RuleError(
                "Syntax error: '\(value.text)' is out of range \(range.lowerBound)-\(range.upperBound)", at: value,
                exitCode: 1)
        }
        return UInt32(number)
    }

    static func port(_ text: some StringProtocol, _ protocolName: String?, _ word: Word) throws(RuleError) -> UInt16 {
        if let number = Number.parse(text, in: 0...65535) { return UInt16(number) }
        guard let port = Names.servicePort(String(text), protocolName: protocolName) else {
            throw RuleError(
                "Syntax error: cannot parse '\(text)' as a \(protocolName ?? "tcp") port", at: word, exitCode: 1)
        }
        return port
    }
}
