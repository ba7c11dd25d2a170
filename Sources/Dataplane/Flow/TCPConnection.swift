/// What tracking remembers of a TCP connection, and how a segment changes it: netfilter's state machine with window
/// tracking (net/netfilter/nf_conntrack_proto_tcp.c; the method is Guido van Rooij's, "Real Stateful TCP Packet Filtering
/// in IP Filter", 2001).
///
/// For either side it keeps the highest sequence number sent, how far the other side's window lets it go, and the largest
/// window it announced. A segment is in the window if its data begins before the limit, ends after what the receiver can
/// still want, and acknowledges what was sent and not long ago.
public struct TCPConnection: Sendable {
    struct SideFlags: OptionSet, Sendable {
        var rawValue: UInt8
        @inline(__always)
        init(rawValue: UInt8) { self.rawValue = rawValue }
        static let windowScale = SideFlags(rawValue: 1 << 0)
        static let permitsSACK = SideFlags(rawValue: 1 << 1)
        /// This side closed first.
        static let closedFirst = SideFlags(rawValue: 1 << 2)
        /// Segments out of the window are accepted: the connection was picked up midway.
        static let liberal = SideFlags(rawValue: 1 << 3)
        static let hasUnacknowledgedData = SideFlags(rawValue: 1 << 4)
        static let hasHighestAcknowledgment = SideFlags(rawValue: 1 << 5)
        /// Of `lastFlags` only: a challenge ACK (RFC 5961) may come.
        static let expectsChallenge = SideFlags(rawValue: 1 << 6)
        /// Of `lastFlags` only.
        static let simultaneousOpen = SideFlags(rawValue: 1 << 7)
    }

    /// One side as a sender.
    struct Side: Sendable {
        /// After the last byte sent.
        var end = SequenceNumber(0)
        /// The first byte it may not send yet.
        var limit = SequenceNumber(0)
        /// The largest window it announced, scaled; 0 until it was seen.
        var largestWindow: UInt32 = 0
        var highestAcknowledgment = SequenceNumber(0)
        var scale: UInt8 = 0
        var flags: SideFlags = []
    }

    public internal(set) var state: TCPState = .none
    var lastDirection: Direction = .original
    var lastKind: TCPSegmentKind = .none
    var retransmissions: UInt8 = 0
    var lastScale: UInt8 = 0
    var lastFlags: SideFlags = []
    var lastWindow: UInt16 = 0
    var lastSequence = SequenceNumber(0)
    var lastAcknowledgment = SequenceNumber(0)
    var lastEnd = SequenceNumber(0)
    private var originalSide = Side()
    private var replySide = Side()

    public init() {}

    /// After the last byte that the connection's opener sent.
    @inline(__always)
    var originalEnd: SequenceNumber { originalSide.end }
    /// The largest window that the connection's opener announced, in bytes.
    @inline(__always)
    var originalWindow: UInt32 { originalSide.largestWindow }

    /// What tracking says of a segment.
    enum Verdict {
        /// It belongs to the flow; the flow now lives for this long.
        case accept(timeout: UInt64)
        /// It passes as part of the flow but changes nothing, and the flow lives no longer for it.
        case ignore
        case invalid
        /// So is it, and with an earlier one of the other side it tells that both have left: the flow lives this long at the most.
        case invalidClosing(atMost: UInt64)
        /// It is a reset before any answer: the flow is over.
        case acceptAndEnd
        /// It opens a new connection in place of one that has ended: forget this one and look again.
        case reopen
    }

    @inline(__always)
    subscript(_ direction: Direction) -> Side {
        get { direction == .original ? originalSide : replySide }
        set { if direction == .original { originalSide = newValue } else { replySide = newValue } }
    }

    // MARK: The first segment

    /// Begins a connection with its first segment.
    ///
    /// - Returns: false if no connection may begin with it.
    mutating func begin(_ segment: TCPSegment, settings: TCPSettings) -> Bool {
        let kind = TCPSegmentKind(segment.flags)
        self = TCPConnection()
        switch TCPTransition.next(.original, kind, from: .none) {
        case .synSent:
            originalSide.start(segment, window: segment.window)
        case .established where settings.loose:
            // Midway: its history is lost. SACK and any window are taken on trust until both sides were seen.
            originalSide.end = segment.end
            originalSide.largestWindow = max(segment.window, 1)
            originalSide.limit = segment.end + originalSide.largestWindow
            originalSide.flags = [.permitsSACK, .liberal]
            replySide.flags = [.permitsSACK, .liberal]
        default:
            return false
        }
        return true
    }

