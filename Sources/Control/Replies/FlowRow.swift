import Net

/// A flow, with everything /proc/net/nf_conntrack says of one.
public struct FlowRow: Hashable, Sendable, Codable {
    public var `protocol`: IPProtocol
    /// Seconds until it expires; nil for an offloaded flow, whose clock stands still.
    public var timeout: UInt32?
    /// The protocol's state, such as ESTABLISHED; nil for protocols that have none.
    public var state: String?
    public var original: FlowTuple
    public var reply: FlowTuple
    /// A packet of the reply direction was seen; otherwise [UNREPLIED].
    public var isReplySeen: Bool
    /// Never evicted early: [ASSURED].
    public var isAssured: Bool
    public var isOffloaded: Bool
    /// Key timeouts of a GRE flow in seconds, unreplied and streaming.
    public var gre: GRETimeouts?
    /// The helper's name.
    public var helper: String?
    public var mark: UInt32
    public var zone: UInt16
    /// Which of the flow's directions are in the zone; the other one is in zone 0.
    public var zoneSide: ZoneSide
    /// Labels that rules have set, 0 to 127, in order.
    public var labels: [UInt8]
    /// References to the entry.
    public var use: UInt32
    /// A number of its own while it lives.
    public var id: UInt32?
    /// Bits of its status by conntrack's names, such as SEEN_REPLY, ASSURED, SRC_NAT.
    public var status: [String]?
    /// False for a flow that began while accounting was off: what it carried is not shown.
    public var isAccounted: Bool?
    /// In nanoseconds since 1970; nil where that is not noted. The end is that of a flow that has ended.
    public var start: UInt64?
    public var stop: UInt64?
    /// Whole seconds that it has lived so far.
    public var age: UInt64?
    /// The timeout policy that it follows.
    public var policy: String?

    public init(
        protocol: IPProtocol, timeout: UInt32? = nil, state: String? = nil, original: FlowTuple, reply: FlowTuple,
        isReplySeen: Bool, isAssured: Bool, isOffloaded: Bool, gre: GRETimeouts? = nil, helper: String? = nil,
        mark: UInt32, zone: UInt16, zoneSide: ZoneSide = .both, labels: [UInt8] = [], use: UInt32
    ) {
        self.protocol = `protocol`
        self.timeout = timeout
        self.state = state
        self.original = original
        self.reply = reply
        self.isReplySeen = isReplySeen
        self.isAssured = isAssured
        self.isOffloaded = isOffloaded
        self.gre = gre
        self.helper = helper
        self.mark = mark
        self.zone = zone
        self.zoneSide = zoneSide
        self.labels = labels
        self.use = use
    }
}

/// Which directions of a flow a zone is for (`CT --zone`, `--zone-orig`, `--zone-reply`).
public enum ZoneSide: String, Hashable, Sendable, Codable {
    case both, original, reply
}

/// What nf_conntrack_proto_gre prints of a flow, in seconds.
public struct GRETimeouts: Hashable, Sendable, Codable {
    public var unreplied: UInt32
    public var stream: UInt32

    public init(unreplied: UInt32, stream: UInt32) {
        self.unreplied = unreplied
        self.stream = stream
    }
}

/// One direction of a flow.
public struct FlowTuple: Hashable, Sendable, Codable {
    public var source: IPv4Address
    public var destination: IPv4Address
    /// TCP, UDP, UDP-Lite, SCTP, DCCP.
    public var sourcePort: UInt16?
    public var destinationPort: UInt16?
    /// ICMP.
    public var icmp: ICMPKey?
    /// GRE.
    public var gre: GREKey?
    public var packets: UInt64
    public var bytes: UInt64

    public init(
        source: IPv4Address, destination: IPv4Address, sourcePort: UInt16? = nil, destinationPort: UInt16? = nil,
        icmp: ICMPKey? = nil, gre: GREKey? = nil, packets: UInt64, bytes: UInt64
    ) {
        self.source = source
        self.destination = destination
        self.sourcePort = sourcePort
        self.destinationPort = destinationPort
        self.icmp = icmp
        self.gre = gre
        self.packets = packets
        self.bytes = bytes
    }
}

/// What tells ICMP flows between two addresses apart.
public struct ICMPKey: Hashable, Sendable, Codable {
    public var type: UInt8
    public var code: UInt8
    public var id: UInt16

    public init(type: UInt8, code: UInt8, id: UInt16) {
        self.type = type
        self.code = code
        self.id = id
    }
}

/// What tells GRE flows between two addresses apart (the call ids of PPTP; 0 for plain GRE).
public struct GREKey: Hashable, Sendable, Codable {
    public var source: UInt16
    public var destination: UInt16

    public init(source: UInt16, destination: UInt16) {
        self.source = source
        self.destination = destination
    }
}

/// How many flows there are and may be.
public struct FlowCount: Hashable, Sendable, Codable {
    public var count: Int
    /// conntrack.max.
    public var max: Int
    public var buckets: Int
    /// Flows that helpers have announced.
    public var expectations: Int
    /// nf_conntrack_expect_max.
    public var maxExpectations: Int

    public init(count: Int, max: Int, buckets: Int, expectations: Int = 0, maxExpectations: Int = 0) {
        self.count = count
        self.max = max
        self.buckets = buckets
        self.expectations = expectations
        self.maxExpectations = maxExpectations
    }
}
