import Synchronization

/// The bytes of a `quota` that are left, which all workers draw from.
public final class QuotaBucket: RuleState {
    public let quota: Quota

    /// - Parameter bytes: that may pass in all.
    public init(bytes: UInt64) { quota = Quota(bytes: bytes) }

    deinit { quota.deallocate() }
}

/// `-m quota` as packets meet it (net/netfilter/xt_quota.c). What is left is one word, changed by compare-and-exchange.
@safe public struct Quota: Sendable {
    private let left: Slab<Atomic<UInt64>>

    init(bytes: UInt64) {
        left = Slab(count: 1)
        left[0].store(bytes, ordering: .relaxed)
    }

    func deallocate() { left.deallocate() }

    /// Whether so many bytes are left; they are used up then. The first packet that is too long uses up the rest, so that no small one
    /// slips through behind it.
    @inline(__always)
    func take(_ bytes: Int) -> Bool {
        var bytesLeft = left[0].load(ordering: .relaxed)
        while bytesLeft > 0 || bytes == 0 {
            let passes = bytesLeft >= UInt64(bytes)
            let result = left[0].weakCompareExchange(
                expected: bytesLeft, desired: passes ? bytesLeft &- UInt64(bytes) : 0, ordering: .relaxed)
            if result.exchanged { return passes }
            bytesLeft = result.original
        }
        return false
    }
}
