/// What the daemon answers. On the wire a reply is one JSON object with one key that says what its value is:
/// `{"port":{…}}`, `{"stats":{…}}`, `{"failure":{…}}`. Rows come one a line and are followed by `{"end":{"count":N}}`;
/// every other reply stands alone.
public enum Reply: Hashable, Sendable {
    case port(PortStatus)
    case worker(WorkerStatus)
    case drop(DropRow)
    case route(RouteRow)
    case neighbor(NeighborRow)
    case flow(FlowRow)
    case flowEvent(FlowEventRow)
    case flowEventNote(FlowEventNote)
    case expectationEvent(ExpectationEventRow)
    case setting(SettingRow)
    case recentList(RecentListRow)
    case recentEntry(RecentEntryRow)
    case hashlimitTable(HashlimitTableRow)
    case hashlimitEntry(HashlimitEntryRow)
    case expectation(ExpectationRow)
    case helper(HelperRow)
    case set(SetRow)
    case text(TextPiece)
    case stats(Stats)
    case version(VersionReply)
    case rulesSummary(RulesSummary)
    case rules(RulesReply)
    case flowCount(FlowCount)
    case command(CommandReply)
    case hostsWanted(HostsWanted)
    case done(Done)
    case failure(Failure)
    case end(End)

    /// Whether nothing more follows for the request.
    public var isFinal: Bool {
        switch self {
        case .port, .worker, .drop, .route, .neighbor, .flow, .set, .text: false
        case .flowEvent, .flowEventNote, .expectationEvent, .setting: false
        case .recentList, .recentEntry, .hashlimitTable, .hashlimitEntry: false
        case .expectation, .helper: false
        case .stats, .version, .rulesSummary, .rules, .flowCount, .command, .hostsWanted, .done, .failure, .end: true
        }
    }
}

/// The request was carried out.
public struct Done: Hashable, Sendable, Codable {
    /// What there is to say about it, or nil.
    public var message: String?
    /// How many things it concerned, such as flows deleted; nil where counting means nothing.
    public var count: Int?

    public init(message: String? = nil, count: Int? = nil) {
        self.message = message
        self.count = count
    }
}

/// The request was refused or failed; nothing was changed.
public struct Failure: Hashable, Sendable, Codable, Error {
    public var message: String
    /// What the command ends with: 1 refused or failed, 2 usage; `martlet iptables` has codes of its own.
    public var exitCode: Int32
    /// Where the text that came with the request is wrong.
    public var diagnostics: [Diagnostic]

    public init(_ message: String, exitCode: Int32 = 1, diagnostics: [Diagnostic] = []) {
        self.message = message
        self.exitCode = exitCode
        self.diagnostics = diagnostics
    }
}

/// Ends a list of rows.
public struct End: Hashable, Sendable, Codable {
    /// Rows sent before.
    public var count: Int

    public init(count: Int) { self.count = count }
}

