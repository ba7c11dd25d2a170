/// Something that happened to a flow.
public struct FlowEventRow: Hashable, Sendable, Codable {
    public enum Kind: String, Hashable, Sendable, Codable, CaseIterable {
        case new, update, destroy
    }

    public var kind: Kind
    /// In microseconds since 1970.
    public var time: UInt64
    /// What it was in particular, by the kernel's names: new, related, destroy, reply, assured, protoinfo, helper, mark, seqadj, label.
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

    public init(kinds: [FlowEventRow.Kind] = [], filter: FlowFilter = FlowFilter()) {
        self.kinds = kinds
        self.filter = filter
    }
}

/// How a stream of events is going: comes first, when events are lost, and every few seconds of silence.
public struct FlowEventNote: Hashable, Sendable, Codable {
    /// Events lost since the stream began, because the reader or the router was too slow for them.
    public var lost: UInt64

    public init(lost: UInt64) { self.lost = lost }
}
