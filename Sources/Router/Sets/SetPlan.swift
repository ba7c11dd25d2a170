import Dataplane
import Net
import Rules

/// An `ipset restore` text, read and checked as far as it can be without the elements there are: what is left to do takes little time.
///
/// Lines that add an element and say no more than its timeout, of which there may be millions, are read here without making words of
/// them; all others become instructions.
struct SetPlan {
    struct Addition {
        var name: Int32
        var line: Int32
        var key: SetKey
        /// Seconds; `noTimeout` for the set's own.
        var timeout: UInt32
    }
    static let noTimeout = UInt32.max

    struct Command {
        /// The number of additions that come before it.
        var after: Int
        var line: Int32
        var instruction: SetInstruction
    }

    var names: [String] = []
    var additions: [Addition] = []
    var commands: [Command] = []
    /// Elements that each set gets.
    var expecting: [String: Int] = [:]
    let file: String
    let exists: Bool
    private let text: [UInt8]
    private var headers: [String: SetHeader]

    /// - Parameters:
    ///   - headers: the sets there are.
    ///   - exists: `-exist`.
    /// - Throws: everything that is wrong with the text.
    init(
        _ text: String, file: String, exists: Bool, headers: [String: SetHeader]
    ) throws(Diagnostics) {
        self.file = file
        self.exists = exists
        self.headers = headers
        self.text = text.keptBytes
        var diagnostics: [Rules.Diagnostic] = []
        var start = 0
        var number = 0
        var lastName: [UInt8] = []
        var lastNumber: Int32 = 0
        var lastHeader: SetHeader?
        while start < self.text.count {
            let end = self.text[start...].firstIndex(of: UInt8(ascii: "\n")) ?? self.text.count
            defer { start = end + 1 }
            number += 1
            var reader = SetLineReader(self.text, start, end)
            if reader.skip("add "), let name = reader.word() {
                if name != lastName[...] {
                    lastName = Array(name)
                    let string = String(keeping: lastName)
                    lastHeader = self.headers[string]
                    lastNumber = Int32(names.count)
                    names.append(string)
                }
                if let header = lastHeader, let key = reader.key(header.type, header.options),
                    let timeout = reader.timeout(header.options)
                {
                    additions.append(Addition(name: lastNumber, line: Int32(number), key: key, timeout: timeout))
                    continue
                }
            }
            let line = String(keeping: Array(self.text[start..<end]))
            do throws(RuleError) {
                let words = try SetInstruction.words(in: line[...], number: number)
                let instruction = try SetInstruction.parse(words, toleratesExisting: exists) { self.headers[$0] }
                if let instruction {
                    follow(instruction)
                    lastName = []
                    commands.append(
                        Command(after: additions.count, line: Int32(number), instruction: instruction))
                }
            } catch {
                diagnostics.append(diagnostic(error, line: number))
                if diagnostics.count >= 1000 { break }
            }
        }
        var counts = [Int](repeating: 0, count: names.count)
        for addition in additions { counts[Int(addition.name)] += 1 }
        for (name, count) in zip(names, counts) { expecting[name, default: 0] += count }
        for command in commands {
            if case .add(let set, let entries, _, _, _) = command.instruction { expecting[set.text, default: 0] += entries.count }
        }
        guard diagnostics.isEmpty else { throw Diagnostics(diagnostics) }
    }

    /// Keeps track of which sets there are.
    private mutating func follow(_ instruction: SetInstruction) {
        switch instruction {
        case .create(let name, let header, _):
            if headers[name.text] == nil { headers[name.text] = header }
        case .destroy(let name): if let name { headers[name.text] = nil } else { headers = [:] }
        case .swap(let first, let second):
            let header = headers[first.text]
            headers[first.text] = headers[second.text]
            headers[second.text] = header
        case .rename(let old, let new): headers[new.text] = headers.removeValue(forKey: old.text)
        default: break
        }
    }

    func diagnostic(_ error: RuleError, line: Int) -> Rules.Diagnostic {
        var number = 1
        var start = 0
        while number < line, let end = text[start...].firstIndex(of: UInt8(ascii: "\n")) {
            start = end + 1
            number += 1
        }
        let end = text[start...].firstIndex(of: UInt8(ascii: "\n")) ?? text.count
        return Rules.Diagnostic(
            file: file, location: error.word?.location ?? SourceLocation(line: line, column: 1),
            length: error.word?.text.count ?? 1, message: error.message, hint: error.hint,
            sourceLine: String(keeping: Array(text[start..<end])))
    }

    // MARK: Carrying out

    /// - Throws: the first command that is refused; everything is as before then.
    func perform(on book: SetBook, at now: UInt64) throws(Diagnostics) {
        var journal: [SetBook.Reversal] = []
        var done = 0
        do throws(PlacedFailure) {
            for command in commands {
                try add(done..<command.after, to: book, now, &journal)
                done = command.after
                do throws(RuleError) {
                    try book.apply(command.instruction, at: now, journal: &journal, expecting: expecting)
                } catch {
                    throw PlacedFailure(error: error, line: Int(command.line))
                }
            }
            try add(done..<additions.count, to: book, now, &journal)
        } catch {
            book.revert(journal, at: now)
            throw Diagnostics([diagnostic(error.error, line: error.line)])
        }
    }

