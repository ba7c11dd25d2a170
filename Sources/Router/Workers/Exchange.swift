import CXDP
import Dataplane
import Glibc
import Net
import Synchronization

/// What workers and the slow side say to each other: signs of life, frames for another's queue, wake-ups, and a pause in which the
/// books are read.
final class Exchange: @unchecked Sendable {
    /// One worker's line in the shared memory; only the worker writes it.
    struct Line: ~Copyable {
        /// Grows with every round of the loop.
        let progress: Atomic<UInt64>
        let isAsleep: Atomic<UInt32>
        /// The number of the pause that it waits in; 0 if in none.
        let parkedIn: Atomic<UInt64>
        let wakeups: Atomic<UInt64>
        let kicks: Atomic<UInt64>
        let busyNanoseconds: Atomic<UInt64>
        /// Free chunks in the worker's own stock, as of the last pause.
        let stock: Atomic<UInt64>
        let hasEnded: Atomic<UInt32>
    }

    let workerCount: Int
    let lines: Slab<Line>
    /// The number of the pause that is asked for; 0 if none is.
    private let pause = Atomic<UInt64>(0)
    /// How many pauses there have been. Held through a pause: the next one begins when it is over.
    private let pauses = Mutex<UInt64>(0)
    private let endRequested = Atomic<UInt32>(0)
    /// For each worker, an eventfd that ends its sleep.
    let wakeDescriptors: [Int32]
    /// An eventfd that a worker writes when it has left an effect.
    let effectDescriptor: Int32
    /// An eventfd that a worker writes when it has left a report.
    let reportDescriptor: Int32
    /// Frames that a ring between two workers holds.
    private static let handoffCapacity = 2048
    private let handoffs: [Handoff]

    init(workerCount: Int) {
        self.workerCount = workerCount
        lines = Slab(count: workerCount)
        wakeDescriptors = (0..<workerCount).map { _ in eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC)) }
        effectDescriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        reportDescriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        handoffs = (0..<workerCount * workerCount).map { _ in Handoff(capacity: Self.handoffCapacity) }
    }

    deinit {
        for descriptor in wakeDescriptors + [effectDescriptor, reportDescriptor] { close(descriptor) }
        for handoff in handoffs { handoff.deallocate() }
    }

    func handoff(from: Int, to: Int) -> Handoff { handoffs[from * workerCount + to] }

    /// Frames between workers.
    var handedOff: Int { handoffs.reduce(0) { $0 + $1.count } }

    /// Ends a worker's sleep, if it sleeps.
    func wake(_ worker: Int) {
        // What was handed over must be seen by whoever goes to sleep now, or we see that it sleeps.
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        if lines[worker].isAsleep.load(ordering: .sequentiallyConsistent) != 0 { signal(wakeDescriptors[worker]) }
    }

    func signal(_ descriptor: Int32) {
        var one: UInt64 = 1
        unsafe write(descriptor, &one, 8)
    }

    func drain(_ descriptor: Int32) {
        var count: UInt64 = 0
        unsafe read(descriptor, &count, 8)
    }

    // MARK: The slow side

    /// Runs a body while every worker waits between two bursts, so that what it reads belongs together. Packets wait in the rings
    /// meanwhile.
    ///
    /// - Returns: nil if a worker did not stop within a fifth of a second; the body has not run then.
    func paused<R>(_ body: () -> R) -> R? {
        var result: R?
        pauses.withLock { number in
            // A worker that is about to leave the last pause says nothing of this one: so each has a number.
            number += 1
            pause.store(number, ordering: .sequentiallyConsistent)
            defer { pause.store(0, ordering: .sequentiallyConsistent) }
            for worker in 0..<workerCount { signal(wakeDescriptors[worker]) }
            for _ in 0..<4000 {
                if (0..<workerCount).allSatisfy({ isStill($0, in: number) }) {
                    result = body()
                    return
                }
                usleep(50)
            }
        }
        return result
    }

    /// Until every worker has been through its loop once, and so has filled its rings.
    func waitForFirstRound() throws(RouterError) {
        for _ in 0..<10_000 {
            if (0..<workerCount).allSatisfy({ lines[$0].progress.load(ordering: .acquiring) > 0 }) { return }
            usleep(500)
        }
        throw RouterError("the workers did not begin within five seconds")
    }

    private func isStill(_ worker: Int, in number: UInt64) -> Bool {
        lines[worker].parkedIn.load(ordering: .acquiring) == number || lines[worker].hasEnded.load(ordering: .acquiring) != 0
    }

    /// Has every worker end after its burst.
    func end() {
        endRequested.store(1, ordering: .sequentiallyConsistent)
        for worker in 0..<workerCount { signal(wakeDescriptors[worker]) }
    }

    // MARK: The worker's side

    @inline(__always)
    var isEnding: Bool { endRequested.load(ordering: .relaxed) != 0 }

    @inline(__always)
    var isPausing: Bool { pause.load(ordering: .relaxed) != 0 }

    /// Waits for the end of the pause that is asked for, if one still is.
    func park(_ worker: Int, stock: Int) {
        let number = pause.load(ordering: .acquiring)
        guard number != 0 else { return }
        lines[worker].stock.store(UInt64(stock), ordering: .relaxed)
        lines[worker].parkedIn.store(number, ordering: .releasing)
        while pause.load(ordering: .acquiring) == number, !isEnding { usleep(20) }
        lines[worker].parkedIn.store(0, ordering: .releasing)
    }
}
