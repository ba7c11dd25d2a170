/// What the registry knows of a match or a target before any rule uses it.
public struct ExtensionDescription: Sendable {
    public enum Kind: String, Sendable { case match, target }

    /// What an operator may expect of an extension.
    public enum Status: Hashable, Sendable {
        /// The data plane carries it out.
        case acts
        /// Parsed, checked and printed; what will make it act is named.
        case inactive(awaiting: String)
        /// Never loaded; the reason is for the operator.
        case refused(reason: String)
    }

    /// Whether two packets of one flow, in one direction and at one hook, always get the same answer.
    public enum Scope: String, Sendable {
        /// Addresses, ports, interfaces, marks set by invariant rules: decided once a flow.
        case flow
        /// Lengths, flags, limits, time, log lines: decided packet by packet.
        case packet
    }

    public var kind: Kind
    /// As `-m` or `-j` takes it.
    public var name: String
    /// One line for the documentation.
    public var summary: String
    public var options: [OptionDescription]
    /// Tables it is legal in; others are refused.
    public var tables: Set<TableName>
    /// Hooks it is legal at, the chain's own or those a user chain is called from.
    public var hooks: HookSet
    /// Protocols a rule must name with `-p`, without `!`; empty for any.
    public var protocols: [UInt8]
    /// Of the extension with its usual options; `Match.isFlowInvariant` says it of one with the options it has.
    public var scope: Scope
    public var status: Status

    public init(
        _ kind: Kind, _ name: String, summary: String, options: [OptionDescription],
        tables: Set<TableName> = Set(TableName.allCases), hooks: HookSet = .all, protocols: [UInt8] = [],
        scope: Scope, status: Status
    ) {
        self.kind = kind
        self.name = name
        self.summary = summary
        self.options = options
        self.tables = tables
        self.hooks = hooks
        self.protocols = protocols
        self.scope = scope
        self.status = status
    }
}

/// An option of an extension, as getopt_long would know it.
public struct OptionDescription: Sendable, Hashable {
    /// The long name without `--`; values are asked for by it.
    public var name: String
    /// Other spellings of the same option.
    public var aliases: [String]
    /// Words the option takes after it; -1 for one that may be left out.
    public var argumentCount: Int
    var hasOptionalArgument: Bool { argumentCount < 0 }
    /// Whether `!` may stand before it.
    public var canNegate: Bool
    /// Whether it may be given more than once.
    public var canRepeat: Bool

    /// - Parameter arguments: 0, 1, 2 for an option that eats a second word, as `--tcp-flags` does, or -1 for an argument
    ///   that may be left out.
    public init(
        _ name: String, _ aliases: String..., arguments: Int = 1, canNegate: Bool = false, canRepeat: Bool = false
    ) {
        self.name = name
        self.aliases = aliases
        self.argumentCount = arguments
        self.canNegate = canNegate
        self.canRepeat = canRepeat
    }
}

/// A match or a target with its options: read from a rule, printed back, compared by value.
public protocol RuleExtension: Hashable, Sendable {
    static var description: ExtensionDescription { get }

    /// Reads the options a rule gave.
    /// - Throws: missing, contradicting or malformed options.
    init(_ options: GivenOptions) throws(RuleError)

    /// Writes the options as iptables-save does.
    func print(to printer: inout RulePrinter)

    /// What `-m` or `-j` is to be called in a saved rule.
    var savedName: String { get }

    /// Whether this value, with these options, answers alike for every packet of a flow's direction.
    var isFlowInvariant: Bool { get }

    /// What of this value does nothing yet; nil if all of it acts.
    var inactivity: Inactivity? { get }

    /// What the kernel would say of this value in this place, beyond tables, hooks and protocols of the description.
    func check(at place: RulePlace) throws(RuleError)
}

extension RuleExtension {
    public var savedName: String { Self.description.name }
    public var isFlowInvariant: Bool { Self.description.scope == .flow }
    public var inactivity: Inactivity? {
        Inactivity(of: "\(Self.description.kind.rawValue) \"\(Self.description.name)\"", status: Self.description.status)
    }
    public func check(at place: RulePlace) throws(RuleError) {}
}

/// A match, which joins the `Match` enumeration.
public protocol MatchExtension: RuleExtension {
    var match: Match { get }
}

/// A target, which joins the `Target` enumeration.
public protocol TargetExtension: RuleExtension {
    var target: Target { get }
}

/// Where a rule stands, for checks that depend on it.
public struct RulePlace: Sendable {
    public var table: TableName
    /// Hooks from which the rule's chain is reached; empty if nothing calls it.
    public var hooks: HookSet
    public var rule: Rule

    public init(table: TableName, hooks: HookSet, rule: Rule) {
        self.table = table
        self.hooks = hooks
        self.rule = rule
    }
}
