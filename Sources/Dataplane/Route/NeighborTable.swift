// Neighbours by port and address.
//
// An entry has a number that stays the same for as long as the neighbour exists, so a worker may keep it with a flow
// until the generation changes. A hash index leads from (port, address) to the number; it grows, and is cleared of
// gravestones, by replacement. An entry's value is one atomic word, so nobody sees half an Ethernet address. The number of
// a removed neighbour is used again only after every reader has let go of it.

import Net
import Synchronization

/// What is known of a neighbour at one moment.
public struct NeighborState: Sendable, Equatable {
    /// Zero while it is not known.
    public var mac: MACAddress
    public var state: Neighbor.State
    /// A frame may be sent to `mac`.
    @inline(__always)
    public var isUsable: Bool { state.isUsable }
}

/// The neighbours, as workers see them.
public struct NeighborTable: Sendable {
    /// No entry: nothing is known, the kernel is to be asked.
    public static let unknown: UInt32 = 0
    /// Most neighbours; what is above is held by the kernel alone and stays unknown here.
    public static let limit = 1 << 20

    struct Entry: ~Copyable {
        /// Bit 63 in use · port (8 bits from bit 32) · address (32 bits).
        let key: Atomic<UInt64>
        /// Ethernet address (48 bits) · state (8 bits) · used since the period began (bit 56).
        let value: Atomic<UInt64>
    }
    private static let usedFlag: UInt64 = 1 << 56
    static let gravestone: UInt32 = .max

    let entries = SegmentedSlab<Entry>(capacity: NeighborTable.limit, segment: 1 << 12)
    private let shared = Slab<AtomicSlab<Atomic<UInt32>>>(count: 1)

    init() { entries.reserve(0) }

    /// The number of a neighbour's entry, or `unknown`.
    @inline(__always)
    public func find(_ port: PortIndex, _ address: IPv4Address) -> UInt32 {
        guard let index = shared[0].load() else { return Self.unknown }
        let key = Self.key(port, address)
        var slot = Self.slot(key, index.count)
        for _ in 0..<index.count {
            let number = index[slot].load(ordering: .acquiring)
            if number == 0 { break }
            if number != Self.gravestone, entries[number].key.load(ordering: .relaxed) == key { return number }
            slot = (slot &+ 1) & (index.count &- 1)
        }
        return Self.unknown
    }

    /// What is known of an entry that `find` or a route gave; of `unknown`, nothing.
    @inline(__always)
    public func state(_ number: UInt32) -> NeighborState {
        let value = entries[number].value.load(ordering: .relaxed)
        return NeighborState(
            mac: MACAddress(rawValue: value),
            state: Neighbor.State(rawValue: UInt8(truncatingIfNeeded: value >> 48)) ?? .none)
    }

    /// Notes that an entry is in use.
    /// - Returns: true for the first one to do so in this period; always false for `unknown`.
    @inline(__always)
    public func markUsed(_ number: UInt32) -> Bool {
        guard number != Self.unknown, entries[number].value.load(ordering: .relaxed) & Self.usedFlag == 0 else {
            return false
        }
        return entries[number].value.bitwiseOr(Self.usedFlag, ordering: .relaxed).oldValue & Self.usedFlag == 0
    }

    @inline(__always)
    private static func key(_ port: PortIndex, _ address: IPv4Address) -> UInt64 {
        1 << 63 | UInt64(port.rawValue) << 32 | UInt64(address.rawValue)
    }

    @inline(__always)
    private static func slot(_ key: UInt64, _ count: Int) -> Int {
        // Fibonacci hashing; wrapping is meant.
        Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> 32) & (count &- 1)
    }

    // The writer's side.

    func setKey(_ number: UInt32, _ port: PortIndex, _ address: IPv4Address) {
        entries[number].key.store(Self.key(port, address), ordering: .relaxed)
    }

    /// Sets Ethernet address and state; the mark of use stays.
    /// - Returns: what was there before.
    @discardableResult
    func setState(_ number: UInt32, _ new: NeighborState) -> NeighborState {
        let old = state(number)
        let bits = new.mac.rawValue | UInt64(new.state.rawValue) << 48
        var value = entries[number].value.load(ordering: .relaxed)
        while true {
            let (done, now) = entries[number].value.weakCompareExchange(
                expected: value, desired: bits | value & Self.usedFlag, ordering: .releasing)
            if done { return old }
            value = now
        }
    }

    /// Ends the period of an entry.
    /// - Returns: whether it was used in it.
    func takeUsed(_ number: UInt32) -> Bool {
        entries[number].value.bitwiseAnd(~Self.usedFlag, ordering: .relaxed).oldValue & Self.usedFlag != 0
    }

    var indexSize: Int { shared[0].load()?.count ?? 0 }

    /// Makes an entry findable, in an index that has room.
    /// - Returns: whether a gravestone made place.
    func link(_ number: UInt32, _ port: PortIndex, _ address: IPv4Address) -> Bool {
        guard let index = shared[0].load() else { return false }
        return Self.insert(number, Self.key(port, address), into: index)
    }

    /// Makes an entry unfindable.
    func unlink(_ number: UInt32, _ port: PortIndex, _ address: IPv4Address) {
        guard let index = shared[0].load() else { return }
        var slot = Self.slot(Self.key(port, address), index.count)
        for _ in 0..<index.count {
            let found = index[slot].load(ordering: .relaxed)
            if found == number { return index[slot].store(Self.gravestone, ordering: .releasing) }
            if found == 0 { return }
            slot = (slot + 1) & (index.count - 1)
        }
    }

    /// Replaces the index by one of `size` slots that holds these entries.
    /// - Returns: the one that readers may still hold.
    func rebuild(size: Int, _ all: some Sequence<(number: UInt32, port: PortIndex, address: IPv4Address)>)
        -> Slab<Atomic<UInt32>>?
    {
        let old = shared[0].load()
        let index = Slab<Atomic<UInt32>>(count: size)
        for entry in all { _ = Self.insert(entry.number, Self.key(entry.port, entry.address), into: index) }
        shared[0].store(index)
        return old
    }

    private static func insert(_ number: UInt32, _ key: UInt64, into index: Slab<Atomic<UInt32>>) -> Bool {
        var slot = Self.slot(key, index.count)
        while true {
            let found = index[slot].load(ordering: .relaxed)
            if found == 0 || found == gravestone {
                index[slot].store(number, ordering: .releasing)
                return found == gravestone
            }
            slot = (slot + 1) & (index.count - 1)
        }
    }

    func deallocate() {
        shared[0].load()?.deallocate()
        shared.deallocate()
        entries.deallocate()
    }
}
