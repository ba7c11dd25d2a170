import Synchronization

/// Where a ring's writer and reader are: each alone writes its own cursor, in a cache line of its own.
@usableFromInline
struct RingCursors: ~Copyable {
    /// Elements, or bytes, that were ever put in.
    @usableFromInline let head: Atomic<UInt64>
    @usableFromInline var padding: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)
    /// Those that were ever taken out.
    @usableFromInline let tail: Atomic<UInt64>
}

/// A bounded ring from one thread to one other. Neither ever waits: what finds no room stays the writer's.
///
/// Synchronisation: the element is written before `head` is released and read after it is acquired; its place is written again
/// only after `tail` has passed it, the same way. The memory lives until `deallocate`.
@safe public struct OneWayRing<Element>: @unchecked Sendable {
    @usableFromInline let cursors: Slab<RingCursors>
    @usableFromInline let elements: Slab<Element>

    /// - Parameter capacity: elements that it holds, a power of two.
    public init(capacity: Int) {
        precondition(capacity > 0 && capacity & (capacity - 1) == 0)
        cursors = Slab(count: 1)
        elements = Slab(count: capacity)
    }

    /// - Returns: false if the ring is full; the element was not taken then.
    @inlinable @inline(__always)
    public func push(_ element: Element) -> Bool {
        let head = cursors[0].head.load(ordering: .relaxed)
        guard head &- cursors[0].tail.load(ordering: .acquiring) < UInt64(elements.count) else { return false }
        elements[Int(truncatingIfNeeded: head) & (elements.count &- 1)] = element
        cursors[0].head.store(head &+ 1, ordering: .releasing)
        return true
    }

    /// The oldest element, taken out.
    @inlinable @inline(__always)
    public func pop() -> Element? {
        let tail = cursors[0].tail.load(ordering: .relaxed)
        guard tail != cursors[0].head.load(ordering: .acquiring) else { return nil }
        let element = elements[Int(truncatingIfNeeded: tail) & (elements.count &- 1)]
        cursors[0].tail.store(tail &+ 1, ordering: .releasing)
        return element
    }

    /// Elements in the ring; exact for its two users, a moment's guess for others.
    @inlinable @inline(__always)
    public var count: Int {
        Int(truncatingIfNeeded: cursors[0].head.load(ordering: .acquiring) &- cursors[0].tail.load(ordering: .acquiring))
    }

    @inlinable @inline(__always)
    public var isEmpty: Bool {
        cursors[0].tail.load(ordering: .relaxed) == cursors[0].head.load(ordering: .acquiring)
    }

    /// Gives the memory back. No copy of this value may be used afterwards.
    public func deallocate() {
        cursors.deallocate()
        elements.deallocate()
    }
}
