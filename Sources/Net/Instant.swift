/// A moment on the monotonic clock (CLOCK_MONOTONIC), in nanoseconds. The data plane is told it and never reads it.
public struct Instant: Hashable, Sendable, Comparable {
    public var nanoseconds: UInt64

    @inline(__always)
    public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    @inline(__always)
    public static func seconds(_ seconds: Double) -> Instant { Instant(nanoseconds: UInt64(seconds * 1e9)) }

    @inline(__always)
    public static func < (a: Self, b: Self) -> Bool { a.nanoseconds < b.nanoseconds }

    /// Wrapping is meant: the clock starts near zero at boot and does not reach its end.
    @inline(__always)
    public static func + (a: Self, nanoseconds: UInt64) -> Instant { Instant(nanoseconds: a.nanoseconds &+ nanoseconds) }

    /// Nanoseconds from an earlier moment to this one; 0 if `earlier` is later.
    @inline(__always)
    public func since(_ earlier: Instant) -> UInt64 {
        nanoseconds > earlier.nanoseconds ? nanoseconds &- earlier.nanoseconds : 0
    }
}
