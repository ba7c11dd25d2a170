import Glibc
import Net

/// The monotonic clock, which tests read in place of the data plane.
public enum Clock {
    public static var now: Instant {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Instant(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
    }

    /// Real time minus monotonic time, in nanoseconds: what turns the kernel's packet time stamps into monotonic ones.
    static var realtimeOffset: Int64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec) - Int64(now.nanoseconds)
    }

    public static func sleep(seconds: Double) {
        guard seconds > 0 else { return }
        var rest = timespec(tv_sec: Int(seconds), tv_nsec: Int((seconds - seconds.rounded(.down)) * 1e9))
        while true {
            let wanted = rest
            let interrupted =
                unsafe withUnsafePointer(to: wanted) { unsafe nanosleep($0, &rest) } == -1 && errno == EINTR
            guard interrupted else { return }
        }
    }

    /// Asks until the answer is yes or the time is up, with a pause of `every` seconds between.
    public static func wait(seconds: Double, every: Double = 0.01, until done: () throws -> Bool) rethrows -> Bool {
        let deadline = now + UInt64(seconds * 1e9)
        while true {
            if try done() { return true }
            if deadline < now { return false }
            sleep(seconds: every)
        }
    }
}
