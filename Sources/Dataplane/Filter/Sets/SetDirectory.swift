import Synchronization

/// Where rules and lists find sets: by slot. A slot keeps its number as long as the set has its name; what lies in it is exchanged when
/// the set is flushed or swapped with another. Read by workers, written by the slow side.
@safe public struct SetDirectory: @unchecked Sendable {
    private let slots: Slab<Atomic<UInt>>

    /// Slots there can be (IPSET_INVALID_ID in include/uapi/linux/netfilter/ipset/ip_set.h); it stands for none.
    public static let none: UInt16 = .max

    public init() { slots = Slab(count: Int(UInt16.max)) }

    /// Puts a set into a slot, or none. The one before may still be in use until every worker has passed a burst boundary.
    public func set(_ slot: UInt16, _ memory: SetMemory?) {
        guard slot != Self.none else { return }
        slots[Int(slot)].store(unsafe UInt(bitPattern: memory?.table), ordering: .releasing)
    }

    /// Gives the memory back, when no worker can look at it any more.
    public func deallocate() { slots.deallocate() }

    @inline(__always)
    @unsafe func table(_ slot: UInt16) -> UnsafeMutablePointer<SetTable>? {
        guard slot != Self.none else { return nil }
        return unsafe UnsafeMutablePointer(bitPattern: slots[Int(slot)].load(ordering: .acquiring))
    }
}
