import Dataplane
import Glibc
import Synchronization

/// Keeps memory ready for the flows that are to come, in a thread of its own: clearing pages takes its time.
final class MemoryKeeper: Sendable {
    /// Between two looks, in microseconds.
    private static let interval: useconds_t = 50_000
    /// What is kept ready beyond what is in use is at most this fraction of the memory there is: the whole table, if it is not very large.
    private static let fraction = 8

    private let table: FlowTable
    private let isOver = Atomic<Bool>(false)

    init(table: FlowTable) { self.table = table }

    /// Runs until `stop`, or until everything is there.
    func run() {
        // Not at a lower priority: a worker that comes first to a page has the work itself.
        var population = FlowPopulation(table, bytes: MemoryLimit.bytes() / Self.fraction)
        while !isOver.load(ordering: .relaxed), !population.isComplete {
            if !population.advance() { usleep(Self.interval) }
        }
    }

    func stop() { isOver.store(true, ordering: .relaxed) }
}
