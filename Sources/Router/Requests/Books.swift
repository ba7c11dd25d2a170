import Control
import Dataplane
import Net
import PacketIO
import Synchronization

extension RouterCore {
    /// The books of all workers together. Called with `lock` held and every worker between two bursts.
    ///
    /// A worker's own column may be less than nothing, as when another sends a packet that this one had counted: only the sums
    /// mean something, and they wrap like the counters.
    ///
    /// - Parameters:
    ///   - framesElsewhere: frames that are neither held nor in the shared pool: those of rings and of workers' stocks.
    ///   - lostInRings: what the kernel lost before a worker had it, in frames.
    ///   - unwritten: log lines and copies that nobody took.
    ///   - uptime: in seconds.
    func books(framesElsewhere: Int, lostInRings: UInt64, unwritten: UInt64, uptime: UInt64) -> Stats {
        let all = reports.map(\.statistics)
        func sum(_ column: Statistics.Column) -> UInt64 { all.reduce(0) { $0 &+ $1[column] } }
        func flowSum(_ column: FlowColumn) -> UInt64 { all.reduce(0) { $0 &+ $1[column] } }
        var dropped: [String: UInt64] = [:]
        for reason in DropReason.allCases {
            let packets = all.reduce(0) { $0 &+ $1[reason] }
            if packets != 0 { dropped[reason.name] = packets }
        }
        let held = sum(.held)
        let expected = shared.flows.expectations.totals
        let owned = UInt64(shared.pool.count + framesElsewhere) &+ held
        return Stats(
            received: sum(.received), fromHost: sum(.fromHost), madeHere: sum(.madeHere),
            extraFragments: sum(.extraFragments), transmitted: sum(.transmitted), toHost: sum(.toHost),
            dropped: dropped, absorbed: sum(.absorbed), held: held, framesOwned: owned,
            framesInUmem: UInt64(shared.memory.chunkCount), lostInRings: lostInRings, generation: snapshotGeneration,
            uptime: uptime,
            effectsLost: reports.reduce(0) { $0 &+ $1.effects.lost &+ $1.reports.lost }, unwritten: unwritten,
            flows: FlowStats(
                count: shared.flows.count, found: flowSum(.found), invalid: flowSum(.invalid), insertFailed: flowSum(.insertFailed),
                drop: flowSum(.drop), earlyDrop: flowSum(.earlyDrop), error: flowSum(.error), clashResolved: flowSum(.clashResolved),
                expectNew: expected.taken, expectCreate: expected.created, expectDelete: expected.deleted))
    }
}

extension RequestHandler {
    /// Runs a body with the lock held while every worker waits between two bursts.
    func withWorkersPaused<R>(_ body: () -> R) throws(Failure) -> R {
        var result: R?
        core.lock.withLock { _ in result = exchange.paused(body) }
        guard let result else {
            throw Failure("a worker did not come to the end of its burst within a fifth of a second; try again")
        }
        return result
    }

    func stats() throws(Failure) -> Stats {
        try withWorkersPaused {
            var frames = exchange.handedOff
            for worker in 0..<exchange.workerCount {
                frames += Int(exchange.lines[worker].stock.load(ordering: .relaxed))
            }
            for ring in (ports + [hostPort]).flatMap(\.rings) {
                let occupancy = ring.occupancy()
                frames += occupancy.heldForReceive + occupancy.heldForTransmit
            }
            return core.books(
                framesElsewhere: frames, lostInRings: ports.reduce(0) { $0 &+ $1.lost }, unwritten: reporter.lost,
                uptime: MonotonicClock.now().since(started) / 1_000_000_000)
        }
    }

    /// Every reason there is, also those that never occurred.
    func dropRows() -> [DropRow] {
        let all = core.lock.withLock { _ in core.reports.map(\.statistics) }
        return DropReason.allCases.map { reason in
            DropRow(reason: reason.name, text: reason.text, packets: all.reduce(0) { $0 &+ $1[reason] })
        }
    }
}
