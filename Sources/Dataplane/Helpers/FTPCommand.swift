import Net

/// A line that announces a data connection, as the kernel reads it: find_pattern and the try_… functions of
/// net/netfilter/nf_conntrack_ftp.c.
struct FTPCommand {
    /// How address and port are written.
    enum Form {
        /// `192,168,0,1,19,136`, of PORT and 227.
        case numbers
        /// `|1|192.168.0.1|5000|`, of EPRT.
        case extended
        /// `|||5000|`, of 229: the address is the speaker's.
        case port

        private static let bar: UInt8 = 0x7C

        func text(_ address: IPv4Address, _ port: UInt16) -> Replacement {
            var text = Replacement()
            switch self {
            case .numbers:
                text.append(address, separatedBy: 0x2C)
                text.append(0x2C)
                text.append(number: UInt32(port >> 8))
                text.append(0x2C)
                text.append(number: UInt32(port & 0xFF))
            case .extended:
                text.append(Self.bar)
                text.append(0x31)
                text.append(Self.bar)
                text.append(address, separatedBy: 0x2E)
                text.append(Self.bar)
                text.append(number: UInt32(port))
                text.append(Self.bar)
            case .port:
                for _ in 0..<3 { text.append(Self.bar) }
                text.append(number: UInt32(port))
                text.append(Self.bar)
            }
            return text
        }
    }

    enum Outcome {
        case nothing
        /// It may become one: the line is cut off, or what should be an address is none. Passed on, it could not be rewritten.
        case partial
        case command(FTPCommand)
    }

    var form: Form
    var address: IPv4Address
    var port: UInt16
    /// Where address and port stand in the text.
    var start: Int
    var length: Int

    /// Reads the beginning of a line.
    ///
    /// - Parameter speaker: whose address it is where none is written.
    static func read(_ text: HelperText, _ direction: Direction, speaker: IPv4Address) -> Outcome {
        switch direction {
        case .original:
            let outcome = after("PORT", text, skipping: 0x20) { numbers(text, from: $0, terminator: 0x0D) }
            if case .nothing = outcome { return after("EPRT", text, skipping: 0x20) { extended(text, from: $0) } }
            return outcome
        case .reply:
            let outcome = after("227 ", text, skipping: nil) { firstNumbers(text, from: $0) }
            if case .nothing = outcome { return after("229 ", text, skipping: 0x28) { portAlone(text, from: $0, speaker) } }
            return outcome
        }
    }

    /// find_pattern: a word, then anything up to a certain character, then what `parse` makes of the rest.
    @inline(__always)
    private static func after(
        _ word: StaticString, _ text: HelperText, skipping skipped: UInt8?, _ parse: (Int) -> FTPCommand?
    ) -> Outcome {
        let length = word.utf8CodeUnitCount
        if text.count <= length { return text.has(word, at: 0, ignoringCase: true, upTo: text.count) ? .partial : .nothing }
        guard text.has(word, at: 0, ignoringCase: true) else { return .nothing }
        var place = length
        if let skipped {
            while text[place] != skipped {
                if place == text.count - 1 { return .partial }
                place += 1
            }
            place += 1
        }
        guard let command = parse(place) else { return .partial }
        return .command(command)
    }

    /// try_number: so many numbers, and after the last either `terminator` or, if that is nil, anything. A number that is too large
    /// wraps.
    ///
    /// - Returns: bytes; nil if that is not what stands there.
    @inline(__always)
    private static func list(
        _ text: HelperText, from start: Int, _ numbers: inout InlineArray<6, UInt32>, count: Int, separator: UInt8,
        terminator: UInt8?
    ) -> Int? {
        var index = 0
        var place = start
        while place < text.count, index < count {
            let byte = text[place]
            if HelperText.isDigit(byte) {
                numbers[index] = numbers[index] &* 10 &+ UInt32(byte &- 0x30)
            } else if byte == separator {
                index += 1
            } else {
                guard index == count - 1, terminator == nil || byte == terminator, place > start else { return nil }
                return place - start
            }
            place += 1
        }
        return nil
    }

    /// try_rfc959.
    private static func numbers(_ text: HelperText, from start: Int, terminator: UInt8?) -> FTPCommand? {
        var numbers = InlineArray<6, UInt32>(repeating: 0)
        guard let length = list(text, from: start, &numbers, count: 6, separator: 0x2C, terminator: terminator) else {
            return nil
        }
        return FTPCommand(
            form: .numbers, address: address(numbers), port: UInt16(truncatingIfNeeded: numbers[4] << 8 | numbers[5]),
            start: start, length: length)
    }

    /// try_rfc1123: parentheses are not promised, so the first digit begins the address.
    private static func firstNumbers(_ text: HelperText, from start: Int) -> FTPCommand? {
        var place = start
        while place < text.count, !HelperText.isDigit(text[place]) { place += 1 }
        return place < text.count ? numbers(text, from: place, terminator: nil) : nil
    }

    /// try_eprt.
    private static func extended(_ text: HelperText, from start: Int) -> FTPCommand? {
        guard let delimiter = delimiter(text, at: start), text[start + 1] == 0x31, text[start + 2] == delimiter else { return nil }
        var numbers = InlineArray<6, UInt32>(repeating: 0)
        guard let length = list(text, from: start + 3, &numbers, count: 4, separator: 0x2E, terminator: delimiter),
            let (port, end) = port(text, from: start + 3 + length + 1, delimiter)
        else { return nil }
        return FTPCommand(form: .extended, address: address(numbers), port: port, start: start, length: end - start)
    }

    /// try_epsv_response.
    private static func portAlone(_ text: HelperText, from start: Int, _ speaker: IPv4Address) -> FTPCommand? {
        guard let delimiter = delimiter(text, at: start), text[start + 1] == delimiter, text[start + 2] == delimiter,
            let (port, end) = port(text, from: start + 3, delimiter)
        else { return nil }
        return FTPCommand(form: .port, address: speaker, port: port, start: start, length: end - start)
    }

    /// RFC 2428, 2: any printable character but a digit.
    private static func delimiter(_ text: HelperText, at start: Int) -> UInt8? {
        guard text.count - start > 3 else { return nil }
        let byte = text[start]
        return HelperText.isDigit(byte) || byte < 33 || byte > 126 ? nil : byte
    }

    /// get_port: digits up to the delimiter.
    ///
    /// - Returns: the port and where the delimiter has ended.
    private static func port(_ text: HelperText, from start: Int, _ delimiter: UInt8) -> (UInt16, Int)? {
        var port: UInt16 = 0
        var place = start
        while place < text.count {
            let byte = text[place]
            place += 1
            if byte == delimiter { return port == 0 ? nil : (port, place) }
            guard HelperText.isDigit(byte) else { return nil }
            port = port &* 10 &+ UInt16(byte &- 0x30)
        }
        return nil
    }

    private static func address(_ numbers: InlineArray<6, UInt32>) -> IPv4Address {
        IPv4Address(rawValue: numbers[0] << 24 | numbers[1] << 16 | numbers[2] << 8 | numbers[3])
    }
}
