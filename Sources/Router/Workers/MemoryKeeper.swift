import Dataplane
import Glibc
import Synchronization

/// Keeps memory ready for the flows that are to come, in a thread of its own: clearing pages takes its time.
final class MemoryKeeper: Sendable {
    /// Between two looks, in microseconds.
    private static let interval: useconds_t = 50_000
    /// For each worker, twice what it could begin in that time.
    private static let leastAhead = 1 << 16
    /// A table that takes less than this part of the machine's memory is made ready wholly at the start; a larger one as it fills.
    private static let share = 8

    private let table: FlowTable
    private let flowsAhead: Int
    private let isOver = Atomic<Bool>(false)

    init(table: FlowTable, workerCount: Int) {
        self.table = table
        let memory = Int(sysconf(Int32(_SC_PHYS_PAGES))) * Int(sysconf(Int32(_SC_PAGESIZE)))
        flowsAhead = max(workerCount * Self.leastAhead, memory / Self.share / table.bytesPerFlow)
    }

    /// Runs until `stop`, or until the whole table is there.
    func run() {
        var population = FlowPopulation(table, flowsAhead: flowsAhead)
        while !isOver.load(ordering: .relaxed), !population.isComplete {
            if !population.advance() { usleep(Self.interval) }
        }
    }

    func stop() { isOver.store(true, ordering: .relaxed) }
}
