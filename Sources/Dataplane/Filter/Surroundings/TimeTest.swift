import Net

/// `-m time` (time_mt in net/netfilter/xt_time.c), all of whose conditions must hold.
public struct TimeTest: Sendable {
    /// Seconds since 1970, both included.
    public var firstDate: UInt32 = 0
    public var lastDate: UInt32 = 0x7FFF_FFFF
    /// Seconds since midnight, both included. The first after the second means over midnight.
    public var firstSecond: UInt32 = 0
    public var lastSecond: UInt32 = 86399
    /// Bits 1 to 31.
    public var monthDays: UInt32 = 0xFFFF_FFFE
    /// Bits 1 (Monday) to 7.
    public var weekDays: UInt8 = 0xFE
    /// The kernel's time zone instead of UTC.
    public var isLocal = false
    /// After midnight it is still the day before.
    public var isContiguous = false

    public init() {}

    func matches(_ clock: WallClock, at now: Instant) -> Bool {
        matches(isLocal ? clock.localSeconds(at: now) : clock.seconds(at: now))
    }

    /// - Parameter stamp: seconds since 1970, of the zone that the rule names.
    func matches(_ stamp: Int64) -> Bool {
        guard stamp >= Int64(firstDate), stamp <= Int64(lastDate) else { return false }
        let secondsPerDay: UInt64 = 86400
        // Not negative, as it is not before the first date. On the first day of all, the day before is beyond the end of time, in the
        // kernel too.
        var time = UInt64(bitPattern: stamp)
        let second = UInt32(truncatingIfNeeded: time % secondsPerDay)
        if firstSecond < lastSecond {
            guard second >= firstSecond, second <= lastSecond else { return false }
        } else {
            if second < firstSecond, second > lastSecond { return false }
            if isContiguous, second <= lastSecond { time &-= secondsPerDay }
        }
        let day = UInt32(truncatingIfNeeded: time / secondsPerDay)
        // 1970 began with a Thursday, the fourth day of the week.
        let weekDay = (4 &+ day &- 1) % 7 + 1
        guard weekDays & 1 << UInt8(weekDay) != 0 else { return false }
        return monthDays == 0xFFFF_FFFE || monthDays & 1 << Self.monthDay(day) != 0
    }

    /// The day of the month, from 1, of a day counted from 1970. Years are counted from March, so that the leap day comes last.
    private static func monthDay(_ day: UInt32) -> UInt32 {
        let days = UInt64(day) + 719_468
        let ofEra = days % 146_097
        let year = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * year + year / 4 - year / 100)
        let month = (5 * ofYear + 2) / 153
        return UInt32(ofYear - (153 * month + 2) / 5 + 1)
    }
}
