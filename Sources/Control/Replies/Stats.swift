/// The books of the router in packets, read at a burst boundary. They balance:
/// received + fromHost + madeHere + extraFragments = transmitted + toHost + dropped + absorbed + held.
public struct Stats: Hashable, Sendable, Codable {
    /// Frames that ports handed in.
    public var received: UInt64
    /// Packets the host sent.
    public var fromHost: UInt64
    /// Packets made by the router: ICMP errors, resets, copies.
    public var madeHere: UInt64
    /// Fragments beyond the first that a packet became.
    public var extraFragments: UInt64
    /// Frames that left on ports.
    public var transmitted: UInt64
    /// Packets delivered to the host.
    public var toHost: UInt64
    /// Packets dropped, by the reason's name; reasons that never occurred may be left out.
    public var dropped: [String: UInt64]
    /// Fragments that became part of a reassembled packet.
    public var absorbed: UInt64
    /// Packets that wait: fragments of packets not yet whole, and those whose neighbour is being resolved.
    public var held: UInt64
    /// Frames that some ring, store or worker owns, counted one by one.
    public var framesOwned: UInt64
    /// Frames the memory is divided into.
    public var framesInUmem: UInt64
    /// Frames the kernel lost because a ring was full. They were never received, so they stand outside the books.
    public var lostInRings: UInt64
    /// The generation in force.
    public var generation: UInt64
    /// Seconds since forwarding began.
    public var uptime: UInt64
    /// Log lines, copies and requests that workers lost in full rings.
    public var effectsLost: UInt64
    /// Log lines and copies that the log or the file did not take.
    public var unwritten: UInt64
    /// What tracking counts besides.
    public var flows: FlowStats?

    public init(
        received: UInt64, fromHost: UInt64, madeHere: UInt64, extraFragments: UInt64, transmitted: UInt64,
        toHost: UInt64, dropped: [String: UInt64], absorbed: UInt64, held: UInt64, framesOwned: UInt64,
        framesInUmem: UInt64, lostInRings: UInt64, generation: UInt64, uptime: UInt64,
        effectsLost: UInt64 = 0, unwritten: UInt64 = 0, flows: FlowStats? = nil
    ) {
        self.received = received
        self.fromHost = fromHost
        self.madeHere = madeHere
        self.extraFragments = extraFragments
        self.transmitted = transmitted
        self.toHost = toHost
        self.dropped = dropped
        self.absorbed = absorbed
        self.held = held
        self.framesOwned = framesOwned
        self.framesInUmem = framesInUmem
        self.lostInRings = lostInRings
        self.generation = generation
        self.uptime = uptime
        self.effectsLost = effectsLost
        self.unwritten = unwritten
        self.flows = flows
    }

    /// Drops of all reasons. Wrapping is meant, as the counters themselves wrap.
    public var droppedTotal: UInt64 { dropped.values.reduce(0, &+) }
    /// What came in: the left side of the books.
    public var incoming: UInt64 { received &+ fromHost &+ madeHere &+ extraFragments }
    /// Where it went: the right side of the books.
    public var outgoing: UInt64 { transmitted &+ toHost &+ droppedTotal &+ absorbed &+ held }
    public var isBalanced: Bool { incoming == outgoing && framesOwned == framesInUmem }
}

/// What `conntrack -S` counts, as far as it means something here.
public struct FlowStats: Hashable, Sendable, Codable {
    /// Flows that there are.
    public var count: Int
    /// Times that NAT found another flow to have the tuple it wanted.
    public var found: UInt64
    /// Packets of no flow that may not begin one.
    public var invalid: UInt64
    /// Flows that another one got ahead of.
    public var insertFailed: UInt64
    /// Packets dropped for that, or because there was no room for a flow.
    public var drop: UInt64
    /// Flows put out to make room.
    public var earlyDrop: UInt64
    /// ICMP messages that are damaged, of no known kind, or errors about packets of no flow; not counted as invalid besides.
    public var error: UInt64
    /// Packets whose flow another worker had entered a moment before, and that went on as part of that.
    public var clashResolved: UInt64
    /// Announced flows that came (expect_new in /proc/net/stat/nf_conntrack).
    public var expectNew: UInt64
    /// Flows announced.
    public var expectCreate: UInt64
    /// Announcements that ended in any way.
    public var expectDelete: UInt64

    public init(
        count: Int, found: UInt64, invalid: UInt64, insertFailed: UInt64, drop: UInt64, earlyDrop: UInt64, error: UInt64 = 0,
        clashResolved: UInt64 = 0, expectNew: UInt64 = 0, expectCreate: UInt64 = 0, expectDelete: UInt64 = 0
    ) {
        self.count = count
        self.found = found
        self.invalid = invalid
        self.insertFailed = insertFailed
        self.drop = drop
        self.earlyDrop = earlyDrop
        self.error = error
        self.clashResolved = clashResolved
        self.expectNew = expectNew
        self.expectCreate = expectCreate
        self.expectDelete = expectDelete
    }
}

/// A reason for which packets are dropped.
public struct DropRow: Hashable, Sendable, Codable {
    /// The name that `stats` has too, such as "egress-not-a-port".
    public var reason: String
    /// What it means, in a sentence.
    public var text: String
    public var packets: UInt64

    public init(reason: String, text: String, packets: UInt64) {
        self.reason = reason
        self.text = text
        self.packets = packets
    }
}
