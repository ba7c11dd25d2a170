import CXDP
import Control
import Dataplane
import Glibc
import Net
import PacketIO
import Synchronization

/// Moves the deadline of all BPF programs forward as long as every worker makes progress. If one does not, or this process is
/// stopped or killed, the deadline passes and the kernel has the box to itself.
final class Heartbeat: Sendable {
    /// How far ahead the deadline lies, in nanoseconds, and how often it is moved.
    private static let margin: UInt64 = 600_000_000
    private static let interval: useconds_t = 100_000

    private let control: SteeringControl
    private let exchange: Exchange
    private let wallClock: WallClock
    private let isOver = Atomic<Bool>(false)

    init(control: SteeringControl, exchange: Exchange, wallClock: WallClock) {
        self.wallClock = wallClock
        self.control = control
        self.exchange = exchange
    }

    /// Runs until `stop`, in a thread of its own: nothing that another thread waits for can delay it.
    func run() {
        var seen = Array(repeating: UInt64.max, count: exchange.workerCount)
        while !isOver.load(ordering: .relaxed) {
            wallClock.follow()
            var allMoved = true
            for worker in 0..<exchange.workerCount {
                let progress = exchange.lines[worker].progress.load(ordering: .relaxed)
                let isParked = exchange.lines[worker].parkedIn.load(ordering: .relaxed) != 0
                if progress == seen[worker], !isParked { allMoved = false }
            }
            if allMoved {
                for worker in 0..<exchange.workerCount {
                    seen[worker] = exchange.lines[worker].progress.load(ordering: .relaxed)
                }
                control.extend(to: MonotonicClock.now() + Self.margin)
                // The end may have come between the question and the answer.
                if isOver.load(ordering: .sequentiallyConsistent) { control.release() }
            }
            usleep(Self.interval)
        }
    }

    func stop() { isOver.store(true, ordering: .sequentiallyConsistent) }
}
