import Net

/// Datagrams of which some fragments have come (RFC 791, 3.2; net/ipv4/ip_fragment.c), shared by all workers, because fragments
/// of one datagram may arrive on any of them. Defragmentation is rare enough for one lock.
///
/// The fragments' frames stay where they are until the last one comes; then the worker that brought it copies them together
/// into its own buffer. A fragment that overlaps another, or contradicts where it ends, takes the whole datagram with it; one that
/// brings nothing new is dropped alone, as Linux does.
///
/// What differs from the kernel: its limit is memory (ipfrag_high_thresh, 4 MiB of buffers, about 1,400 full-size fragments); ours are the
/// numbers below, since what waits here are frames of one size.
@safe public struct Reassembly: @unchecked Sendable {
    /// Datagrams that may wait at a time (ours).
    static let datagramLimit = 2048
    /// Fragments that may wait at a time (ours).
    static let fragmentLimit = 4096
    /// The most frames that wait here.
    public static let mostFramesHeld = fragmentLimit
    /// The most fragments of one datagram (ours): what the smallest MTU there is makes of the longest datagram (RFC 791, 3.2: 68 bytes).
    static let piecesPerDatagram = 1366
    /// A datagram whose sender has sent this many fragments since its last one begins anew (ipfrag_max_dist): its identification has
    /// probably come round.
    static let farthest: UInt32 = 64

    /// A fragment that waits. `address` and `length` are those of its whole frame.
    struct Piece {
        var address: UInt64 = 0
        var next: UInt32 = 0
        var mark: UInt32 = 0
        var linkLength: UInt16 = 0
        var headerLength: UInt16 = 0
        /// Of its data in the datagram, in bytes.
        var offset: UInt16 = 0
        var length: UInt16 = 0
        /// Where the run of fragments begins that came one right behind the other, of which this is one.
        var run: UInt16 = 0
    }

    struct Datagram {
        var source = IPv4Address.any
        var destination = IPv4Address.any
        var identification: UInt16 = 0
        var ipProtocol: UInt8 = 0
        var isUsed = false
        var isFromHost = false
        /// The last fragment has come, so that `reach` is the length of all.
        var isEndKnown = false
        /// As far as any fragment reaches.
        var reach: Int = 0
        var gathered: Int = 0
        /// Pieces in order of their offsets; entry 0 ends the list.
        var first: UInt32 = 0
        var last: UInt32 = 0
        /// Bits for the ECN fields that fragments had (RFC 3168, 5).
        var ecn: UInt8 = 0
        /// The sender's place in `senders` and its count when the last fragment came.
        var sender: UInt16 = .max
        var seen: UInt32 = 0
        var pieceCount: UInt32 = 0
        var ingress = PortIndex.none
        var expires = Instant(nanoseconds: 0)
        /// The largest IP packet among the fragments, and the largest with Don't Fragment set.
        var largest: Int = 0
        var largestUnfragmentable: Int = 0
    }

    private struct Head: ~Copyable {
        let lock = SpinLock()
        var freePiece: UInt32 = 0
        var waiting = 0
        var pieces = 0
    }

    /// How many fragments have come from a sender of datagrams that wait (struct inet_peer's rid).
    private struct Sender {
        var address = IPv4Address.any
        var waiting: UInt32 = 0
        var fragments: UInt32 = 0
    }

    private let head: Slab<Head>
    private let senders: Slab<Sender>
    let datagrams: Slab<Datagram>
    let pieces: Slab<Piece>

    public init() {
        head = Slab(count: 1)
        senders = Slab(count: Self.datagramLimit * 2)
        datagrams = Slab(count: Self.datagramLimit)
        pieces = Slab(count: Self.fragmentLimit + 1)
        for piece in 1...Self.fragmentLimit { pieces[piece].next = piece < Self.fragmentLimit ? UInt32(piece + 1) : 0 }
        head[0].freePiece = 1
    }

    func lock() { head[0].lock.lock() }
    func unlock() { head[0].lock.unlock() }

    /// Whether any datagram waits.
    @inline(__always)
    var isEmpty: Bool { head[0].waiting == 0 }
    /// Fragments that wait, which are frames held.
    public var heldCount: Int { head[0].pieces }

    // MARK: With the lock held

    func takePiece() -> UInt32 {
        let piece = head[0].freePiece
        guard piece != 0 else { return 0 }
        head[0].freePiece = pieces[piece].next
        head[0].pieces += 1
        return piece
    }

    func givePiece(_ piece: UInt32) {
        pieces[piece].next = head[0].freePiece
        head[0].freePiece = piece
        head[0].pieces -= 1
    }

