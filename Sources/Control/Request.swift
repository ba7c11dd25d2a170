/// What a client asks of the daemon. On the wire a request is one JSON object whose `command` says which, with the
/// command's arguments beside it: `{"command":"flows-list","filter":{"protocol":6}}`.
public enum Request: Hashable, Sendable {
    case ports
    case workers
    case stats
    case drops
    case routes
    case neighbors
    case rulesSummary
    case version
    case flowsList(FlowFilter)
    case flowsCount
    case flowsFlush
    case flowsDelete(FlowFilter)
    case flowsEvents(FlowEventsRequest)
    case settings
    case set(SettingChange)
    case rulesSave(RulesSave)
    case rulesRestore(RulesRestore)
    case rulesList(RulesList)
    /// The rules that were restored on trial stay.
    case rulesConfirm
    /// The rules from before the trial come back now.
    case rulesRollback
    case iptables(IPTablesRequest)
    case setsRestore(SetsRestore)
    case setsList(SetsList)
    /// One ipset command.
    case setsCommand(SetsCommand)
    /// Reads the configuration and the rules again, as SIGHUP does.
    case reload
    /// Opens the files of logs and copies anew, as SIGUSR1 does; rules and configuration stay.
    case logsReopen
    case recentLists
    /// The list's name.
    case recentEntries(String)
    case recentEdit(RecentEdit)
    /// What helpers have announced.
    case expectations
    case helpers
    case hashlimitTables
    /// The table's name.
    case hashlimitEntries(String)
}

/// Arguments of `rules save`.
public struct RulesSave: Hashable, Sendable, Codable {
    /// Print packet and byte counters before each rule.
    public var counters: Bool
    /// One table, or nil for all.
    public var table: String?

    public init(counters: Bool = false, table: String? = nil) {
        self.counters = counters
        self.table = table
    }
}

/// Arguments of `rules restore`: one transaction, wholly done or wholly refused.
public struct RulesRestore: Hashable, Sendable, Codable {
    /// The file's name as diagnostics shall print it.
    public var file: String
    /// iptables-save text.
    public var text: String
    /// Take the counters in the text over; otherwise they begin at zero.
    public var counters: Bool
    /// Keep what the tables named in the text hold now and add to it.
    public var noflush: Bool
    /// Only this table of the text, or nil for all.
    public var table: String?
    /// Say what is wrong with the text and change nothing; nil is no.
    public var test: Bool?
    /// Take rules that do not act yet; nil leaves that to the configuration.
    public var allowInactive: Bool?
    /// Unless `rules-confirm` follows within so many seconds, what was in force before comes back.
    public var confirm: Int?
    /// What the client's resolver says of the host names in the text; nil or without a name until the daemon asks for it.
    public var hosts: [String: HostAnswer]?

    /// The longest `confirm` there is, in seconds: a day.
    public static let longestTrial = 86_400

    public init(
        file: String, text: String, counters: Bool = false, noflush: Bool = false, table: String? = nil,
        test: Bool? = nil, allowInactive: Bool? = nil, confirm: Int? = nil, hosts: [String: HostAnswer]? = nil
    ) {
        self.file = file
        self.text = text
        self.counters = counters
        self.noflush = noflush
        self.table = table
        self.test = test
        self.allowInactive = allowInactive
        self.confirm = confirm
        self.hosts = hosts
    }
}

/// Arguments of `rules list`, with the meaning they have for `iptables -L`.
public struct RulesList: Hashable, Sendable, Codable {
    /// One table, or nil for all that hold something.
    public var table: String?
    public var chain: String?
    /// -v: counters, interfaces and options.
    public var verbose: Bool
    /// -n: no names of hosts, networks and services.
    public var numeric: Bool
    /// -x: whole numbers instead of K, M and G.
    public var exact: Bool
    public var lineNumbers: Bool

    public init(
        table: String? = nil, chain: String? = nil, verbose: Bool = false, numeric: Bool = false, exact: Bool = false,
        lineNumbers: Bool = false
    ) {
        self.table = table
        self.chain = chain
        self.verbose = verbose
        self.numeric = numeric
        self.exact = exact
        self.lineNumbers = lineNumbers
    }
}

extension Request: Codable {
    private enum CodingKeys: String, CodingKey {
        case command, filter, save, restore, list, iptables, name, edit, events, setting
        case setsRestore = "sets-restore"
        case setsList = "sets-list"
        case setsCommand = "sets-command"
    }

