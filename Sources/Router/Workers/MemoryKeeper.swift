import Dataplane
import Glibc
import Synchronization

/// Keeps memory ready for the flows that are to come, in a thread of its own: clearing pages takes its time.
final class MemoryKeeper: Sendable {
    /// Between two looks, in microseconds.
    private static let interval: useconds_t = 50_000
    /// For each worker, twice what it could begin in that time.
    private static let flowsAhead = 1 << 16

    private let table: FlowTable
    private let workerCount: Int
    private let isOver = Atomic<Bool>(false)

    init(table: FlowTable, workerCount: Int) {
        self.table = table
        self.workerCount = workerCount
    }

    /// Runs until `stop`.
    func run() {
        var population = FlowPopulation(table, flowsAhead: workerCount * Self.flowsAhead)
        while !isOver.load(ordering: .relaxed) {
            if !population.advance() { usleep(Self.interval) }
        }
    }

    func stop() { isOver.store(true, ordering: .relaxed) }
}
