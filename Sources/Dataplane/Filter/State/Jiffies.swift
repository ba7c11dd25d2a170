import Net

/// The kernel's clock of ticks, in which its matches that remember reckon: what they allow, and what they show, depends on it.
enum Jiffies {
    /// Ticks a second (CONFIG_HZ of Debian's kernels).
    static let perSecond: UInt64 = 250
    private static let nanoseconds: UInt64 = 1_000_000_000 / perSecond
    /// What the counter stands at when the machine boots (INITIAL_JIFFIES in include/linux/jiffies.h): five minutes before 32 bits run
    /// over.
    private static let atBoot = UInt64(UInt32.max) + 1 - 300 * perSecond

    /// The tick that a moment lies in.
    @inline(__always)
    static func at(_ moment: Instant) -> UInt64 { moment.nanoseconds / nanoseconds &+ atBoot }

    /// Ticks in so many milliseconds, rounded up (msecs_to_jiffies).
    static func of(milliseconds: UInt32) -> UInt64 { (UInt64(milliseconds) * perSecond + 999) / 1000 }

    /// Whether one count of ticks lies behind another, also where the counter runs over (time_after).
    @inline(__always)
    static func isAfter(_ one: UInt64, _ other: UInt64) -> Bool { Int64(bitPattern: other &- one) < 0 }
}