    // MARK: Every segment

    /// Takes a segment of either direction, the first included.
    mutating func track(
        _ segment: TCPSegment, _ direction: Direction, status: Flow.Status, settings: TCPSettings
    ) -> Verdict {
        let kind = TCPSegmentKind(segment.flags)
        var old = state
        let transition = TCPTransition.next(direction, kind, from: old)
        guard transition != .invalid else { return .invalid }
        var new = transition.state
        var checksWindow = true

        switch transition {
        case .synSent where old.rawValue >= TCPState.timeWait.rawValue:
            // RFC 1122, 4.2.2.13: a new connection may take the place of one in TIME-WAIT, or of one that was reset.
            if originalSide.flags.union(replySide.flags).contains(.closedFirst)
                || (lastDirection == direction && lastKind == .rst)
            {
                return .reopen
            }
            guard let synchronised = ignore(segment, kind, direction, from: old) else { return .ignore }
            (old, new) = synchronised
        case .ignore:
            guard let synchronised = ignore(segment, kind, direction, from: old) else { return .ignore }
            (old, new) = synchronised
        case .timeWait:
            // RFC 5961: the challenge ACK to a stray SYN must not pass for the ACK of the last FIN.
            if old == .lastAck, kind == .ack, lastDirection != direction, lastKind == .syn,
                lastFlags.contains(.expectsChallenge)
            {
                lastFlags.remove(.expectsChallenge)
                return .ignore
            }
        case .synSent2:
            lastFlags.insert(.simultaneousOpen)
        case .synReceived:
            if direction == .reply, kind == .ack, lastFlags.contains(.simultaneousOpen) { new = .established }
        case .close where kind == .rst:
            switch judgeReset(segment, direction, old: old, status: status, settings: settings) {
            case .invalid: return .invalid
            case .closesUnseen: checksWindow = false
            case .closes: break
            case .mayAnswerIgnored: checksWindow = !answersIgnored(segment, direction, old: old, status: status)
            case .mayBeChallenged:
                new = old
                checksWindow = !answersIgnored(segment, direction, old: old, status: status)
            }
        default: break
        }
        guard let new else { return .invalid }

        if checksWindow {
            switch checkWindow(segment, kind, direction, old: old, settings: settings) {
            case .accept: break
            case .ignore: return .ignore
            case .invalid: return noteInvalid(kind, direction, status: status, settings: settings)
            }
        }
        lastKind = kind
        lastDirection = direction
        state = new
        if old != new, new == .finWait { self[direction].flags.insert(.closedFirst) }
        return conclude(kind, old: old, new: new, status: status, settings: settings)
    }

    /// A segment that we cannot judge: remember it and let it by. If it is the SYN-ACK to a SYN that we let by before, both
    /// ends are in step and we were not: take over what was noted.
    ///
    /// - Returns: the states to go on with in that last case.
    private mutating func ignore(
        _ segment: TCPSegment, _ kind: TCPSegmentKind, _ direction: Direction, from old: TCPState
    ) -> (TCPState, TCPState?)? {
        if kind == .synAck, lastKind == .syn, lastDirection != direction, segment.acknowledgment == lastEnd {
            lastFlags.remove(.expectsChallenge)
            var sender = self[lastDirection]
            sender.end = lastEnd
            sender.limit = lastEnd
            sender.largestWindow = max(UInt32(lastWindow), 1)
            sender.scale = lastScale
            sender.flags = lastFlags
            self[lastDirection] = sender
            let isLiberal = self[direction].flags.contains(.liberal)
            self[direction] = Side()
            if isLiberal { self[direction].flags = .liberal }
            return (.synSent, .synReceived)
        }
        lastKind = kind
        lastDirection = direction
        lastSequence = segment.sequence
        lastEnd = segment.end
        lastWindow = UInt16(truncatingIfNeeded: segment.window)
        if kind == .syn, direction == .original {
            let (scale, permitsSACK) = segment.options.announcement()
            lastFlags = []
            lastScale = scale ?? 0
            if scale != nil { lastFlags.insert(.windowScale) }
            if permitsSACK { lastFlags.insert(.permitsSACK) }
            if old == .lastAck { lastFlags.insert(.expectsChallenge) }
        }
        // The reset that answers a challenge will carry this number.
        if old == .synSent, kind == .ack, direction == .reply { lastAcknowledgment = segment.acknowledgment }
        return nil
    }

