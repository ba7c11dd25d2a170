import Net

/// Datagrams of which some fragments have come (RFC 791, 3.2; net/ipv4/ip_fragment.c), shared by all workers, because fragments
/// of one datagram may arrive on any of them. Defragmentation is rare enough for one lock.
///
/// The fragments' frames stay where they are until the last one comes; then the worker that brought it copies them together
/// into its own buffer. A fragment that overlaps another spoils the whole datagram; one that brings nothing new is dropped alone,
/// as Linux does.
@safe public struct Reassembly: @unchecked Sendable {
    /// Datagrams that may wait at a time.
    static let datagramLimit = 1024
    /// Fragments that may wait at a time; the kernel bounds their memory to 4 MiB (ipfrag_high_thresh).
    static let fragmentLimit = 4096
    /// The most frames that wait here.
    public static let mostFramesHeld = fragmentLimit
    /// ipfrag_time.
    static let lifetime: UInt64 = 30_000_000_000
    /// The most fragments of one datagram.
    static let piecesPerDatagram = 192

    /// A fragment that waits. `address` and `length` are those of its whole frame.
    struct Piece {
        var address: UInt64 = 0
        var next: UInt32 = 0
        var linkLength: UInt16 = 0
        var headerLength: UInt16 = 0
        /// Of its data in the datagram, in bytes.
        var offset: UInt16 = 0
        var length: UInt16 = 0
    }

    struct Datagram {
        var source = IPv4Address.any
        var destination = IPv4Address.any
        var identification: UInt16 = 0
        var ipProtocol: UInt8 = 0
        var isUsed = false
        var isFromHost = false
        /// Spoilt by an overlap: what still comes of it is dropped.
        var isSpoilt = false
        /// Length of all data; -1 until the last fragment has come.
        var total: Int = -1
        var gathered: Int = 0
        /// Pieces in order of their offsets; entry 0 ends the list.
        var first: UInt32 = 0
        var pieceCount: UInt32 = 0
        var ingress = PortIndex.none
        var mark: UInt32 = 0
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

    private let head: Slab<Head>
    let datagrams: Slab<Datagram>
    let pieces: Slab<Piece>

    public init() {
        head = Slab(count: 1)
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

    /// The datagram that a fragment belongs to, begun if need be; nil if too many wait.
    ///
    /// Eight places near its hash are looked at; the oldest of them is given up if all are taken and it has expired.
    func find(_ packet: Packet, isFromHost: Bool, now: Instant, begin: Bool) -> Int? {
        var hash = UInt64(packet.source.rawValue) << 32 | UInt64(packet.destination.rawValue)
        hash ^= UInt64(packet.identification) << 16 | UInt64(packet.ipProtocol.rawValue)
        let product = hash.multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
        let start = Int(truncatingIfNeeded: (product.high ^ product.low) % UInt64(Self.datagramLimit))
        var free: Int?
        for step in 0..<8 {
            let index = (start + step) % Self.datagramLimit
            let datagram = datagrams[index]
            if datagram.isUsed {
                if datagram.source == packet.source, datagram.destination == packet.destination,
                    datagram.identification == packet.identification,
                    datagram.ipProtocol == packet.ipProtocol.rawValue, datagram.isFromHost == isFromHost
                {
                    return index
                }
            } else if free == nil {
                free = index
            }
        }
        guard begin, let free else { return nil }
        var datagram = Datagram()
        datagram.isUsed = true
        datagram.source = packet.source
        datagram.destination = packet.destination
        datagram.identification = packet.identification
        datagram.ipProtocol = packet.ipProtocol.rawValue
        datagram.isFromHost = isFromHost
        datagram.ingress = packet.ingress
        datagram.mark = packet.mark
        datagram.expires = now + Self.lifetime
        datagrams[free] = datagram
        head[0].waiting += 1
        return free
    }

    /// Forgets a datagram whose pieces have been taken.
    func end(_ index: Int) {
        datagrams[index].isUsed = false
        head[0].waiting -= 1
    }

    /// Puts a fragment in its place.
    ///
    /// - Returns: nil if it was taken in, or why it cannot be.
    func insert(_ piece: UInt32, into index: Int, isLast: Bool) -> DropReason? {
        let offset = Int(pieces[piece].offset)
        let length = Int(pieces[piece].length)
        let end = offset + length
        var datagram = datagrams[index]
        if isLast {
            if datagram.total >= 0, datagram.total != end { return .fragmentLength }
            // Data beyond the end has come already.
            var last = datagram.first
            while last != 0 {
                if Int(pieces[last].offset) + Int(pieces[last].length) > end { return .fragmentLength }
                last = pieces[last].next
            }
            datagram.total = end
        } else {
            guard length % 8 == 0 else { return .fragmentLength }
            if datagram.total >= 0, end > datagram.total { return .fragmentLength }
        }
        var previous: UInt32 = 0
        var next = datagram.first
        while next != 0, Int(pieces[next].offset) < offset {
            previous = next
            next = pieces[next].next
        }
        let reach = previous == 0 ? 0 : self.end(of: previous)
        if reach > offset || (next != 0 && Int(pieces[next].offset) < end) {
            return isCovered(from: max(reach, offset), to: end, by: next) ? .fragmentDuplicate : .fragmentOverlap
        }
        guard datagram.pieceCount < Self.piecesPerDatagram else { return .fragmentMemory }
        pieces[piece].next = next
        if previous == 0 { datagram.first = piece } else { pieces[previous].next = piece }
        datagram.gathered += length
        datagram.pieceCount += 1
        datagrams[index] = datagram
        return nil
    }

    private func end(of piece: UInt32) -> Int { Int(pieces[piece].offset) + Int(pieces[piece].length) }

    /// Whether all of a stretch has come already, beginning with a piece that starts at or after its beginning
    /// (IPFRAG_DUP in net/ipv4/inet_fragment.c).
    private func isCovered(from start: Int, to end: Int, by piece: UInt32) -> Bool {
        var reach = start
        var piece = piece
        while reach < end, piece != 0, Int(pieces[piece].offset) <= reach {
            reach = self.end(of: piece)
            piece = pieces[piece].next
        }
        return reach >= end
    }
}
