import CXDP
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
