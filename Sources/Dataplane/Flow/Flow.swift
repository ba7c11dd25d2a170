import Net
import Synchronization

/// A tracked connection, in three cache lines: what finding it and keeping it alive takes, what counting a packet takes and half of the TCP
/// connection, and the rest. A datagram's flow needs the first two, a segment's all three.
///
/// What is guarded by what:
/// - `original`, `reply`: written by the worker that creates the flow, before an index slot points to it; constant from then until
///   the entry is reused. `reply` may still be rewritten by NAT while only the creator holds the flow and the reply is not yet
///   in the index.
/// - `status`: atomic; bits are only ever set, but for the life of one entry.
/// - `expires`: atomic, relaxed; whoever sees a packet writes it, the timer wheel reads it.
/// - `lock`: guards `tcp`, the SCTP association beside the table, the counters, and what is made of an old `mark`, which may be read without
///   it.
/// - `incarnation`: atomic; grows when the entry is given to another flow, so that who remembers a flow by number knows it again.
/// - `eventBits`: atomic; who changes the flow notes it, whoever sees the next packet through tells it.
/// - `policy`, `helper`, `masterHelper`, `masterSource`, `beginning`: written by the worker that creates the flow, before anybody can find it. What a
///   helper keeps of a flow lies beside the table: see `FlowHelp`.
/// - `wheelNext`, `wheelPrevious`, `owner`: only the worker that created the flow.
/// - `nextDead`: whoever won the right to kill the flow (it set `dying`), until the owner has taken it.
///
/// An entry is reused after every worker has passed a burst boundary since it left the index (`Epochs`).
public struct Flow: ~Copyable {
    /// What has happened to a flow (enum ip_conntrack_status).
    public struct Status: OptionSet, Sendable {
        public var rawValue: UInt32
        @inline(__always)
        public init(rawValue: UInt32) { self.rawValue = rawValue }

        public static let expected = Status(rawValue: 1 << 0)
        public static let seenReply = Status(rawValue: 1 << 1)
        public static let assured = Status(rawValue: 1 << 2)
        public static let confirmed = Status(rawValue: 1 << 3)
        public static let sourceNAT = Status(rawValue: 1 << 4)
        public static let destinationNAT = Status(rawValue: 1 << 5)
        /// The lengths of its segments have changed, so their numbers are shifted.
        public static let sequenceAdjusted = Status(rawValue: 1 << 6)
        public static let sourceNATDone = Status(rawValue: 1 << 7)
        public static let destinationNATDone = Status(rawValue: 1 << 8)
        public static let dying = Status(rawValue: 1 << 9)
        /// A helper reads along; what it keeps lies in the table beside the flow.
        public static let helped = Status(rawValue: 1 << 13)
        /// Ours: the reply tuple stands in the index although the flow is not confirmed yet.
        public static let replyReserved = Status(rawValue: 1 << 24)
        /// Ours: the flow stands in the index by its original source too.
        public static let bySource = Status(rawValue: 1 << 26)
        /// Ours: the flow has labels, which lie in the table beside it.
        public static let labelled = Status(rawValue: 1 << 27)
        /// Ours: SYNPROXY opened it; what it remembers lies in the table beside it.
        public static let synproxied = Status(rawValue: 1 << 28)
        /// Ours: the flow lost a race for its original tuple, and answers alone find it, for a second (IPS_NAT_CLASH).
        public static let answersOnly = Status(rawValue: 1 << 29)
        /// Ours: MASQUERADE chose the source address, so the flow dies with it.
        public static let masqueraded = Status(rawValue: 1 << 25)
        /// Ours: when it began was noted (nf_conntrack_timestamp was on).
        public static let stamped = Status(rawValue: 1 << 30)
        /// Ours: its counters are shown (nf_conntrack_acct was on when it began).
        public static let accounted = Status(rawValue: 1 << 31)
    }

    /// Packets and bytes of one direction; bytes count whole IP packets.
    public struct Counter: Sendable {
        public var packets: UInt64 = 0
        public var bytes: UInt64 = 0
    }

    // The first cache line.

    public var original: FlowTuple
    public var reply: FlowTuple
    let statusBits: Atomic<UInt32>
    public let lock: SpinLock
    let expiry: Atomic<UInt64>
    /// When a UDP flow that is still active counts as a stream, as CLOCK_MONOTONIC.
    var streamSince: Instant
    let markBits: Atomic<UInt32>
    /// The timeout policy that it follows, by its number in `TimeoutPolicies`; 0 for none.
    public var policy: UInt8
    /// The helper that reads along, by its number in `HelperNames`; 0 for none.
    public var helper: UInt8
    /// For an expected flow, the helper of the flow that announced it; 0 for none.
    public var masterHelper: UInt8
    /// The port that MASQUERADE chose an address of.
    public var masqueradePort: PortIndex

    // The second.

    let incarnation: Atomic<UInt32>
    /// `FlowEvents`: noted and not told yet below, those that somebody may hear of above.
    let eventBits: Atomic<UInt32>
    public var originalCounter: Counter
    public var replyCounter: Counter
    public var tcp: TCPConnection

    // The third.

    /// The worker whose wheel holds the flow.
    var owner: UInt8
    /// For an expected flow, the original source of the flow that announced it; 0.0.0.0 for any other.
    public var masterSource: IPv4Address
    var wheelNext: UInt32
    var wheelPrevious: UInt32
    var wheelSlot: UInt32
    var nextDead: UInt32
    /// When it began, in nanoseconds since 1970, if it is `stamped`.
    var beginning: UInt64

    @inline(__always)
    public var status: Status { Status(rawValue: statusBits.load(ordering: .acquiring)) }

    /// CONNMARK's mark.
    @inline(__always)
    public var mark: UInt32 {
        get { markBits.load(ordering: .relaxed) }
        nonmutating set { markBits.store(newValue, ordering: .relaxed) }
    }

    @inline(__always)
    public func set(_ bits: Status) { statusBits.bitwiseOr(bits.rawValue, ordering: .acquiringAndReleasing) }

    /// When the flow ends if no packet comes, as CLOCK_MONOTONIC.
    @inline(__always)
    public var expires: Instant { Instant(nanoseconds: expiry.load(ordering: .relaxed)) }

    @inline(__always)
    public func expire(at moment: Instant) { expiry.store(moment.nanoseconds, ordering: .relaxed) }

    @inline(__always)
    public func tuple(_ direction: Direction) -> FlowTuple { direction == .original ? original : reply }
}