    private struct PlacedFailure: Error {
        var error: RuleError
        var line: Int
    }

    private func add(
        _ range: Range<Int>, to book: SetBook, _ now: UInt64, _ journal: inout [SetBook.Reversal]
    ) throws(PlacedFailure) {
        var last: Int32 = -1
        var set: LiveSet?
        for index in range {
            let addition = additions[index]
            if addition.name != last {
                last = addition.name
                set = book[names[Int(last)]]?.set
                if let set, let count = expecting[names[Int(last)]], set.memory.count == 0 || count > 1000 {
                    book.maintain(set, at: now, expecting: count)
                }
            }
            do throws(RuleError) {
                guard let set else {
                    throw RuleError("The set with the given name does not exist", exitCode: 1)
                }
                var record = SetRecord(key: addition.key)
                if let standard = set.options.timeout {
                    record.expires = LiveSet.moment(
                        addition.timeout == Self.noTimeout ? standard : addition.timeout, after: now)
                }
                try book.add(record, to: set, exists: exists, nil, now, &journal)
            } catch {
                throw PlacedFailure(error: error, line: Int(addition.line))
            }
        }
    }
}

/// Reads the most common lines byte by byte.
private struct SetLineReader {
    private let text: [UInt8]
    private var place: Int
    private let end: Int

    init(_ text: [UInt8], _ start: Int, _ end: Int) {
        self.text = text
        place = start
        self.end = end
    }

    mutating func skip(_ literal: StaticString) -> Bool {
        let count = literal.utf8CodeUnitCount
        guard end - place >= count else { return false }
        let isSame = literal.withUTF8Buffer { bytes in
            for index in 0..<count where unsafe bytes[index] != text[place + index] { return false }
            return true
        }
        if isSame { place += count }
        return isSame
    }

    /// The bytes up to a blank, which is left behind.
    mutating func word() -> ArraySlice<UInt8>? {
        var stop = place
        while stop < end, text[stop] != UInt8(ascii: " ") {
            if text[stop] == UInt8(ascii: "\"") { return nil }
            stop += 1
        }
        guard stop < end, stop > place else { return nil }
        defer { place = stop + 1 }
        return text[place..<stop]
    }

    private mutating func number(upTo limit: UInt32) -> UInt32? {
        var value: UInt64 = 0
        let start = place
        while place < end, place - start < 10, case let digit = text[place], digit >= 48, digit <= 57 {
            value = value * 10 + UInt64(digit - 48)
            place += 1
        }
        // A leading zero would say octal elsewhere: leave such numbers to who knows.
        guard place > start, value <= UInt64(limit), place - start == 1 || text[start] != 48 else { return nil }
        return UInt32(value)
    }

    private mutating func byte(_ character: UInt8) -> Bool {
        guard place < end, text[place] == character else { return false }
        place += 1
        return true
    }

    private mutating func address() -> UInt32? {
        var value: UInt32 = 0
        for part in 0..<4 {
            if part > 0, !byte(UInt8(ascii: ".")) { return nil }
            guard let number = number(upTo: 255) else { return nil }
            value = value << 8 | number
        }
        return value
    }

    private mutating func port() -> UInt32? {
        let number: UInt32
        if skip("tcp:") { number = 6 } else if skip("udp:") { number = 17 } else { return nil }
        guard let port = self.number(upTo: 65535) else { return nil }
        return number << 16 | port
    }

    /// The element, if it is written in the plainest way; nil leaves it to the parser of all.
    mutating func key(_ type: SetType, _ options: SetOptions) -> SetKey? {
        guard let first = address() else { return nil }
        var length: UInt32 = 32
        if type.hasNetworks, byte(UInt8(ascii: "/")) {
            guard let number = number(upTo: 32), number > 0 else { return nil }
            length = number
        }
        let network = first & IPv4Prefix.mask(length: UInt8(length))
        switch type {
        case .hashIP:
            guard options.netmask == nil, first != 0 else { return nil }
            return SetKey(first)
        case .hashNet: return SetKey(network, length)
        case .hashIPPort:
            guard first != 0, byte(UInt8(ascii: ",")), let port = port() else { return nil }
            return SetKey(first, port)
        case .hashNetPort:
            guard byte(UInt8(ascii: ",")), let port = port() else { return nil }
            return SetKey(network, port, length)
        case .hashIPPortIP:
            guard first != 0, byte(UInt8(ascii: ",")), let port = port(), byte(UInt8(ascii: ",")), let other = address()
            else { return nil }
            return SetKey(first, port, other)
        default: return nil
        }
    }

    /// The rest of the line: nothing, or a timeout; nil if it is anything else.
    mutating func timeout(_ options: SetOptions) -> UInt32? {
        if place == end { return SetPlan.noTimeout }
        guard options.timeout != nil, skip(" timeout "), let seconds = number(upTo: 2_147_483), place == end else {
            return nil
        }
        return seconds
    }
}
