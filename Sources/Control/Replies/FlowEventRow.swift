/// Something that happened to a flow.
public struct FlowEventRow: Hashable, Sendable, Codable {
    public enum Kind: String, Hashable, Sendable, Codable, CaseIterable {
        case new, update, destroy
    }

    public var kind: Kind
    /// In microseconds since 1970.
    public var time: UInt64
    /// What it was in particular, by the kernel's names: new, related, destroy, reply, assured, protoinfo, helper, mark, seqadj, label, synproxy.
    public var changes: [String]
    /// The flow as it was then.
    public var flow: FlowRow

    public init(kind: Kind, time: UInt64, changes: [String], flow: FlowRow) {
        self.kind = kind
        self.time = time
        self.changes = changes
        self.flow = flow
    }
}

/// Which events a reader wants.
public struct FlowEventsRequest: Hashable, Sendable, Codable {
    /// Empty for all.
    public var kinds: [FlowEventRow.Kind]
    public var filter: FlowFilter
    /// What happens to expectations instead, without a filter: only new and destroy do.
    public var expectations: Bool

    public init(kinds: [FlowEventRow.Kind] = [], filter: FlowFilter = FlowFilter(), expectations: Bool = false) {
        self.kinds = kinds
        self.filter = filter
        self.expectations = expectations
    }
}

/// A helper has announced a flow, or that has come, is given up or withdrawn.
public struct ExpectationEventRow: Hashable, Sendable, Codable {
    /// New or destroy.
    public var kind: FlowEventRow.Kind
    /// In microseconds since 1970.
    public var time: UInt64
    /// As it was then.
    public var expectation: ExpectationRow

    public init(kind: FlowEventRow.Kind, time: UInt64, expectation: ExpectationRow) {
        self.kind = kind
        self.time = time
        self.expectation = expectation
    }
}

/// How a stream of events is going: comes first, when events are lost, and every few seconds of silence.
public struct FlowEventNote: Hashable, Sendable, Codable {
    /// Events lost since the stream began, because the reader or the router was too slow for them.
    public var lost: UInt64

    public init(lost: UInt64) { self.lost = lost }
}
