/// What is kept of a flow that a helper reads along with, beside the table of flows and indexed like it; most flows have none, and
/// then this memory is never touched. It counts only while the flow's status says `helped`.
///
/// What is guarded by what:
/// - `adjustments`, `newlines`: the flow's lock.
/// - `firstExpectation`, `expecting`: the lock of the `ExpectationTable`.
struct FlowHelp: Sendable {
    /// By direction.
    private var originalAdjustment = SequenceAdjustment()
    private var replyAdjustment = SequenceAdjustment()
    private var originalNewlines = NewlineMemory()
    private var replyNewlines = NewlineMemory()
    /// The newest of the flow's expectations, linked by `masterNext`.
    var firstExpectation: UInt32 = 0
    /// How many there are, by class.
    var expecting = InlineArray<4, UInt8>(repeating: 0)

    init() {}

    @inline(__always)
    func adjustment(_ direction: Direction) -> SequenceAdjustment {
        direction == .original ? originalAdjustment : replyAdjustment
    }

    @inline(__always)
    mutating func setAdjustment(_ direction: Direction, _ value: SequenceAdjustment) {
        if direction == .original { originalAdjustment = value } else { replyAdjustment = value }
    }

    @inline(__always)
    subscript(newlines direction: Direction) -> NewlineMemory {
        get { direction == .original ? originalNewlines : replyNewlines }
        set { if direction == .original { originalNewlines = newValue } else { replyNewlines = newValue } }
    }
}

/// Where lines began lately in one direction of a TCP flow: a segment that begins elsewhere begins in the middle of a line and is
/// not read (seq_aft_nl in net/netfilter/nf_conntrack_ftp.c).
struct NewlineMemory: Sendable {
    private var first = SequenceNumber(0)
    private var second = SequenceNumber(0)
    private var count: UInt8 = 0

    /// Whether a line begins at a sequence number (find_nl_seq).
    @inline(__always)
    func contains(_ sequence: SequenceNumber) -> Bool {
        count > 0 && first == sequence || count > 1 && second == sequence
    }

    /// A line ended right before a sequence number (update_nl_seq): the older of two makes room, unless both are newer.
    mutating func note(_ sequence: SequenceNumber) {
        if contains(sequence) { return }
        switch count {
        case 0:
            first = sequence
            count = 1
        case 1:
            second = sequence
            count = 2
        default:
            if first.isBefore(second) {
                if sequence.isAfter(first) { first = sequence }
            } else if sequence.isAfter(second) {
                second = sequence
            }
        }
    }
}
