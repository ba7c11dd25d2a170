/// Which parts of a packet are looked up in a set, in the order of the set's dimensions; true for the source's.
public struct SetDirections: Hashable, Sendable {
    /// One to six.
    public var isSource: [Bool]

    public init(isSource: [Bool]) { self.isSource = isSource }

    /// `src`, `dst` and commas.
    init(_ word: Word) throws(RuleError) {
        var list: [Bool] = []
        for part in word.text.split(separator: ",", omittingEmptySubsequences: false) {
            guard part == "src" || part == "dst" else {
                throw RuleError("You must spefify (the comma separated list of) 'src' or 'dst'.", at: word)
            }
            list.append(part == "src")
        }
        guard list.count <= 6 else { throw RuleError("Can't be more src/dst options than 6.", at: word) }
        isSource = list
    }
}

extension SetDirections: CustomStringConvertible {
    public var description: String { isSource.map { $0 ? "src" : "dst" }.joined(separator: ",") }
}

/// A set and what of a packet is looked up in it.
public struct SetReference: Hashable, Sendable {
    /// At most 31 bytes.
    public var name: String
    public var directions: SetDirections

    public init(name: String, directions: SetDirections) {
        self.name = name
        self.directions = directions
    }

    init(_ given: GivenOption) throws(RuleError) {
        let word = given.arguments[0]
        guard word.text.utf8.count <= 31, !word.text.isEmpty else {
            throw RuleError("setname `\(word.text)' too long, max 31 characters.", at: word)
        }
        name = word.text
        directions = try SetDirections(given.arguments[1])
    }
}

extension SetReference: CustomStringConvertible {
    public var description: String { "\(Quoting.quotedIfBroken(name)) \(directions)" }
}

/// `-m set`: whether an IP set contains addresses and ports of the packet (kernel: xt_set.c, revision 4).
public struct SetMatch: MatchExtension {
    /// A condition on a counter of the element that matched.
    public enum CounterCondition: Hashable, Sendable {
        case equal(UInt64)
        case notEqual(UInt64)
        case less(UInt64)
        case greater(UInt64)
    }

    public var set: SetReference
    public var isNegated: Bool
    /// An element marked `nomatch` counts as a match.
    public var matchesNomatch: Bool
    /// Whether the element's counters move.
    public var updatesCounters: Bool
    /// Whether counters of elements in member sets of a list move.
    public var updatesSubcounters: Bool
    public var packets: CounterCondition?
    public var bytes: CounterCondition?

    public init(
        set: SetReference, isNegated: Bool = false, matchesNomatch: Bool = false, updatesCounters: Bool = true,
        updatesSubcounters: Bool = true, packets: CounterCondition? = nil, bytes: CounterCondition? = nil
    ) {
        self.set = set
        self.isNegated = isNegated
        self.matchesNomatch = matchesNomatch
        self.updatesCounters = updatesCounters
        self.updatesSubcounters = updatesSubcounters
        self.packets = packets
        self.bytes = bytes
    }

    /// Sets change while packets pass, so the answer is the packet's.
    public static let description = ExtensionDescription(
        .match, "set", summary: "membership in an IP set",
        options: [
            OptionDescription("match-set", "set", arguments: 2, canNegate: true),
            OptionDescription("return-nomatch", arguments: 0),
            OptionDescription("update-counters", arguments: 0, canNegate: true),
            OptionDescription("update-subcounters", arguments: 0, canNegate: true),
            OptionDescription("packets-eq", canNegate: true), OptionDescription("packets-lt"),
            OptionDescription("packets-gt"), OptionDescription("bytes-eq", canNegate: true),
            OptionDescription("bytes-lt"), OptionDescription("bytes-gt"),
        ], scope: .packet, status: .acts)

    public var match: Match { .set(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        guard let given = options["match-set"] else {
            throw RuleError("You must specify `--match-set' with proper arguments", at: options.word)
        }
        set = try SetReference(given)
        isNegated = given.isNegated
        matchesNomatch = options.contains("return-nomatch")
        updatesCounters = !(options["update-counters"]?.isNegated ?? false)
        updatesSubcounters = !(options["update-subcounters"]?.isNegated ?? false)
        packets = try Self.condition("packets", options)
        bytes = try Self.condition("bytes", options)
    }

    private static func condition(_ unit: String, _ options: GivenOptions) throws(RuleError) -> CounterCondition? {
        let given = options.list.filter { $0.name.hasPrefix(unit + "-") }
        if given.count > 1 { throw RuleError("only one of the --\(unit)-[eq|lt|gt] is allowed", at: given[1].word) }
        guard let option = given.first else { return nil }
        let value: UInt64 = try options.number(option, 0...UInt64.max)
        if option.name.hasSuffix("lt") { return .less(value) }
        if option.name.hasSuffix("gt") { return .greater(value) }
        return option.isNegated ? .notEqual(value) : .equal(value)
    }

    public func print(to printer: inout RulePrinter) {
        printer.option("match-set", isNegated: isNegated, set.description)
        if matchesNomatch { printer.option("return-nomatch") }
        if !updatesCounters { printer.option("update-counters", isNegated: true) }
        if !updatesSubcounters { printer.option("update-subcounters", isNegated: true) }
        for case (let unit, let condition?) in [("packets", packets), ("bytes", bytes)] {
            switch condition {
            case .equal(let value): printer.option(unit + "-eq", String(value))
            case .notEqual(let value): printer.option(unit + "-eq", isNegated: true, String(value))
            case .less(let value): printer.option(unit + "-lt", String(value))
            case .greater(let value): printer.option(unit + "-gt", String(value))
            }
        }
    }
}
