import Dataplane
import Synchronization

/// A ring of frames from one worker to another: from whoever decided that a frame leaves by a port to the one that serves the port's
/// queue. One writer, one reader.
@safe struct Handoff: @unchecked Sendable {
    private struct Cursors: ~Copyable {
        let head: Atomic<UInt64>
        var padding: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)
        let tail: Atomic<UInt64>
    }

    private static let capacity = 2048

    private let cursors = Slab<Cursors>(count: 1)
    private let frames = Slab<Departure>(count: Handoff.capacity)

    /// - Returns: false if the ring is full; the frame is still the caller's.
    @inline(__always)
    func push(_ departure: Departure) -> Bool {
        let head = cursors[0].head.load(ordering: .relaxed)
        guard head &- cursors[0].tail.load(ordering: .acquiring) < UInt64(Self.capacity) else { return false }
        frames[Int(truncatingIfNeeded: head) & (Self.capacity - 1)] = departure
        cursors[0].head.store(head &+ 1, ordering: .releasing)
        return true
    }

    @inline(__always)
    func pop() -> Departure? {
        let tail = cursors[0].tail.load(ordering: .relaxed)
        guard tail != cursors[0].head.load(ordering: .acquiring) else { return nil }
        let departure = frames[Int(truncatingIfNeeded: tail) & (Self.capacity - 1)]
        cursors[0].tail.store(tail &+ 1, ordering: .releasing)
        return departure
    }

    /// Frames in the ring.
    var count: Int {
        Int(truncatingIfNeeded: cursors[0].head.load(ordering: .acquiring) &- cursors[0].tail.load(ordering: .acquiring))
    }
}
