import Net
import Synchronization

/// The bucket of a `limit`, which all workers draw from.
public final class LimitBucket: RuleState {
    public let limit: Limit

    /// - Parameters:
    ///   - interval: between two packets, in ten-thousandths of a second.
    ///   - burst: packets that a full bucket lets pass; it begins full.
    public init(interval: UInt32, burst: UInt32) { limit = Limit(interval: interval, burst: burst) }

    deinit { limit.deallocate() }
}

/// `-m limit` as packets meet it: a token bucket with the integers of net/netfilter/xt_limit.c, so that the same packets pass.
///
/// The whole bucket is one word, the tick it was last filled at above what it holds, and changes by compare-and-exchange. A word whose
/// exchange succeeded was drawn from once: however many workers meet, no more pass than there is credit for.
///
/// One thing is not the kernel's: its 32 bits of credit run over after a silence of 37 hours and then fill a bucket only in part. Here
/// it is full after any silence that is long enough.
@safe public struct Limit: Sendable {
    /// CREDITS_PER_JIFFY: the power of two below what lets a day's credit fit into 32 bits.
    private static let creditsPerTick: UInt64 = 128
    /// HZ times CREDITS_PER_JIFFY.
    private static let creditsPerSecond: UInt32 = 32000
    /// XT_LIMIT_SCALE.
    private static let scale: UInt32 = 10000
    /// Workers' clocks may differ by a burst. Ticks that seem to lie so little in the future have passed already.
    private static let leeway: UInt32 = 1 << 16

    /// A bucket that no packet has asked yet: full, whatever the time is then.
    private static let untouched = UInt64.max

    private let state: Slab<Atomic<UInt64>>
    /// What a packet costs, and what the bucket holds.
    let cost: UInt32
    let capacity: UInt32

    init(interval: UInt32, burst: UInt32) {
        cost = Self.credits(interval)
        // Wrapping is the kernel's: combinations that it would spoil are refused with the rule.
        capacity = Self.credits(interval &* burst)
        state = Slab(count: 1)
        state[0].store(Self.untouched, ordering: .relaxed)
    }

    func deallocate() { state.deallocate() }

    /// user2credits: multiplies first where that fits, to be precise.
    private static func credits(_ units: UInt32) -> UInt32 {
        units > .max / creditsPerSecond ? units / scale &* creditsPerSecond : units &* creditsPerSecond / scale
    }

    /// Whether one more packet may pass; it is paid for then.
    @inline(__always)
    func take(_ now: Instant) -> Bool {
        let tick = UInt32(truncatingIfNeeded: Jiffies.at(now))
        var word = state[0].load(ordering: .relaxed)
        while true {
            let isUntouched = word == Self.untouched
            let last = isUntouched ? tick : UInt32(truncatingIfNeeded: word >> 32)
            var credit = isUntouched ? capacity : UInt32(truncatingIfNeeded: word)
            var elapsed = tick &- last
            if elapsed > .max - Self.leeway { elapsed = 0 }
            // Nothing to change: a flood must not fight for the cache line.
            if elapsed == 0, credit < cost { return false }
            credit = UInt32(min(UInt64(credit) + UInt64(elapsed) * Self.creditsPerTick, UInt64(capacity)))
            let passes = credit >= cost
            if passes { credit &-= cost }
            let result = state[0].weakCompareExchange(
                expected: word, desired: UInt64(elapsed == 0 ? last : tick) << 32 | UInt64(credit), ordering: .relaxed)
            if result.exchanged { return passes }
            word = result.original
        }
    }
}