extension Reply: Codable {
    private enum CodingKeys: String, CodingKey, CaseIterable {
        case expectation, helper
        case port, worker, drop, route, neighbor, flow, set, text, stats, version, rules, command, done, failure, end, setting
        case flowEvent = "flow-event"
        case flowEventNote = "flow-event-note"
        case expectationEvent = "expectation-event"
        case hostsWanted = "hosts-wanted"
        case rulesSummary = "rules-summary"
        case flowCount = "flow-count"
        case recentList = "recent-list"
        case recentEntry = "recent-entry"
        case hashlimitTable = "hashlimit-table"
        case hashlimitEntry = "hashlimit-entry"
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        guard let key = container.allKeys.first, container.allKeys.count == 1 else {
            let known = CodingKeys.allCases.map(\.rawValue).joined(separator: ", ")
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "a reply has exactly one key of \(known)"))
        }
        switch key {
        case .port: self = .port(try container.decode(PortStatus.self, forKey: key))
        case .worker: self = .worker(try container.decode(WorkerStatus.self, forKey: key))
        case .drop: self = .drop(try container.decode(DropRow.self, forKey: key))
        case .route: self = .route(try container.decode(RouteRow.self, forKey: key))
        case .neighbor: self = .neighbor(try container.decode(NeighborRow.self, forKey: key))
        case .flow: self = .flow(try container.decode(FlowRow.self, forKey: key))
        case .flowEvent: self = .flowEvent(try container.decode(FlowEventRow.self, forKey: key))
        case .expectationEvent: self = .expectationEvent(try container.decode(ExpectationEventRow.self, forKey: key))
        case .flowEventNote: self = .flowEventNote(try container.decode(FlowEventNote.self, forKey: key))
        case .setting: self = .setting(try container.decode(SettingRow.self, forKey: key))
        case .recentList: self = .recentList(try container.decode(RecentListRow.self, forKey: key))
        case .recentEntry: self = .recentEntry(try container.decode(RecentEntryRow.self, forKey: key))
        case .hashlimitTable: self = .hashlimitTable(try container.decode(HashlimitTableRow.self, forKey: key))
        case .hashlimitEntry: self = .hashlimitEntry(try container.decode(HashlimitEntryRow.self, forKey: key))
        case .expectation: self = .expectation(try container.decode(ExpectationRow.self, forKey: key))
        case .helper: self = .helper(try container.decode(HelperRow.self, forKey: key))
        case .set: self = .set(try container.decode(SetRow.self, forKey: key))
        case .text: self = .text(try container.decode(TextPiece.self, forKey: key))
        case .stats: self = .stats(try container.decode(Stats.self, forKey: key))
        case .version: self = .version(try container.decode(VersionReply.self, forKey: key))
        case .rulesSummary: self = .rulesSummary(try container.decode(RulesSummary.self, forKey: key))
        case .rules: self = .rules(try container.decode(RulesReply.self, forKey: key))
        case .flowCount: self = .flowCount(try container.decode(FlowCount.self, forKey: key))
        case .command: self = .command(try container.decode(CommandReply.self, forKey: key))
        case .hostsWanted: self = .hostsWanted(try container.decode(HostsWanted.self, forKey: key))
        case .done: self = .done(try container.decode(Done.self, forKey: key))
        case .failure: self = .failure(try container.decode(Failure.self, forKey: key))
        case .end: self = .end(try container.decode(End.self, forKey: key))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .port(let value): try container.encode(value, forKey: .port)
        case .worker(let value): try container.encode(value, forKey: .worker)
        case .drop(let value): try container.encode(value, forKey: .drop)
        case .route(let value): try container.encode(value, forKey: .route)
        case .neighbor(let value): try container.encode(value, forKey: .neighbor)
        case .flow(let value): try container.encode(value, forKey: .flow)
        case .flowEvent(let value): try container.encode(value, forKey: .flowEvent)
        case .expectationEvent(let value): try container.encode(value, forKey: .expectationEvent)
        case .flowEventNote(let value): try container.encode(value, forKey: .flowEventNote)
        case .setting(let value): try container.encode(value, forKey: .setting)
        case .recentList(let value): try container.encode(value, forKey: .recentList)
        case .recentEntry(let value): try container.encode(value, forKey: .recentEntry)
        case .hashlimitTable(let value): try container.encode(value, forKey: .hashlimitTable)
        case .hashlimitEntry(let value): try container.encode(value, forKey: .hashlimitEntry)
        case .expectation(let value): try container.encode(value, forKey: .expectation)
        case .helper(let value): try container.encode(value, forKey: .helper)
        case .set(let value): try container.encode(value, forKey: .set)
        case .text(let value): try container.encode(value, forKey: .text)
        case .stats(let value): try container.encode(value, forKey: .stats)
        case .version(let value): try container.encode(value, forKey: .version)
        case .rulesSummary(let value): try container.encode(value, forKey: .rulesSummary)
        case .rules(let value): try container.encode(value, forKey: .rules)
        case .flowCount(let value): try container.encode(value, forKey: .flowCount)
        case .command(let value): try container.encode(value, forKey: .command)
        case .hostsWanted(let value): try container.encode(value, forKey: .hostsWanted)
        case .done(let value): try container.encode(value, forKey: .done)
        case .failure(let value): try container.encode(value, forKey: .failure)
        case .end(let value): try container.encode(value, forKey: .end)
        }
    }
}
