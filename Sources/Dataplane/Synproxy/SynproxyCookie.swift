import Net

/// A SYN cookie: an initial sequence number that says who sent a SYN, with which numbers and when, so that nothing needs to be
/// remembered until its acknowledgment comes back (D. J. Bernstein, 1996; the layout is that of net/ipv4/syncookies.c, the key is ours).
///
/// The top byte is the minute; the other three hide which of four segment sizes the client can take.
struct SynproxyCookie {
    private let siphash: SipHash

    /// Sizes that a cookie can name (msstab).
    private static let sizes: InlineArray<4, UInt16> = [536, 1300, 1440, 1460]
    /// Minutes for which a cookie is good (MAX_SYNCOOKIE_AGE).
    private static var lifetime: UInt32 { 2 }

    init(secret: UInt64) {
        var source = RandomSource(seed: secret ^ 0x5359_4E50_524F_5859)
        siphash = SipHash(key: (source.next(), source.next()))
    }

    private func hash(_ packet: Packet, _ minute: UInt32, _ part: UInt64) -> UInt32 {
        UInt32(
            truncatingIfNeeded: siphash.hash(
                UInt64(packet.source.rawValue) << 32 | UInt64(packet.destination.rawValue),
                UInt64(packet.sourcePort) << 48 | UInt64(packet.destinationPort) << 32 | UInt64(minute), part))
    }

    private func minute(_ now: Instant) -> UInt32 { UInt32(truncatingIfNeeded: now.nanoseconds / 60_000_000_000) }

    /// The cookie for a client's SYN (secure_tcp_syn_cookie). Wrapping is what sequence numbers do.
    ///
    /// - Parameter maximumSegmentSize: what the client announced, 0 if nothing.
    func cookie(for syn: Packet, maximumSegmentSize: UInt16, now: Instant) -> UInt32 {
        var place = Self.sizes.count - 1
        while place > 0, maximumSegmentSize < Self.sizes[place] { place -= 1 }
        let minute = minute(now)
        return hash(syn, 0, 0) &+ syn.transport32(Offset.tcpSequence) &+ minute << 24
            &+ (hash(syn, minute, 1) &+ UInt32(place)) & 0xFF_FFFF
    }

    /// The segment size hidden in the cookie that a client's segment acknowledges; nil if it is none of ours, or too old
    /// (__cookie_v4_check).
    func maximumSegmentSize(acknowledgedBy ack: Packet, now: Instant) -> UInt16? {
        let rest =
            ack.transport32(Offset.tcpAcknowledgment) &- 1 &- hash(ack, 0, 0) &- (ack.transport32(Offset.tcpSequence) &- 1)
        let minute = minute(now)
        let age = (minute &- rest >> 24) & 0xFF
        guard age < Self.lifetime else { return nil }
        let place = (rest &- hash(ack, minute &- age, 1)) & 0xFF_FFFF
        return place < UInt32(Self.sizes.count) ? Self.sizes[Int(place)] : nil
    }
}
