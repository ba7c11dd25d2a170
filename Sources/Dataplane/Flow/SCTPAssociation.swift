/// What tracking remembers of an SCTP association, and how a packet changes it (net/netfilter/nf_conntrack_proto_sctp.c; RFC 9260).
///
/// A side's *verification tag* stands in every packet toward it: INIT and INIT ACK announce it, and what carries another
/// is none of the association's (RFC 9260, 8.5). HEARTBEATs of paths that were seen from their middle on are let by.
public struct SCTPAssociation: Sendable {
    public internal(set) var state: SCTPState = .none
    /// A HEARTBEAT came with a tag that we did not expect; its answer may correct us.
    private var heartbeatHasStrangeTag = false
    private var lastDirection: Direction = .original
    /// Whether either side has sent INIT, for when both do at once.
    private var hasInitiated: InlineArray<2, Bool> = [false, false]
    /// What packets of either direction carry; 0 while it is unknown. In the packet's byte order.
    private var tags: InlineArray<2, UInt32> = [0, 0]

    public init() {}

    /// What tracking says of a packet.
    enum Verdict {
        /// It belongs to the flow; the flow now lives for this long.
        case accept(timeout: UInt64)
        /// It passes as part of the flow, which lives no longer for it.
        case ignore
        case invalid
    }

    /// Takes a packet of either direction.
    ///
    /// - Parameter isFirst: no packet of the flow has passed yet.
    /// - Returns: and whether the association was established by it.
    mutating func track(
        _ packet: Packet, _ direction: Direction, isFirst: Bool, timeouts: SCTPTimeouts
    ) -> (Verdict, becomesAssured: Bool) {
        let kinds = SCTPChunks.kinds(of: packet)
        guard kinds != 0 else { return (.invalid, false) }
        let tag = packet.transport32(Offset.sctpTag)
        if isFirst, !begin(packet, kinds, tag) { return (.invalid, false) }

        let judgedByChunk: UInt32 =
            1 << UInt32(SCTPChunk.initiation) | 1 << UInt32(SCTPChunk.shutdownComplete) | 1 << UInt32(SCTPChunk.cookieEcho)
            | 1 << UInt32(SCTPChunk.abort) | 1 << UInt32(SCTPChunk.shutdownAck) | 1 << UInt32(SCTPChunk.heartbeat)
            | 1 << UInt32(SCTPChunk.heartbeatAck)
        let own = Int(direction.rawValue)
        let other = Int(direction.opposite.rawValue)
        if kinds & judgedByChunk == 0, tag != tags[own] { return (.invalid, false) }

        var becomesAssured = false
        var ignores = false
        var next = SCTPState.none
        var chunks = SCTPChunks(packet)
        while let chunk = chunks.next() {
            // RFC 9260, 8.5.1: tags in special cases.
            switch chunk.kind {
            case SCTPChunk.initiation:
                guard tag == 0 else { return (.invalid, becomesAssured) }
            case SCTPChunk.abort, SCTPChunk.shutdownComplete:
                let isReflected = chunk.flags & SCTPChunk.tagIsReflected != 0
                guard tag == tags[isReflected ? other : own] else { return (.invalid, becomesAssured) }
            case SCTPChunk.cookieEcho:
                guard tag == tags[own] else { return (.invalid, becomesAssured) }
            case SCTPChunk.cookieAck:
                hasInitiated[own] = false
                hasInitiated[other] = false
            case SCTPChunk.heartbeat:
                if tags[own] == 0 {
                    tags[own] = tag
                } else if tag != tags[own] {
                    // Nothing but the answer to it can say who is right.
                    if kinds & 1 << UInt32(SCTPChunk.data) != 0 || ignores { return (.invalid, becomesAssured) }
                    heartbeatHasStrangeTag = true
                    lastDirection = direction
                    ignores = true
                    continue
                } else {
                    heartbeatHasStrangeTag = false
                }
            case SCTPChunk.heartbeatAck:
                if tags[own] == 0 {
                    tags[own] = tag
                } else if tag != tags[own] {
                    if kinds & 1 << UInt32(SCTPChunk.data) != 0 || ignores { return (.invalid, becomesAssured) }
                    // It must answer such a HEARTBEAT of the other side.
                    guard heartbeatHasStrangeTag, lastDirection != direction else { return (.invalid, becomesAssured) }
                    heartbeatHasStrangeTag = false
                    tags[own] = tag
                    tags[other] = 0
                } else {
                    heartbeatHasStrangeTag = false
                }
            default: break
            }

            let old = state
            guard let new = old.next(direction, chunk.kind) else { return (.invalid, becomesAssured) }
            next = new
            if chunk.kind == SCTPChunk.initiation {
                guard let announced = chunk.initiateTag(packet) else { return (.invalid, becomesAssured) }
                // One that announces what is known begins nothing.
                if isFirst || tags[other] != announced {
                    if hasInitiated[own], hasInitiated[other] { hasInitiated[other] = false }
                    hasInitiated[own] = true
                    tags[other] = announced
                }
                // Who only ever sends INITs must not keep an entry, and the address that NAT gave it, for ever.
                if new == .closed, old == .closed, !isFirst { ignores = true }
            } else if chunk.kind == SCTPChunk.initiationAck {
                guard let announced = chunk.initiateTag(packet) else { return (.invalid, becomesAssured) }
                let known = tags[other]
                if !hasInitiated[other], known != 0, known != announced { return (.invalid, becomesAssured) }
                // Both began at once.
                if hasInitiated[own], hasInitiated[other], known != announced { return (.invalid, becomesAssured) }
                tags[other] = announced
            }
            state = new
            if old != new, new == .established { becomesAssured = true }
        }
        return (ignores ? .ignore : .accept(timeout: timeouts[next]), becomesAssured)
    }

