import Net

/// An option as a rule gave it.
public struct GivenOption: Sendable {
    /// The canonical name, whatever spelling or prefix the rule used.
    public var name: String
    public var isNegated: Bool
    /// The option's own word.
    public var word: Word
    public var arguments: [Word]

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
        let given = list.filter { names.contains($0.name) }
        if given.count > 1 {
            throw RuleError(
                "\(extensionName): option \"--\(given[1].name)\" cannot be used together with \"--\(given[0].name)\"",
                at: given[1].word)
        }
        return given.first
    }

    // MARK: Readers of arguments

    func invalid(_ option: GivenOption, _ word: Word? = nil, _ detail: String = "", hint: String? = nil) -> RuleError {
        RuleError(
            "\(extensionName): Bad value for \"--\(option.name)\" option: \"\((word ?? option.argument).text)\""
                + (detail.isEmpty ? "" : " (\(detail))"), hint: hint, at: word ?? option.argument)
    }

    func number<N: FixedWidthInteger & Sendable>(_ option: GivenOption, _ range: ClosedRange<N>) throws(RuleError) -> N {
        guard let value = Number.parse(option.argument.text, in: UInt64(range.lowerBound)...UInt64(range.upperBound))
        else {
            throw RuleError(
                "\(extensionName): bad value for option \"--\(option.name)\", or out of range"
                    + " (\(range.lowerBound)-\(range.upperBound))", at: option.argument)
        }
        return N(value)
    }

    /// `A`, `A:B`, `A:`, `:B` or `:`.
    func range<N: FixedWidthInteger & Sendable>(_ option: GivenOption, _ type: N.Type) throws(RuleError) -> ClosedRange<N> {
        let parts = option.argument.text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count <= 2 else { throw invalid(option) }
        let bounds = UInt64(0)...UInt64(N.max)
        let lower = parts[0].isEmpty && parts.count == 2 ? 0 : Number.parse(parts[0], in: bounds)
        let upper = parts.count == 1 ? lower : parts[1].isEmpty ? UInt64(N.max) : Number.parse(parts[1], in: bounds)
        guard let lower, let upper else { throw invalid(option) }
        guard lower <= upper else { throw invalid(option, nil, "the range runs backwards") }
        return N(lower)...N(upper)
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

    /// `VALUE` or `VALUE/MASK`, 32 bits each.
    func maskedValue(_ option: GivenOption) throws(RuleError) -> MaskedValue {
        guard let value = MaskedValue(parsing: option.argument.text) else {
            throw RuleError(
                "\(extensionName): bad mark value for option \"--\(option.name)\", or out of range", at: option.argument)
        }
        return value
    }

    /// One address with an optional mask or prefix length. A host name must have a single address.
    func address(_ option: GivenOption) throws(RuleError) -> AddressMask {
        let found = try AddressParser.addresses(option.argument)
        guard found.count == 1, let only = found.first else {
            throw RuleError(
                "\(extensionName): \"\(option.argument.text)\" resolves to more than one address", at: option.argument)
        }
        return only
    }

    /// One address without a mask.
    func host(_ option: GivenOption) throws(RuleError) -> IPv4Address {
        guard !option.argument.text.contains("/") else { throw invalid(option) }
        return try address(option).address
    }

    /// Comma-separated names out of a list, case ignored.
    func names<Value>(_ option: GivenOption, _ known: KeyValuePairs<String, Value>) throws(RuleError) -> [Value] {
        var values: [Value] = []
        for name in option.argument.text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let found = known.first(where: { $0.key.lowercased() == name.lowercased() }) else {
                throw invalid(option, nil, "unknown: \(name)", hint: Suggestion.hint(for: String(name), among: known.map(\.key)))
            }
            values.append(found.value)
        }
        return values
    }

    /// A string of at most so many bytes.
    func string(_ option: GivenOption, upTo limit: Int) throws(RuleError) -> String {
        let text = option.argument.text
        guard text.utf8.count <= limit else {
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
