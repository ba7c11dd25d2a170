import Net

/// How many ICMP errors may be sent (icmp_global_allow and icmpv4_xrlim_allow in net/ipv4/icmp.c): so many a second in all,
/// and to each destination one per `ratelimit`, six in a burst. Shared by all workers; errors are rare enough for a lock.
@safe public struct ICMPLimiter: @unchecked Sendable {
    /// The kernel's sysctls of the same names.
    public struct Settings: Sendable, Equatable {
        /// icmp_ratelimit, in nanoseconds between errors to one destination; 0 for no limit.
        public var interval: UInt64 = 1_000_000_000
        /// icmp_ratemask: the types that are limited, a bit each.
        public var types: UInt32 = 6168
        /// icmp_msgs_per_sec.
        public var perSecond: UInt32 = 10000
        /// icmp_msgs_burst.
        public var burst: UInt32 = 10000
        public init() {}
    }

    private struct Peer {
        var address = IPv4Address.any
        var last = Instant(nanoseconds: 0)
        /// Saved-up time, in nanoseconds.
        var credit: UInt64 = 0
    }

    private struct Head: ~Copyable {
        let lock = SpinLock()
        var last = Instant(nanoseconds: 0)
        var credit: UInt32 = 0
        var hasStarted = false
    }

    /// XRLIM_BURST_FACTOR.
    private static let burstFactor: UInt64 = 6
    private static let peerCount = 4096

    private let head: Slab<Head>
    private let peers: Slab<Peer>

    public init() {
        head = Slab(count: 1)
        peers = Slab(count: Self.peerCount)
    }

    /// Whether an error of this type may go to `destination` now; counts it if so.
    func allows(_ type: UInt8, code: UInt8, to destination: IPv4Address, now: Instant, _ settings: Settings) -> Bool {
        guard type <= ICMPType.highest, settings.types >> UInt32(type) & 1 == 1 else { return true }
        // Path MTU discovery must not starve.
        if type == ICMPType.destinationUnreachable, code == 4 { return true }
        head[0].lock.lock()
        defer { head[0].lock.unlock() }
        guard hasGlobal(now, settings) else { return false }
        // Only what is really sent counts against all: one peer that is held back must not use up the others' share.
        if settings.interval > 0, !takePeer(destination, now, settings.interval) { return false }
        head[0].credit -= 1
        return true
    }

    /// Whether one more error may be sent in all.
    private func hasGlobal(_ now: Instant, _ settings: Settings) -> Bool {
        if !head[0].hasStarted {
            head[0].hasStarted = true
            head[0].credit = settings.burst
            head[0].last = now
        }
        let elapsed = min(now.since(head[0].last), 1_000_000_000)
        let earned = UInt32(truncatingIfNeeded: elapsed * UInt64(settings.perSecond) / 1_000_000_000)
        if earned > 0 {
            head[0].credit = min(head[0].credit &+ earned, settings.burst)
            head[0].last = now
        }
        return head[0].credit > 0
    }

    /// Four places near the address's own; the longest unused one is taken for a newcomer.
    private func takePeer(_ destination: IPv4Address, _ now: Instant, _ interval: UInt64) -> Bool {
        let start = Int(truncatingIfNeeded: foldedProduct(UInt64(destination.rawValue)) >> 40)
        var place = start % Self.peerCount
        for step in 0..<4 {
            let candidate = (start + step) % Self.peerCount
            if peers[candidate].address == destination {
                place = candidate
                break
            }
            if peers[candidate].last < peers[place].last { place = candidate }
        }
        if peers[place].address != destination {
            peers[place] = Peer(address: destination, last: now, credit: interval * Self.burstFactor)
        }
        peers[place].credit = min(
            peers[place].credit &+ now.since(peers[place].last), interval &* Self.burstFactor)
        peers[place].last = now
        guard peers[place].credit >= interval else { return false }
        peers[place].credit -= interval
        return true
    }
}