    /// Begins an association with its first packet (sctp_new).
    ///
    /// - Returns: false if none may begin with it.
    private mutating func begin(_ packet: Packet, _ kinds: UInt32, _ tag: UInt32) -> Bool {
        // RFC 9260, 8.4: out of the blue, these are discarded.
        let never: UInt32 =
            1 << UInt32(SCTPChunk.abort) | 1 << UInt32(SCTPChunk.shutdownComplete) | 1 << UInt32(SCTPChunk.cookieAck)
        guard kinds & never == 0 else { return false }
        self = SCTPAssociation()
        var chunks = SCTPChunks(packet)
        while let chunk = chunks.next() {
            // Other chunks leave it where it is, which is nowhere.
            guard let new = SCTPState.none.next(.original, chunk.kind), new != .none else { return false }
            switch chunk.kind {
            case SCTPChunk.initiation:
                guard tag == 0, let announced = chunk.initiateTag(packet) else { return false }
                tags[Int(Direction.reply.rawValue)] = announced
            case SCTPChunk.heartbeat, SCTPChunk.heartbeatAck: tags[Int(Direction.original.rawValue)] = tag
            // Answered by SHUTDOWN COMPLETE with the same tag (RFC 9260, 8.4).
            case SCTPChunk.shutdownAck: tags[Int(Direction.reply.rawValue)] = tag
            default: break
            }
        }
        return true
    }
}

/// The chunks of an SCTP packet, one after another (RFC 9260, 3.2).
struct SCTPChunks {
    struct Chunk {
        var kind: UInt8
        var flags: UInt8
        /// As it stands there: header included, padding not.
        var length: Int
        /// From the transport header on.
        var offset: Int

        /// What INIT and INIT ACK announce; nil if their fixed part is cut off.
        func initiateTag(_ packet: Packet) -> UInt32? {
            guard offset + 20 <= packet.transportLength else { return nil }
            return packet.transport32(offset + 4)
        }
    }

    private let packet: Packet
    private var offset = Offset.sctpHeader

    init(_ packet: Packet) { self.packet = packet }

    mutating func next() -> Chunk? {
        guard offset + 4 <= packet.transportLength else { return nil }
        let chunk = Chunk(
            kind: packet.transport8(offset), flags: packet.transport8(offset + 1), length: Int(packet.transport16(offset + 2)),
            offset: offset)
        // `kinds` has seen to it that no length is zero, so this ends.
        offset += (chunk.length + 3) & ~3
        return chunk
    }

    /// The types of the chunks as bits, those above 31 as bit 31; 0 if there are none, or in an order that no sender produces: INIT, INIT
    /// ACK and SHUTDOWN COMPLETE stand alone, COOKIE ECHO and COOKIE ACK at the beginning (do_basic_checks).
    static func kinds(of packet: Packet) -> UInt32 {
        var kinds: UInt32 = 0
        var standsAlone = false
        var chunks = SCTPChunks(packet)
        while let chunk = chunks.next() {
            switch chunk.kind {
            case SCTPChunk.initiation, SCTPChunk.initiationAck, SCTPChunk.shutdownComplete: standsAlone = true
            default: break
            }
            let mustBeFirst = chunk.kind == SCTPChunk.cookieAck || chunk.kind == SCTPChunk.cookieEcho || standsAlone
            if mustBeFirst && kinds != 0 || chunk.length == 0 { return 0 }
            kinds |= 1 << UInt32(min(chunk.kind, 31))
        }
        return kinds
    }
}

/// How long SCTP flows live without a packet, in nanoseconds, by state (nf_conntrack_sctp_timeout_…).
public struct SCTPTimeouts: Sendable, Equatable {
    public var closed = 10 * TCPTimeouts.second
    public var cookieWait = 3 * TCPTimeouts.second
    public var cookieEchoed = 3 * TCPTimeouts.second
    public var established = 210 * TCPTimeouts.second
    public var shutdownSent = 3 * TCPTimeouts.second
    public var shutdownReceived = 3 * TCPTimeouts.second
    public var shutdownAckSent = 3 * TCPTimeouts.second
    public var heartbeatSent = 30 * TCPTimeouts.second

    public init() {}

    @inline(__always)
    subscript(_ state: SCTPState) -> UInt64 {
        switch state {
        case .none, .closed: closed
        case .cookieWait: cookieWait
        case .cookieEchoed: cookieEchoed
        case .established: established
        case .shutdownSent: shutdownSent
        case .shutdownReceived: shutdownReceived
        case .shutdownAckSent: shutdownAckSent
        case .heartbeatSent: heartbeatSent
        }
    }
}
