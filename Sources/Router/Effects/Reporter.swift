import CXDP
import Control
import Dataplane
import Glibc
import Net
import Synchronization

/// The thread that carries out what rules tell: it empties the workers' report rings and writes. Nothing else waits for it, and it waits
/// for nobody but them.
///
/// Synchronisation: `writer` is the thread's alone; the flags and `lost` are atomic.
final class Reporter: @unchecked Sendable {
    private let rings: [ReportRing]
    private let exchange: Exchange
    private let writer: ReportWriter
    private let isOver = Atomic<Bool>(false)
    private let wantsReopening = Atomic<Bool>(false)
    private let unwritten = Atomic<UInt64>(0)
    private var thread: SystemThread?

    init(rings: [ReportRing], exchange: Exchange, writer: ReportWriter) {
        self.rings = rings
        self.exchange = exchange
        self.writer = writer
    }

    /// Lines and copies that were not lost in rings, but by who was to take them.
    var lost: UInt64 { unwritten.load(ordering: .relaxed) }

    func start() throws(Failure) { thread = try SystemThread { [self] in run() } }

    /// Has files opened anew. Called after a rotation, from any thread.
    func reopen() {
        wantsReopening.store(true, ordering: .sequentiallyConsistent)
        exchange.signal(exchange.reportDescriptor)
    }

    /// Writes what the workers have left, and ends. They must have ended before.
    func stop() {
        guard let thread else { return }
        self.thread = nil
        isOver.store(true, ordering: .sequentiallyConsistent)
        exchange.signal(exchange.reportDescriptor)
        thread.join()
    }

    private func run() {
        while true {
            let isLast = isOver.load(ordering: .sequentiallyConsistent)
            if wantsReopening.exchange(false, ordering: .sequentiallyConsistent) { writer.reopen() }
            drain()
            if isLast { return }
            // Who leaves a report after this empties nothing: its signal still stands.
            var ready = pollfd(fd: exchange.reportDescriptor, events: Int16(POLLIN), revents: 0)
            _ = unsafe poll(&ready, 1, 1000)
            exchange.drain(exchange.reportDescriptor)
        }
    }

    /// Until every ring is empty, in turns, so that one worker's flood does not keep the others' lines.
    private func drain() {
        let offset = Self.clockOffset()
        var isDone = false
        while !isDone {
            isDone = true
            for ring in rings {
                var budget = 256
                while budget > 0, let report = ring.pop() {
                    writer.write(report, time: report.header.time.nanoseconds &+ offset)
                    budget -= 1
                }
                if budget == 0 { isDone = false }
            }
            writer.flush()
            unwritten.store(writer.lost, ordering: .relaxed)
        }
    }

    /// What to add to the monotonic clock to get nanoseconds since 1970.
    private static func clockOffset() -> UInt64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec) &- MonotonicClock.now().nanoseconds
    }
}
