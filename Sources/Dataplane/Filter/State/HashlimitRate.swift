/// What one entry of a `hashlimit` has earned and used: the integers of net/netfilter/xt_hashlimit.c, revision 3.
///
/// In the kernel the two ways of counting, using up credit and comparing a rate, lie over each other in memory, and /proc prints the same
/// three words of either. So they do here.
struct HashlimitRate {
    /// CREDITS_PER_JIFFY: the power of two below what lets a day's credit fit into 64 bits.
    private static let creditsPerTick: UInt64 = 1 << 39
    /// HZ times CREDITS_PER_JIFFY over XT_HASHLIMIT_SCALE_v2.
    private static let creditsPerUnit: UInt64 = creditsPerTick * Jiffies.perSecond / 1_000_000
    /// CREDITS_PER_JIFFY_BYTES, and the same of a second: all that a bucket of bytes holds.
    private static let byteCreditsPerTick: UInt64 = 1 << 24
    private static let byteCredits: UInt64 = byteCreditsPerTick * Jiffies.perSecond

    /// The tick up to which all was earned, or at which the present interval began.
    private var last: UInt64 = 0
    /// Credit; or the interval in seconds and, above it, whether the interval before was over the rate.
    private var first: UInt64 = 0
    /// The most credit there can be, for bytes how often it is filled up at once; or what the present interval has seen.
    private var second: UInt64 = 0
    /// What a packet or 16 bytes cost; or the rate of an interval.
    private var third: UInt64 = 0
    /// What an interval may see.
    private var burst: UInt64 = 0

    init() {}

    /// rateinfo_init: as an entry begins.
    init(_ settings: HashlimitSettings, _ tick: UInt64) {
        last = tick
        let average = UInt32(truncatingIfNeeded: settings.average)
        switch (settings.mode.contains(.rateMatch), settings.mode.contains(.bytes)) {
        case (true, true):
            third = ((average == 0 ? UInt64(UInt32.max) : UInt64(UInt32.max / average)) &- 1) << 4
            burst = settings.burst == 0 ? third : settings.burst &* third
            first = UInt64(settings.rateInterval)
        case (true, false):
            third = settings.average == 0 ? 0 : 1_000_000 / settings.average
            burst = settings.burst &+ third
            first = UInt64(settings.rateInterval)
        case (false, true):
            first = Self.byteCredits
            second = settings.burst
            third = (UInt64(average) * Self.byteCredits) >> 32
        case (false, false):
            // Wrapping is the kernel's: combinations that it would spoil are refused with the rule.
            first = settings.average &* settings.burst &* Self.creditsPerUnit
            second = first
            third = settings.average &* Self.creditsPerUnit
        }
    }

    /// rateinfo_recalc: what the time since the last look has earned.
    mutating func earn(_ tick: UInt64, _ mode: HashlimitSettings.Mode) {
        // Workers' clocks may differ by a burst.
        guard tick > last else { return }
        let elapsed = tick &- last
        if mode.contains(.rateMatch) {
            let interval = UInt64(UInt32(truncatingIfNeeded: first) &* UInt32(Jiffies.perSecond))
            guard elapsed >= interval else { return }
            last = tick
            let wasAbove = second &* interval > elapsed &* third
            first = (first & 0xFFFF_FFFF) | (wasAbove ? 1 << 32 : 0)
            second = 0
            return
        }
        last = tick
        let (earned, isTooMuch) = elapsed.multipliedReportingOverflow(
            by: mode.contains(.bytes) ? Self.byteCreditsPerTick : Self.creditsPerTick)
        let (sum, isAbove) = first.addingReportingOverflow(earned)
        let most = mode.contains(.bytes) ? Self.byteCredits : second
        // Where the kernel's credit would run over, after a day and a half, the bucket is full.
        first = isTooMuch || isAbove ? most : min(sum, most)
    }

    /// Pays for a packet if it can.
    ///
    /// - Parameter mode: the rule's.
    /// - Returns: whether it is within the rate.
    mutating func take(_ mode: HashlimitSettings.Mode, length: Int) -> Bool {
        if mode.contains(.rateMatch) {
            second &+= mode.contains(.bytes) ? UInt64(length) : 1
            return first >> 32 == 0 && second <= burst
        }
        let cost = mode.contains(.bytes) ? byteCost(length) : third
        guard first >= cost else { return false }
        first &-= cost
        return true
    }

    /// hashlimit_byte_cost: every 16 bytes and the rest cost; a burst is so many fillings of the bucket.
    private mutating func byteCost(_ length: Int) -> UInt64 {
        let (product, isTooMuch) = ((UInt64(length) >> 4) + 1).multipliedReportingOverflow(by: third)
        let cost = isTooMuch ? Self.byteCredits : min(product, Self.byteCredits)
        if first < cost, second > 0 {
            second &-= 1
            first = Self.byteCredits
        }
        return cost
    }

    /// Credit, its most and the cost, as /proc shows them.
    var words: (UInt64, UInt64, UInt64) { (first, second, third) }
}
