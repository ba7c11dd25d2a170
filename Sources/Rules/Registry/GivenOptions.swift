import Net

/// An option as a rule gave it.
public struct GivenOption: Sendable {
    /// The canonical name, whatever spelling or prefix the rule used.
    public var name: String
    public var isNegated: Bool
    /// The option's own word.
    public var word: Word
    public var arguments: [Word]

    /// The protocol `-p` had named by then; some options look at it where they stand.
    public var ipProtocol: Negatable<IPProtocol>?

    /// The first argument, or the option's own word if it takes none.
    public var argument: Word { arguments.first ?? word }
}

/// The options a rule gave to one match or target, in their order, with the readers that most of them need.
public struct GivenOptions: Sendable {
    /// The name of the extension, for messages.
    public var extensionName: String
    /// The word that named the extension, or the option that called it in.
    public var word: Word
    public var list: [GivenOption]
    /// The rule's generic part, complete.
    public var rule: Rule

    /// The last option of this name.
    public subscript(name: String) -> GivenOption? { list.last { $0.name == name } }

    public func contains(_ name: String) -> Bool { list.contains { $0.name == name } }

    // MARK: Which options

    func required(_ name: String) throws(RuleError) -> GivenOption {
        guard let option = self[name] else {
            throw RuleError("\(extensionName): option \"--\(name)\" must be specified", at: word)
        }
        return option
    }

    /// The one of these options that is given, nil if none is.
    /// - Throws: if two of them are.
    func oneOf(_ names: [String]) throws(RuleError) -> GivenOption? {
        let given = names.compactMap { self[$0] }
        if given.count > 1 {
            let last = given.max { $0.word.location < $1.word.location }
            throw RuleError(
                "\(extensionName): option \"--\(given[0].name)\" cannot be used together with \"--\(given[1].name)\".",
                at: last?.word)
        }
        return given.first
    }

    // MARK: Readers of arguments

    func invalid(_ option: GivenOption, _ word: Word? = nil, _ detail: String = "", hint: String? = nil) -> RuleError {
        RuleError(
            "\(extensionName): Bad value for \"--\(option.name)\" option: \"\((word ?? option.argument).text)\""
                + (detail.isEmpty ? "" : " (\(detail))"), hint: hint, at: word ?? option.argument)
    }

    func number<N: FixedWidthInteger & Sendable>(_ option: GivenOption, _ range: ClosedRange<N>) throws(RuleError) -> N
    {
        guard let value = Number.parse(option.argument.text, in: UInt64(range.lowerBound)...UInt64(range.upperBound))
        else {
            throw RuleError(
                "\(extensionName): bad value for option \"--\(option.name)\", or out of range"
                    + " (\(range.lowerBound)-\(range.upperBound))", at: option.argument)
        }
        return N(value)
    }

    /// `A`, `A:B`, `A:`, `:B` or `:`, in order.
    func range<N: FixedWidthInteger & Sendable>(_ option: GivenOption, _ type: N.Type) throws(RuleError) -> ClosedRange<
        N
    > {
        guard let range = try bounds(option, type).range else {
            throw invalid(option, nil, "the range runs backwards")
        }
        return range
    }

    /// The same in any order.
    func bounds<N: FixedWidthInteger & Sendable>(_ option: GivenOption, _ type: N.Type) throws(RuleError) -> Bounds<N> {
        let parts = option.argument.text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count <= 2 else {
            throw RuleError("\(extensionName): Too many components for option \"--\(option.name)\" (max: 2)", at: option.argument)
        }
        let all = UInt64(0)...UInt64(N.max)
        let first = parts[0].isEmpty && parts.count == 2 ? 0 : Number.parse(parts[0], in: all)
        let last = parts.count == 1 ? first : parts[1].isEmpty ? UInt64(N.max) : Number.parse(parts[1], in: all)
        guard let first, let last else {
            throw RuleError(
                "\(extensionName): bad value for option \"--\(option.name)\" near \"\(option.argument.text)\","
                    + " or out of range (0-\(N.max))", at: option.argument)
        }
        return Bounds(N(first), N(last))
    }

    /// A port number or service name.
    func port(_ text: some StringProtocol, of option: GivenOption) throws(RuleError) -> UInt16 {
        if let number = Number.parse(text, in: 0...65535) { return UInt16(number) }
        let ipProtocol = rule.ipProtocol.flatMap { Names.protocolName($0.value.rawValue) }
        guard let port = Names.servicePort(String(text), protocolName: ipProtocol) else {
            throw RuleError("invalid port/service `\(text)' specified", at: option.argument)
        }
        return port
    }

    /// A port or a range of ports with a colon; a missing end is the first or the last port there is.
    func ports(_ option: GivenOption) throws(RuleError) -> ClosedRange<UInt16> {
        let text = option.argument.text
        guard let colon = text.firstIndex(of: ":") else {
            let port = try port(text, of: option)
            return port...port
        }
        let first = text[..<colon]
        let last = text[text.index(after: colon)...]
        let lower = first.isEmpty ? 0 : try port(first, of: option)
        let upper = last.isEmpty ? UInt16.max : try port(last, of: option)
        guard lower <= upper else {
            throw RuleError("invalid portrange (min > max)", hint: "write \(upper):\(lower)", at: option.argument)
        }
        return lower...upper
    }

