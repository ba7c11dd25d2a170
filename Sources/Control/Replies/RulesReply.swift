/// Rules as text: iptables-save form for `rules save`, that of `iptables -L` for `rules list`.
public struct RulesReply: Hashable, Sendable, Codable {
    public var text: String

    public init(text: String) {
        self.text = text
    }
}

/// The loaded rules in figures.
public struct RulesSummary: Hashable, Sendable, Codable {
    /// A table and what it holds.
    public struct Table: Hashable, Sendable, Codable {
        public var name: String
        public var chains: Int
        public var rules: Int

        public init(name: String, chains: Int, rules: Int) {
            self.name = name
            self.chains = chains
            self.rules = rules
        }
    }

    /// The file they came from, or nil if there is none.
    public var file: String?
    /// The generation they are in force under.
    public var generation: UInt64
    /// Whether they were changed since the file was read; a reload would undo that.
    public var isModified: Bool
    public var tables: [Table]
    /// Seconds until the rules from before come back, if `rules confirm` does not come first; nil if nothing is on trial.
    public var secondsToConfirm: Int?
    /// Rules that were loaded although they do not act yet.
    public var inactive: Int?

    public init(
        file: String? = nil, generation: UInt64, isModified: Bool, tables: [Table], secondsToConfirm: Int? = nil,
        inactive: Int? = nil
    ) {
        self.file = file
        self.generation = generation
        self.isModified = isModified
        self.tables = tables
        self.secondsToConfirm = secondsToConfirm
        self.inactive = inactive
    }
}

/// Who answers.
public struct VersionReply: Hashable, Sendable, Codable {
    /// Martlet's version.
    public var version: String
    /// The kernel's release, as `uname -r` prints it.
    public var kernel: String
    /// The daemon's process number.
    public var pid: Int32
    /// The configuration it runs with.
    public var configuration: String

    public init(version: String, kernel: String, pid: Int32, configuration: String) {
        self.version = version
        self.kernel = kernel
        self.pid = pid
        self.configuration = configuration
    }
}
