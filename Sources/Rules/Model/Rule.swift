import Net

/// A rule: the generic conditions of the IP header and the interfaces, the matches in order, what then happens, and
/// how often it did.
public struct Rule: Hashable, Sendable {
    /// nil where the rule asks nothing.
    public var source: Negatable<AddressMask>?
    public var destination: Negatable<AddressMask>?
    public var inInterface: Negatable<InterfacePattern>?
    public var outInterface: Negatable<InterfacePattern>?
    /// Never protocol 0, which stands for all.
    public var ipProtocol: Negatable<IPProtocol>?
    /// true: second and later fragments alone (`-f`); false: all but those (`! -f`).
    public var fragments: Bool?
    public var matches: [Match]
    public var target: Target
    public var counters: RuleCounters
    /// Where the rule was read.
    public var location: SourceLocation

    public init(
        source: Negatable<AddressMask>? = nil, destination: Negatable<AddressMask>? = nil,
        inInterface: Negatable<InterfacePattern>? = nil, outInterface: Negatable<InterfacePattern>? = nil,
        ipProtocol: Negatable<IPProtocol>? = nil, fragments: Bool? = nil, matches: [Match] = [],
        target: Target = .none, counters: RuleCounters = .zero,
        location: SourceLocation = SourceLocation(line: 0, column: 0)
    ) {
        self.source = source
        self.destination = destination
        self.inInterface = inInterface
        self.outInterface = outInterface
        self.ipProtocol = ipProtocol
        self.fragments = fragments
        self.matches = matches
        self.target = target
        self.counters = counters
        self.location = location
    }

    /// Whether both ask and do the same, whatever their counters and wherever they were read. This is how `-D` and
    /// `-C` find a rule.
    public func hasSameMeaning(as other: Rule) -> Bool {
        // Field by field: copies without counters would cost more than the comparison, which is made for every rule of a change.
        source == other.source && destination == other.destination && Self.areSame(inInterface, other.inInterface)
            && Self.areSame(outInterface, other.outInterface) && ipProtocol == other.ipProtocol && fragments == other.fragments
            && target == other.target && matches == other.matches
    }

    /// A bare `+` and no interface at all are told apart by the kernel alone (libip4tc.c, is_same).
    private static func areSame(_ one: Negatable<InterfacePattern>?, _ other: Negatable<InterfacePattern>?) -> Bool {
        one == other || (one?.asksNothing ?? true) && (other?.asksNothing ?? true)
    }

    /// The rule without counters and location: equal for rules of the same meaning.
    public var bare: Rule {
        var copy = self
        copy.counters = .zero
        copy.location = SourceLocation(line: 0, column: 0)
        return copy
    }
}