    /// The ports an option gives, nil if it is not given.
    func negatablePorts(_ name: String) throws(RuleError) -> Negatable<ClosedRange<UInt16>>? {
        guard let given = self[name] else { return nil }
        return Negatable(try ports(given), isNegated: given.isNegated)
    }

    /// `VALUE` or `VALUE/MASK`, 32 bits each.
    func maskedValue(_ option: GivenOption) throws(RuleError) -> MaskedValue {
        guard let value = MaskedValue(parsing: option.argument.text) else {
            throw RuleError(
                "\(extensionName): bad integer value for option \"--\(option.name)\", or out of range.", at: option.argument
            )
        }
        return value
    }

    /// One address with an optional mask or prefix length, host bits as written. Of a host name the first address
    /// counts; a dotted notation of less than four numbers means what inet_aton(3) makes of it.
    func address(_ option: GivenOption) throws(RuleError) -> AddressMask {
        let parts = option.argument.text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        var mask = IPv4Address.broadcast
        if parts.count == 2 {
            guard let given = AddressParser.mask(parts[1]) else {
                throw invalid(option, nil, "bad mask")
            }
            mask = given
        }
        return AddressMask(unmasked: try host(String(parts[0]), option), mask: mask)
    }

    /// One address without a mask.
    func host(_ option: GivenOption) throws(RuleError) -> IPv4Address { try host(option.argument.text, option) }

    private func host(_ text: String, _ option: GivenOption) throws(RuleError) -> IPv4Address {
        if let address = IPv4Address(text) { return address }
        if !text.contains("/"), !text.isEmpty {
            switch Names.addresses(ofHost: text) {
            case .success(let addresses):
                if let first = addresses.first { return first }
            case .failure(let failure):
                throw RuleError(
                    "\(extensionName): host `\(text)' not found", hint: "the resolver says: \(failure.reason)",
                    at: option.argument, legacy: "getaddrinfo: \(failure.reason)\n")
            }
        }
        var error = invalid(option)
        error.legacyMessage = "getaddrinfo: Name or service not known\n"
        throw error
    }

    /// A prefix length or the mask that has it, 0 to 32.
    func prefixLength(_ option: GivenOption) throws(RuleError) -> UInt8 {
        guard let mask = AddressParser.mask(option.argument.text) else { throw invalid(option) }
        guard let length = AddressMask(address: .any, mask: mask).prefixLength else {
            throw invalid(option, nil, "the mask has holes")
        }
        return length
    }

    /// Comma-separated names out of a list, case ignored; with `allowsBeginnings` the beginning of a name stands for
    /// the first that begins so.
    func names<Value>(
        _ option: GivenOption, _ known: KeyValuePairs<String, Value>, allowsBeginnings: Bool = false,
        complaint: (Substring) -> String
    ) throws(RuleError) -> [Value] {
        var values: [Value] = []
        for name in option.argument.text.split(separator: ",", omittingEmptySubsequences: false) {
            let wanted = name.lowercased()
            guard
                let found = known.first(where: {
                    let candidate = $0.key.lowercased()
                    return candidate == wanted || allowsBeginnings && !wanted.isEmpty && candidate.hasPrefix(wanted)
                })
            else {
                throw RuleError(
                    complaint(name), hint: Suggestion.hint(for: String(name), among: known.map(\.key)), at: option.argument)
            }
            values.append(found.value)
        }
        return values
    }

    /// A string cut to so many bytes, as iptables cuts it; at least one byte long.
    func truncatedString(_ option: GivenOption, to limit: Int) throws(RuleError) -> String {
        let text = option.argument.text
        guard !text.isEmpty else {
            throw RuleError("Argument must have a minimum length of 1 characters", at: option.argument)
        }
        return cut(text, to: limit)
    }

    /// The first bytes of a text, also where that parts a character.
    func cut(_ text: String, to limit: Int) -> String {
        text.keptCount > limit ? String(keeping: Array(text.keptBytes.prefix(limit))) : text
    }

    /// A string of at most so many bytes.
    func string(_ option: GivenOption, upTo limit: Int) throws(RuleError) -> String {
        let text = option.argument.text
        guard text.keptCount <= limit else {
            throw RuleError(
                "\(extensionName): option \"--\(option.name)\" must be shorter than \(limit + 1) characters",
                at: option.argument)
        }
        return text
    }
}

extension MaskedValue {
    /// `VALUE` or `VALUE/MASK`.
    init?(parsing text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let value = Number.parse(parts[0], in: 0...0xFFFF_FFFF) else { return nil }
        guard parts.count == 2 else {
            self.init(UInt32(value))
            return
        }
        guard let mask = Number.parse(parts[1], in: 0...0xFFFF_FFFF) else { return nil }
        self.init(UInt32(value), mask: UInt32(mask))
    }
}