    private enum Command: String, Codable, CaseIterable {
        case ports, workers, stats, drops, routes, neighbors, version, reload, iptables, expectations, helpers, settings, set
        case flowsEvents = "flows-events"
        case logsReopen = "logs-reopen"
        case rulesConfirm = "rules-confirm"
        case rulesRollback = "rules-rollback"
        case rulesSummary = "rules-summary"
        case flowsList = "flows-list"
        case flowsCount = "flows-count"
        case flowsFlush = "flows-flush"
        case flowsDelete = "flows-delete"
        case rulesSave = "rules-save"
        case rulesRestore = "rules-restore"
        case rulesList = "rules-list"
        case recentLists = "recent-lists"
        case recentEntries = "recent-entries"
        case recentEdit = "recent-edit"
        case hashlimitTables = "hashlimit-tables"
        case hashlimitEntries = "hashlimit-entries"
        case setsRestore = "sets-restore"
        case setsList = "sets-list"
        case setsCommand = "sets-command"
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let name = try container.decode(String.self, forKey: .command)
        guard let command = Command(rawValue: name) else {
            let known = Command.allCases.map(\.rawValue).joined(separator: ", ")
            throw DecodingError.dataCorruptedError(
                forKey: .command, in: container, debugDescription: "unknown command \"\(name)\"; there are \(known)")
        }
        switch command {
        case .ports: self = .ports
        case .workers: self = .workers
        case .stats: self = .stats
        case .drops: self = .drops
        case .routes: self = .routes
        case .neighbors: self = .neighbors
        case .rulesSummary: self = .rulesSummary
        case .version: self = .version
        case .reload: self = .reload
        case .logsReopen: self = .logsReopen
        case .settings: self = .settings
        case .set: self = .set(try container.decode(SettingChange.self, forKey: .setting))
        case .flowsEvents:
            self = .flowsEvents(try container.decodeIfPresent(FlowEventsRequest.self, forKey: .events) ?? FlowEventsRequest())
        case .expectations: self = .expectations
        case .helpers: self = .helpers
        case .recentLists: self = .recentLists
        case .recentEntries: self = .recentEntries(try container.decode(String.self, forKey: .name))
        case .recentEdit: self = .recentEdit(try container.decode(RecentEdit.self, forKey: .edit))
        case .hashlimitTables: self = .hashlimitTables
        case .hashlimitEntries: self = .hashlimitEntries(try container.decode(String.self, forKey: .name))
        case .rulesConfirm: self = .rulesConfirm
        case .rulesRollback: self = .rulesRollback
        case .iptables: self = .iptables(try container.decode(IPTablesRequest.self, forKey: .iptables))
        case .flowsList:
            self = .flowsList(try container.decodeIfPresent(FlowFilter.self, forKey: .filter) ?? FlowFilter())
        case .flowsCount: self = .flowsCount
        case .flowsFlush: self = .flowsFlush
        case .flowsDelete:
            // A delete whose filter went missing must not become a flush.
            let filter = try container.decode(FlowFilter.self, forKey: .filter)
            guard !filter.isEmpty else {
                throw DecodingError.dataCorruptedError(
                    forKey: .filter, in: container,
                    debugDescription: "an empty filter would delete every flow; flows-flush does that")
            }
            self = .flowsDelete(filter)
        case .rulesSave: self = .rulesSave(try container.decodeIfPresent(RulesSave.self, forKey: .save) ?? RulesSave())
        case .rulesRestore: self = .rulesRestore(try container.decode(RulesRestore.self, forKey: .restore))
        case .rulesList: self = .rulesList(try container.decodeIfPresent(RulesList.self, forKey: .list) ?? RulesList())
        case .setsRestore: self = .setsRestore(try container.decode(SetsRestore.self, forKey: .setsRestore))
        case .setsList: self = .setsList(try container.decode(SetsList.self, forKey: .setsList))
        case .setsCommand: self = .setsCommand(try container.decode(SetsCommand.self, forKey: .setsCommand))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(command, forKey: .command)
        switch self {
        case .flowsList(let filter), .flowsDelete(let filter): try container.encode(filter, forKey: .filter)
        case .flowsEvents(let arguments): try container.encode(arguments, forKey: .events)
        case .set(let change): try container.encode(change, forKey: .setting)
        case .rulesSave(let arguments): try container.encode(arguments, forKey: .save)
        case .rulesRestore(let arguments): try container.encode(arguments, forKey: .restore)
        case .rulesList(let arguments): try container.encode(arguments, forKey: .list)
        case .recentEntries(let name), .hashlimitEntries(let name): try container.encode(name, forKey: .name)
        case .recentEdit(let edit): try container.encode(edit, forKey: .edit)
        case .iptables(let arguments): try container.encode(arguments, forKey: .iptables)
        case .setsRestore(let arguments): try container.encode(arguments, forKey: .setsRestore)
        case .setsList(let arguments): try container.encode(arguments, forKey: .setsList)
        case .setsCommand(let arguments): try container.encode(arguments, forKey: .setsCommand)
        default: break
        }
    }

    private var command: Command {
        switch self {
        case .ports: .ports
        case .workers: .workers
        case .stats: .stats
        case .drops: .drops
        case .routes: .routes
        case .neighbors: .neighbors
        case .rulesSummary: .rulesSummary
        case .version: .version
        case .reload: .reload
        case .logsReopen: .logsReopen
        case .rulesConfirm: .rulesConfirm
        case .rulesRollback: .rulesRollback
        case .iptables: .iptables
        case .flowsList: .flowsList
        case .flowsCount: .flowsCount
        case .flowsFlush: .flowsFlush
        case .flowsDelete: .flowsDelete
        case .flowsEvents: .flowsEvents
        case .settings: .settings
        case .set: .set
        case .rulesSave: .rulesSave
        case .rulesRestore: .rulesRestore
        case .rulesList: .rulesList
        case .expectations: .expectations
        case .helpers: .helpers
        case .recentLists: .recentLists
        case .recentEntries: .recentEntries
        case .recentEdit: .recentEdit
        case .hashlimitTables: .hashlimitTables
        case .hashlimitEntries: .hashlimitEntries
        case .setsRestore: .setsRestore
        case .setsList: .setsList
        case .setsCommand: .setsCommand
        }
    }
}
