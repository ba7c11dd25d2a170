import Control
import Net
import Synchronization
import Testing

@testable import Router

@Suite struct ExchangeTests {
    private final class Signs: Sendable {
        let isInRound = Atomic<Bool>(false)
        let isOver = Atomic<Bool>(false)
    }

    /// A pause may begin while a worker is about to leave the last one.
    @Test("No worker is in a round while a pause lasts, though one pause follows the other at once")
    func pauses() throws {
        let exchange = Exchange(workerCount: 1)
        let signs = Signs()
        let worker = try SystemThread {
            while !signs.isOver.load(ordering: .relaxed) {
                if exchange.isPausing { exchange.park(0, stock: 0) }
                signs.isInRound.store(true, ordering: .sequentiallyConsistent)
                for _ in 0..<100 { _ = exchange.isPausing }
                signs.isInRound.store(false, ordering: .sequentiallyConsistent)
            }
        }
        var pauses = 0
        var overlaps = 0
        let end = MonotonicClock.now() + 1_000_000_000
        while MonotonicClock.now() < end {
            exchange.paused {
                pauses += 1
                // Long enough for a worker that goes on to be seen.
                for _ in 0..<500 where signs.isInRound.load(ordering: .sequentiallyConsistent) {
                    overlaps += 1
                    break
                }
            }
        }
        signs.isOver.store(true, ordering: .relaxed)
        worker.join()
        #expect(pauses > 0)
        #expect(overlaps == 0)
    }
}
