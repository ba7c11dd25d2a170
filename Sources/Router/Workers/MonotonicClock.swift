import CXDP
import Dataplane
import Glibc
import Net

/// The clock that the data plane is told by. Only the loops around it read it.
enum MonotonicClock {
    /// CLOCK_MONOTONIC, which BPF programs see as bpf_ktime_get_ns.
    @inline(__always)
    static func now() -> Instant {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Instant(nanoseconds: UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec))
    }
}

extension WallClock {
    /// Follows the machine's clock, which may be set, and the kernel's time zone.
    func follow() {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        let wall = Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
        set(offset: wall &- Int64(bitPattern: MonotonicClock.now().nanoseconds), minutesWest: Int(martlet_minutes_west()))
    }
}
