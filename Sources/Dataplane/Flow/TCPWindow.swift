// Window tracking, the other half of TCPConnection: whether a segment lies where the two sides' numbers allow (tcp_in_window in
// net/netfilter/nf_conntrack_proto_tcp.c).

extension TCPConnection {
    enum WindowVerdict { case accept, ignore, invalid }

    /// Acknowledgments may lag behind by at least this much (MAXACKWINCONST).
    private static let acknowledgmentLag: UInt32 = 66000

    mutating func checkWindow(
        _ segment: TCPSegment, _ kind: TCPSegmentKind, _ direction: Direction, old: TCPState, settings: TCPSettings
    ) -> WindowVerdict {
        var sender = self[direction]
        var receiver = self[direction.opposite]
        var sequence = segment.sequence
        var end = segment.end
        var acknowledgment = segment.acknowledgment
        var selective = acknowledgment
        var window = segment.window
        let hasACK = segment.flags.contains(.ack)
        let hasSYN = segment.flags.contains(.syn)
        if receiver.flags.contains(.permitsSACK) { selective = segment.options.highestSACK(from: acknowledgment) }
        // NAT may have changed how much the receiver has sent.
        acknowledgment = acknowledgment - segment.shift
        selective = selective - segment.shift

        // This side's first segment, or a SYN sent again with other numbers.
        if sender.largestWindow == 0 {
            if hasSYN {
                sender.start(segment, window: window)
                Self.settleScaling(&sender, &receiver, direction)
                if !hasACK {
                    store(sender, receiver, direction)
                    return .accept
                }
            } else {
                sender.end = end
                sender.largestWindow = max(window << UInt32(sender.scale), 1)
                sender.limit = end + sender.largestWindow
                if receiver.largestWindow == 0 {
                    receiver.end = selective
                    receiver.limit = selective
                } else if selective == receiver.end + 1 {
                    // Probably the answer to a keep-alive.
                    receiver.end = receiver.end + 1
                }
            }
        } else if hasSYN, end.isAfter(sender.end), old == .synSent || old == .synReceived {
            sender.start(segment, window: window)
            Self.settleScaling(&sender, &receiver, direction)
            if direction == .reply, !hasACK {
                store(sender, receiver, direction)
                return .accept
            }
        }

        // No ACK, or a reset of a stack that sends a zero one: as if all were acknowledged.
        if !hasACK || (segment.flags.contains(.rst) && acknowledgment.rawValue == 0) {
            acknowledgment = receiver.end
            selective = receiver.end
        }
        // The reset that answers a SYN has no sequence number of its own.
        if segment.flags.contains(.rst), sequence.rawValue == 0, old == .synSent {
            sequence = sender.end
            end = sender.end
        }

        let isLiberal = settings.liberal || sender.flags.contains(.liberal)
        let oldestAcknowledgment = receiver.end - max(sender.largestWindow, Self.acknowledgmentLag) - 1
        // I. The data begins before the limit.
        if !sequence.isBefore(sender.limit + 1) {
            let overshoot = end - sender.limit &+ 1
            let mayBeInWindow =
                receiver.largestWindow != 0 && end.isAfter(sender.end - receiver.largestWindow - 1)
            if mayBeInWindow, selective.isAfter(oldestAcknowledgment), overshoot <= receiver.largestWindow,
                selective.isBefore(receiver.end + 1)
            {
                // A sender that overshoots a little passes, and its acknowledgment must not look wrong.
                sender.end = end
                sender.flags.insert(.hasUnacknowledgedData)
                store(sender, receiver, direction)
                return isLiberal ? .accept : .ignore
            }
            store(sender, receiver, direction)
            return isLiberal ? .accept : .invalid
        }
        // II. It acknowledges only what was sent.
        if !selective.isBefore(receiver.end + 1) {
            store(sender, receiver, direction)
            return isLiberal ? .accept : .invalid
        }
        // III. It ends within what the receiver may still want.
        // IV. It does not acknowledge from long ago.
        let isInWindow = receiver.largestWindow == 0 || end.isAfter(sender.end - receiver.largestWindow - 1)
        if !isInWindow || !selective.isAfter(oldestAcknowledgment) {
            store(sender, receiver, direction)
            return isLiberal ? .accept : .ignore
        }

        // The windows of SYN segments are never scaled (RFC 7323, 2.2).
        if !hasSYN { window <<= UInt32(sender.scale) }
        sender.largestWindow = max(sender.largestWindow, window &+ (selective - acknowledgment))
        if end.isAfter(sender.end) {
            sender.end = end
            sender.flags.insert(.hasUnacknowledgedData)
        }
        if hasACK,
            !sender.flags.contains(.hasHighestAcknowledgment) || acknowledgment.isAfter(sender.highestAcknowledgment)
        {
            sender.highestAcknowledgment = acknowledgment
            sender.flags.insert(.hasHighestAcknowledgment)
        }
        if receiver.largestWindow != 0, end.isAfter(sender.limit) {
            receiver.largestWindow &+= end - sender.limit
        }
        if (selective + window).isAfter(receiver.limit - 1) {
            receiver.limit = selective + window
            // A window of zero may be probed with one byte (RFC 9293, 3.8.6.1).
            if window == 0 { receiver.limit = receiver.limit + 1 }
        }
        if acknowledgment == receiver.end { receiver.flags.remove(.hasUnacknowledgedData) }
        store(sender, receiver, direction)
        if kind == .ack { noteRetransmission(segment, sequence, acknowledgment, end, direction) }
        return .accept
    }

    @inline(__always)
    private mutating func store(_ sender: Side, _ receiver: Side, _ direction: Direction) {
        self[direction] = sender
        self[direction.opposite] = receiver
    }

    private mutating func noteRetransmission(
        _ segment: TCPSegment, _ sequence: SequenceNumber, _ acknowledgment: SequenceNumber, _ end: SequenceNumber,
        _ direction: Direction
    ) {
        let window = UInt16(truncatingIfNeeded: segment.window)
        if lastDirection == direction, lastSequence == sequence, lastAcknowledgment == acknowledgment, lastEnd == end,
            lastWindow == window
        {
            // As netfilter's byte, it begins again after 255.
            retransmissions &+= 1
        } else {
            lastDirection = direction
            lastSequence = sequence
            lastAcknowledgment = acknowledgment
            lastEnd = end
            lastWindow = window
            retransmissions = 0
        }
    }

    /// Window scaling is on only if both SYNs announced it (RFC 7323, 1.3).
    private static func settleScaling(_ sender: inout Side, _ receiver: inout Side, _ direction: Direction) {
        guard direction == .reply,
            !(sender.flags.contains(.windowScale) && receiver.flags.contains(.windowScale))
        else { return }
        sender.scale = 0
        receiver.scale = 0
    }
}

extension TCPConnection.Side {
    /// What a SYN says of its sender.
    mutating func start(_ segment: TCPSegment, window: UInt32) {
        end = segment.end
        limit = segment.end
        largestWindow = max(window, 1)
        // With no options at all, what was known stays (tcp_options).
        guard !segment.options.isEmpty else { return }
        let (scale, permitsSACK) = segment.options.announcement()
        flags = flags.intersection(.liberal)
        self.scale = scale ?? 0
        if scale != nil { flags.insert(.windowScale) }
        if permitsSACK { flags.insert(.permitsSACK) }
    }
}
