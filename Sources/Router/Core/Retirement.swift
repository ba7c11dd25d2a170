import Dataplane
import Synchronization

/// What has been unlinked from shared memory and may be given back once every worker has passed a burst boundary.
final class Retirement: Sendable {
    private struct Item {
        let target: UInt64
        let release: () -> Void
    }

    private struct Items: ~Copyable, @unchecked Sendable {
        var list: [Item] = []
    }

    private let epochs: Epochs
    private let items = Mutex(Items())

    init(epochs: Epochs) { self.epochs = epochs }

    /// Has `release` called by a later `reclaim`.
    func retire(_ release: @escaping () -> Void) {
        let target = epochs.target()
        let item = Item(target: target, release: release)
        items.withLock { $0.list.append(item) }
    }

    /// Releases what nobody can look at any more. Called by the slow side's thread.
    func reclaim() {
        var ready: [Item] = []
        items.withLock { items in
            while let first = items.list.first, epochs.isReached(first.target) {
                ready.append(items.list.removeFirst())
            }
        }
        for item in ready { item.release() }
    }
}