    private enum ResetJudgement { case closes, closesUnseen, mayAnswerIgnored, mayBeChallenged, invalid }

    /// RFC 5961, 3.2: a reset closes if its sequence number is exactly the next one expected.
    private func judgeReset(
        _ segment: TCPSegment, _ direction: Direction, old: TCPState, status: Flow.Status, settings: TCPSettings
    ) -> ResetJudgement {
        // The ports of a connection that is closing may be in use again, and what we know of its window be out of date.
        if old.isClosing { return .closesUnseen }
        let receiver = self[direction.opposite]
        // So is the highest acknowledgment if a SYN was let by.
        guard receiver.flags.contains(.hasHighestAcknowledgment), lastKind != .syn else { return .mayAnswerIgnored }
        let isEstablished = state == .established && status.contains(.assured)
        if segment.sequence.rawValue == 0, !isEstablished { return .closes }
        if segment.sequence.isBefore(receiver.highestAcknowledgment), !settings.ignoresInvalidReset { return .invalid }
        if !isEstablished || segment.sequence == receiver.highestAcknowledgment { return .closes }
        // The end of a train: data up to here, then the reset.
        if lastKind == .ack, lastDirection == direction, segment.sequence == lastEnd { return .closes }
        return .mayBeChallenged
    }

    /// Whether a reset answers a segment that we let by unseen, and so cannot be in the window that we know: a SYN, the ACK of a
    /// half-open connection, or the server's challenge to a SYN.
    private func answersIgnored(_ segment: TCPSegment, _ direction: Direction, old: TCPState, status: Flow.Status) -> Bool {
        if status.contains(.seenReply) && lastKind == .syn || !status.contains(.assured) && lastKind == .ack,
            lastDirection != direction, segment.acknowledgment == lastEnd
        {
            return true
        }
        return old == .synSent && lastKind == .ack && lastDirection == .reply && segment.sequence == lastAcknowledgment
    }

    /// A FIN or RST that looks wrong to us may look right to the other side. If that answers with one as wrong, both have left, and the
    /// flow need not stay for days (nf_tcp_handle_invalid).
    private mutating func noteInvalid(
        _ kind: TCPSegmentKind, _ direction: Direction, status: Flow.Status, settings: TCPSettings
    ) -> Verdict {
        guard status.contains(.assured), kind == .fin || kind == .rst else { return .invalid }
        if lastDirection != direction, lastKind == .fin || lastKind == .rst {
            return .invalidClosing(atMost: settings.timeouts.unacknowledged)
        }
        lastKind = kind
        lastDirection = direction
        return .invalid
    }

    // MARK: The outcome

    /// How long the connection now lives without another segment.
    private func conclude(
        _ kind: TCPSegmentKind, old: TCPState, new: TCPState, status: Flow.Status, settings: TCPSettings
    ) -> Verdict {
        let timeouts = settings.timeouts
        var timeout = timeouts[new]
        let hasUnacknowledgedData = originalSide.flags.union(replySide.flags).contains(.hasUnacknowledgedData)
        if retransmissions >= settings.maximumRetransmissions, timeout > timeouts.retransmission {
            timeout = timeouts.retransmission
        } else if kind == .rst {
            timeout = timeouts[.close]
        } else if hasUnacknowledgedData, timeout > timeouts.unacknowledged {
            timeout = timeouts.unacknowledged
        } else if lastWindow == 0, timeout > timeouts.retransmission {
            timeout = timeouts.retransmission
        }
        if !status.contains(.seenReply) {
            if kind == .rst { return .acceptAndEnd }
            // Neither counted nor kept alive by a repeated SYN: the port may be used anew, which only a fresh flow can know.
            if kind == .syn, old == .synSent { return .ignore }
            // Picked up midway and unanswered so far: not for days.
            if new == .established { timeout = min(timeout, timeouts.unacknowledged) }
        }
        return .accept(timeout: timeout)
    }

    /// A reset of ours answers a segment: the connection is over, whatever the ends say (nf_conntrack_tcp_set_closing).
    mutating func close() { state = .close }

    /// Whether a segment that took the connection from `old` to its present state makes it assured: the handshake's last ACK,
    /// or an answer to a connection that was picked up.
    @inline(__always)
    func isNowAssured(after old: TCPState) -> Bool {
        state == .established && (old == .synReceived || old == .established)
    }
}
