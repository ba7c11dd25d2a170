import Synchronization
import TestSupport

/// Does something on four threads at once.
///
/// - Returns: what each makes of it.
func onFour(_ body: @escaping @Sendable (Int) -> Int) -> [Int] {
    let results = Mutex([0, 0, 0, 0])
    onThreads(4) { id in
        let result = body(id)
        results.withLock { $0[id] = result }
    }
    return results.withLock { $0 }
}

func sum(_ numbers: [Int]) -> Int { numbers.reduce(0, +) }
