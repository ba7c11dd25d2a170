import Glibc
import Synchronization

/// A lock of four bytes for a few instructions' work, laid out in place: zero is unlocked.
///
/// A waiter spins briefly and then yields its CPU, because on a small box the holder may be a preempted sibling.
public struct SpinLock: ~Copyable {
    private let word: Atomic<UInt32>

    public init() { word = Atomic(0) }

    @inline(__always)
    public func lock() {
        if word.compareExchange(expected: 0, desired: 1, successOrdering: .acquiring, failureOrdering: .relaxed).exchanged {
            return
        }
        lockContended()
    }

    @inline(__always)
    public func unlock() { word.store(0, ordering: .releasing) }

    @inline(never)
    private func lockContended() {
        var tries = 0
        while true {
            if word.load(ordering: .relaxed) == 0,
                word.weakCompareExchange(
                    expected: 0, desired: 1, successOrdering: .acquiring, failureOrdering: .relaxed
                ).exchanged
            {
                return
            }
            tries += 1
            if tries % 64 == 0 { sched_yield() }
        }
    }
}
