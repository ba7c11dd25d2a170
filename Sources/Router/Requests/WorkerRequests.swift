import Control
import Dataplane
import Glibc
import Net
import Synchronization

extension RequestHandler {
    /// Takes the tenth of a second over which it measures how busy workers are.
    func workerRows() throws(Failure) -> [WorkerStatus] {
        let before = busyNanoseconds()
        let start = MonotonicClock.now()
        usleep(100_000)
        let after = busyNanoseconds()
        let elapsed = Double(max(MonotonicClock.now().since(start), 1))
        return try withWorkersPaused {
            let reports = core.workerReports
            return (0..<exchange.workerCount).compactMap { id in
                guard let report = reports[id] else { return nil }
                let statistics = report.statistics
                let cpus = configuration.workers.cpus
                return WorkerStatus(
                    id: id, cpu: cpus.isEmpty ? nil : cpus[id % cpus.count],
                    poll: configuration.workers.poll.rawValue, bursts: statistics[.bursts],
                    packets: statistics[.received] &+ statistics[.fromHost],
                    wakeups: exchange.lines[id].wakeups.load(ordering: .relaxed),
                    kicks: exchange.lines[id].kicks.load(ordering: .relaxed),
                    busyShare: min(Double(after[id] &- before[id]) / elapsed, 1),
                    framesHeld: Int(truncatingIfNeeded: statistics[.held]),
                    framesFree: Int(exchange.lines[id].stock.load(ordering: .relaxed)),
                    effectsLost: report.effects.lost &+ report.reports.lost)
            }
        }
    }

    private func busyNanoseconds() -> [UInt64] {
        (0..<exchange.workerCount).map { exchange.lines[$0].busyNanoseconds.load(ordering: .relaxed) }
    }
}
