import CXDP
import Control
import Dataplane
import Glibc
import Net
import PacketIO

/// A thread that runs a `WorkerLoop`, pinned to a CPU if one is named.
final class WorkerThread {
    private var thread: SystemThread?

    /// What the new thread is given, and the old one leaves alone from then on.
    private final class Start: @unchecked Sendable {
        let id: Int
        let core: RouterCore
        let exchange: Exchange
        let poll: WorkersConfiguration.Poll
        let rings: [Ring]
        let owners: [PortIndex: Int]
        let cpu: Int?
        let seed: UInt64

        init(
            id: Int, core: RouterCore, exchange: Exchange, poll: WorkersConfiguration.Poll, rings: [Ring],
            owners: [PortIndex: Int], cpu: Int?, seed: UInt64
        ) {
            self.id = id
            self.core = core
            self.exchange = exchange
            self.poll = poll
            self.rings = rings
            self.owners = owners
            self.cpu = cpu
            self.seed = seed
        }

        func run() {
            let isPinned = cpu.map { martlet_pin_thread(Int32($0)) == 0 } ?? false
            var loop = WorkerLoop(
                id: id, worker: core.makeWorker(id, seed: seed, cpu: isPinned ? cpu : nil), memory: core.shared.memory, exchange: exchange,
                poll: poll, rings: rings, owners: owners)
            loop.run()
        }
    }

    /// Starts the thread.
    ///
    /// - Parameters:
    ///   - rings: the rings that are this worker's alone.
    ///   - owners: for each port, who sends for workers that have no queue of it.
    ///   - cpu: where to run, or nil for wherever the kernel likes.
    /// - Throws: if no thread can be made.
    init(
        id: Int, core: RouterCore, exchange: Exchange, poll: WorkersConfiguration.Poll, rings: [Ring],
        owners: [PortIndex: Int], cpu: Int?, seed: UInt64
    ) throws {
        let start = Start(
            id: id, core: core, exchange: exchange, poll: poll, rings: rings, owners: owners, cpu: cpu, seed: seed)
        do throws(Failure) {
            thread = try SystemThread { start.run() }
        } catch {
            throw RouterError("cannot start worker \(id): \(error.message)")
        }
    }

    /// Waits for the thread's end, which the exchange must have asked for.
    func join() {
        thread?.join()
        thread = nil
    }

    deinit { join() }
}
