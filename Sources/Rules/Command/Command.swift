/// One iptables command: what it does to which chain, and how its answer is to look.
public struct Command: Sendable {
    public enum Verb: Sendable, Hashable {
        case append
        /// Numbers of rules count from 1.
        case insert(at: Int)
        case replace(at: Int)
        case deleteRule
        case delete(at: Int)
        case check
        /// nil shows every rule.
        case list(number: Int?)
        case listRules(number: Int?)
        case flush
        case zero(number: Int?)
        case newChain
        case deleteChain
        case rename(to: String)
        case policy(String)
        case help
        case version

        /// Whether it is not one that shows rules.
        var changes: Bool {
            switch self {
            case .list, .listRules, .help, .version: false
            default: true
            }
        }

        /// Whether a rule's words belong to it.
        var namesRule: Bool {
            switch self {
            case .append, .insert, .replace, .deleteRule, .check: true
            default: false
            }
        }
    }

    public var verb: Verb
    public var table: TableName
    /// nil means every chain, where the verb allows it.
    public var chain: String?
    /// The rules of `-A`, `-I`, `-R`, `-D` and `-C`: one for each pair of source and destination.
    public var rules: [Rule]
    public var isVerbose: Bool
    public var isNumeric: Bool
    public var isExact: Bool
    public var showsLineNumbers: Bool
    /// Counters of `-c`, for `-P`, `-Z` and `-R`.
    public var counters: RuleCounters?
    /// `-Z` beside `-L` or `-S`: counters are cleared once they are printed.
    public var alsoZeroes: Bool
    /// `-6` in a restore file: the line is for ip6tables and means nothing here.
    public var isForIPv6: Bool
    /// The words the command was read from, for messages.
    var chainWord: Word?
    var verbWord: Word
    var targetWord: Word?
    /// What iptables remarks of the words on standard error, a line each.
    var notices = ""
    /// What `-h` was asked about: a match or target named before it.
    public var helpAbout: [ExtensionDescription]

    /// Whether there is anything to ask of the rules in force.
    var needsRules: Bool {
        switch verb {
        case .help, .version: false
        default: true
        }
    }

    /// Whether it may change rules or their counters.
    public var changesRules: Bool {
        switch verb {
        case .check, .help, .version: false
        case .list, .listRules: alsoZeroes
        default: true
        }
    }

    /// Whether it sets counters to zero, so that what is counted while it is carried out begins at zero too.
    public var zeroesCounters: Bool {
        if case .zero = verb { true } else { alsoZeroes }
    }
}