    /// The datagram that a fragment belongs to, begun if need be; nil if too many wait. Which worker or port it came in on does not
    /// matter; what the host sends is gathered apart (IP_DEFRAG_CONNTRACK_OUT).
    ///
    /// - Parameters:
    ///   - key: random, so that nobody can fill the places near another's hash.
    ///   - lifetime: in nanoseconds (ipfrag_time).
    func find(_ packet: Packet, isFromHost: Bool, now: Instant, key: UInt64, lifetime: UInt64) -> Int? {
        var hash = UInt64(packet.source.rawValue) << 32 | UInt64(packet.destination.rawValue)
        hash = foldedProduct(hash ^ key) ^ UInt64(packet.identification) << 16 ^ UInt64(packet.ipProtocol.rawValue)
        let start = Int(truncatingIfNeeded: foldedProduct(hash) % UInt64(Self.datagramLimit))
        var free: Int?
        for step in 0..<16 {
            let index = (start + step) % Self.datagramLimit
            if datagrams[index].isUsed {
                if datagrams[index].source == packet.source, datagrams[index].destination == packet.destination,
                    datagrams[index].identification == packet.identification,
                    datagrams[index].ipProtocol == packet.ipProtocol.rawValue, datagrams[index].isFromHost == isFromHost
                {
                    return index
                }
            } else if free == nil {
                free = index
            }
        }
        guard let free else { return nil }
        var datagram = Datagram()
        datagram.isUsed = true
        datagram.source = packet.source
        datagram.destination = packet.destination
        datagram.identification = packet.identification
        datagram.ipProtocol = packet.ipProtocol.rawValue
        datagram.isFromHost = isFromHost
        datagram.ingress = packet.ingress
        datagram.expires = now + lifetime
        datagram.sender = sender(packet.source, key: key)
        datagrams[free] = datagram
        head[0].waiting += 1
        return free
    }

    /// A place for the sender's count; none if all near its hash are taken, and then it is not counted.
    private func sender(_ address: IPv4Address, key: UInt64) -> UInt16 {
        let start = Int(truncatingIfNeeded: foldedProduct(UInt64(address.rawValue) ^ key) % UInt64(senders.count))
        var free: Int?
        for step in 0..<16 {
            let index = (start + step) % senders.count
            if senders[index].address == address {
                senders[index].waiting += 1
                return UInt16(index)
            }
            if free == nil, senders[index].waiting == 0 { free = index }
        }
        guard let free else { return .max }
        senders[free] = Sender(address: address, waiting: 1, fragments: 0)
        return UInt16(free)
    }

    /// Whether too many fragments of the same sender have come since the last one of this datagram (ip_frag_too_far). Counts this one.
    func isTooFar(_ index: Int) -> Bool {
        let sender = datagrams[index].sender
        guard sender != .max else { return false }
        let before = datagrams[index].seen
        senders[Int(sender)].fragments &+= 1
        datagrams[index].seen = senders[Int(sender)].fragments
        return datagrams[index].first != 0 && datagrams[index].seen &- before > Self.farthest
    }

    /// Forgets what has come of a datagram, whose pieces have been taken (ip_frag_reinit).
    func beginAnew(_ index: Int, now: Instant, lifetime: UInt64) {
        datagrams[index].isEndKnown = false
        datagrams[index].reach = 0
        datagrams[index].gathered = 0
        datagrams[index].ecn = 0
        datagrams[index].expires = now + lifetime
    }

    /// Forgets a datagram whose pieces have been taken.
    func end(_ index: Int) {
        let sender = datagrams[index].sender
        if sender != .max { senders[Int(sender)].waiting -= 1 }
        datagrams[index].isUsed = false
        head[0].waiting -= 1
    }

    /// What becomes of a fragment and of its datagram.
    enum Insertion: Equatable {
        case taken
        /// The fragment alone is dropped.
        case refused(DropReason)
        /// All that has come of the datagram is dropped with it.
        case spoils(DropReason)
    }

    /// Puts a fragment in its place (ip_frag_queue in net/ipv4/ip_fragment.c, inet_frag_queue_insert in net/ipv4/inet_fragment.c).
    func insert(_ piece: UInt32, into index: Int, isLast: Bool) -> Insertion {
        let offset = Int(pieces[piece].offset)
        let end = offset + Int(pieces[piece].length)
        if isLast {
            // Data beyond the end has come already, or another end.
            if end < datagrams[index].reach || datagrams[index].isEndKnown && end != datagrams[index].reach {
                return .spoils(.fragmentLength)
            }
            datagrams[index].isEndKnown = true
            datagrams[index].reach = end
        } else if end > datagrams[index].reach {
            if datagrams[index].isEndKnown { return .spoils(.fragmentLength) }
            datagrams[index].reach = end
        }
        if end == offset { return .spoils(.fragmentLength) }

        let last = datagrams[index].last
        var previous: UInt32 = 0
        if last == 0 || self.end(of: last) <= offset {
            // The usual case: behind all others.
            previous = last
            let isInRun = last != 0 && self.end(of: last) == offset
            pieces[piece].run = isInRun ? pieces[last].run : UInt16(offset)
        } else {
            var next = datagrams[index].first
            while next != 0 {
                // A whole run at a time: what lies within one brings nothing new.
                let begin = Int(pieces[next].run)
                var tail = next
                while pieces[tail].next != 0, Int(pieces[pieces[tail].next].run) == begin { tail = pieces[tail].next }
                if end <= begin { break }
                if offset < self.end(of: tail) {
                    return offset >= begin && end <= self.end(of: tail) ? .refused(.fragmentDuplicate) : .spoils(.fragmentOverlap)
                }
                previous = tail
                next = pieces[tail].next
            }
            pieces[piece].run = UInt16(offset)
        }
        guard datagrams[index].pieceCount < Self.piecesPerDatagram else { return .refused(.fragmentMemory) }
        if previous == 0 {
            pieces[piece].next = datagrams[index].first
            datagrams[index].first = piece
        } else {
            pieces[piece].next = pieces[previous].next
            pieces[previous].next = piece
        }
        if pieces[piece].next == 0 { datagrams[index].last = piece }
        datagrams[index].gathered += end - offset
        datagrams[index].pieceCount += 1
        return .taken
    }

    private func end(of piece: UInt32) -> Int { Int(pieces[piece].offset) + Int(pieces[piece].length) }
}
