import CXDP
import Control
import Dataplane
import Glibc
import Net
import PacketIO

/// A thread that runs a `WorkerLoop`, pinned to a CPU if one is named.
final class WorkerThread {
    private var thread = pthread_t()
    private var isRunning = false

    /// What the new thread is given.
    private final class Start {
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
        let argument = unsafe Unmanaged.passRetained(start)
        let code = unsafe pthread_create(
            &thread, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                unsafe Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, unsafe argument.toOpaque())
        guard code == 0 else {
            unsafe argument.release()
            throw RouterError("cannot start worker thread \(id): \(systemErrorText(code))")
        }
        isRunning = true
    }

    /// Waits for the thread's end, which the exchange must have asked for.
    func join() {
        guard isRunning else { return }
        isRunning = false
        pthread_join(thread, nil)
    }

    deinit { join() }
}
