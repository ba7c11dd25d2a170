import Net
import Synchronization

/// What the data plane, which is told the monotonic time, must add to know the time of day. The daemon sets it when it starts and keeps
/// following the machine's clock; `replay` takes the times of its captures for both.
public struct WallClock: Sendable {
    private struct Cell: ~Copyable {
        let offset: Atomic<Int64>
        let minutesWest: Atomic<Int64>
    }

    private let cell = Slab<Cell>(count: 1)

    init() {}

    /// - Parameters:
    ///   - offset: nanoseconds from CLOCK_MONOTONIC to CLOCK_REALTIME.
    ///   - minutesWest: of UTC, as the kernel's own time zone has it (sys_tz, which settimeofday sets).
    public func set(offset: Int64, minutesWest: Int) {
        cell[0].offset.store(offset, ordering: .relaxed)
        cell[0].minutesWest.store(Int64(minutesWest), ordering: .relaxed)
    }

    /// Nanoseconds since 1970 UTC.
    @inline(__always)
    func nanoseconds(at now: Instant) -> UInt64 {
        now.nanoseconds &+ UInt64(bitPattern: cell[0].offset.load(ordering: .relaxed))
    }

    /// Seconds since 1970 UTC. Wrapping keeps a clock that is set to nonsense from trapping.
    func seconds(at now: Instant) -> Int64 {
        (Int64(bitPattern: now.nanoseconds) &+ cell[0].offset.load(ordering: .relaxed)) / 1_000_000_000
    }

    /// The same in the kernel's time zone.
    func localSeconds(at now: Instant) -> Int64 {
        seconds(at: now) &- 60 &* cell[0].minutesWest.load(ordering: .relaxed)
    }
}
