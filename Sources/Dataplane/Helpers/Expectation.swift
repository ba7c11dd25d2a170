import Net

/// A flow that a helper has announced (struct nf_conntrack_expect in include/net/netfilter/nf_conntrack_expect.h). The first packet
/// that fits begins a flow that is RELATED to the one the announcement was seen in, its *master*.
struct Expectation: Sendable {
    struct Flags: OptionSet, Sendable {
        var rawValue: UInt8
        @inline(__always)
        init(rawValue: UInt8) { self.rawValue = rawValue }
        /// It stays when a flow has taken it.
        static let permanent = Flags(rawValue: 1 << 0)
        /// No flow may take it.
        static let inactive = Flags(rawValue: 1 << 1)
        /// The flow's translation follows from its master's (nf_nat_follow_master).
        static let followsNAT = Flags(rawValue: 1 << 2)
        /// The entry is in use.
        static let isUsed = Flags(rawValue: 1 << 7)
    }

    /// Of the first packet. Its zone is not looked at.
    var tuple: FlowTuple
    /// Any source address; any source port.
    var sourceMask: UInt32
    var sourcePortMask: UInt16
    /// Of the master.
    var zone: UInt16
    var master: UInt32
    /// The destination port that the announcer meant, which NAT may have had to announce as another.
    var savedPort: UInt16
    /// In which of the master's directions the flow begins.
    var direction: Direction
    var expectationClass: UInt8 = 0
    /// The helper that reads along with the flow itself; 0 for none.
    var helper: UInt8 = 0
    var flags: Flags = []
    var expires = Instant(nanoseconds: 0)

    // Links, by number; 0 ends a list.
    var bucketNext: UInt32 = 0
    var masterNext: UInt32 = 0
    var wheelNext: UInt32 = 0
    var wheelPrevious: UInt32 = 0

    /// Whether it waits for a packet with this tuple (nf_ct_tuple_mask_cmp).
    @inline(__always)
    func fits(_ other: FlowTuple) -> Bool {
        tuple.destination == other.destination && tuple.destinationPort == other.destinationPort
            && tuple.ipProtocol == other.ipProtocol
            && (tuple.source.rawValue ^ other.source.rawValue) & sourceMask == 0
            && (tuple.sourcePort ^ other.sourcePort) & sourcePortMask == 0
    }

    /// Whether some packet fits both (expect_clash).
    func clashes(with other: Expectation) -> Bool {
        zone == other.zone && tuple.destination == other.tuple.destination
            && tuple.destinationPort == other.tuple.destinationPort && tuple.ipProtocol == other.tuple.ipProtocol
            && (tuple.source.rawValue ^ other.tuple.source.rawValue) & sourceMask & other.sourceMask == 0
            && (tuple.sourcePort ^ other.tuple.sourcePort) & sourcePortMask & other.sourcePortMask == 0
    }

    /// Whether both wait for the same (expect_matches).
    func equals(_ other: Expectation) -> Bool {
        zone == other.zone && tuple.addresses == other.tuple.addresses && tuple.sourcePort == other.tuple.sourcePort
            && tuple.destinationPort == other.tuple.destinationPort && tuple.ipProtocol == other.tuple.ipProtocol
            && sourceMask == other.sourceMask && sourcePortMask == other.sourcePortMask
    }
}
