import Synchronization

/// When shared memory that has been unlinked may be used again (quiescent-state-based reclamation).
///
/// Workers hold references into shared tables only within a burst. Who unlinks something asks for a *target*; once every
/// worker has begun a burst (or gone idle) after that, `isReached(target)` holds and nobody can still look at it.
@safe public struct Epochs: @unchecked Sendable {
    /// One worker's announcement, on a cache line of its own.
    private struct Announcement: ~Copyable {
        let epoch: Atomic<UInt64>
        var padding: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)
    }

    /// What an idle worker announces: it looks at nothing.
    private static let idle = UInt64.max

    private let global: Slab<Atomic<UInt64>>
    private let announcements: Slab<Announcement>
    public let workerCount: Int

    /// Every worker begins idle.
    public init(workerCount: Int) {
        self.workerCount = workerCount
        global = Slab(count: 1)
        announcements = Slab(count: workerCount)
        for worker in 0..<workerCount { announcements[worker].epoch.store(Self.idle, ordering: .relaxed) }
    }

    /// Called by a worker at the start of a burst, before it loads anything shared.
    @inline(__always)
    public func enter(_ worker: Int) {
        announcements[worker].epoch.store(global[0].load(ordering: .acquiring), ordering: .releasing)
        // No later load may move before the announcement, also where a sequentially consistent store would let plain ones.
        atomicMemoryFence(ordering: .sequentiallyConsistent)
    }

    /// Called by a worker before it sleeps.
    @inline(__always)
    public func leave(_ worker: Int) { announcements[worker].epoch.store(Self.idle, ordering: .releasing) }

    /// Called after unlinking: the moment to wait for.
    public func target() -> UInt64 {
        global[0].wrappingAdd(1, ordering: .sequentiallyConsistent).newValue
    }

    /// Whether every worker has passed a burst boundary since `target` was given out.
    public func isReached(_ target: UInt64) -> Bool {
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        for worker in 0..<workerCount
        where announcements[worker].epoch.load(ordering: .sequentiallyConsistent) < target {
            return false
        }
        return true
    }
}
