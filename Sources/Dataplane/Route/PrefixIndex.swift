import Net
import Synchronization

/// All prefixes of one routing table by exact match: an open-addressed hash of one atomic word a prefix.
///
/// It serves three purposes. Readers of a small table search it length by length and need nothing else. Readers of a
/// large table fall back on it when a matching prefix turns out to be unusable and a shorter one must be tried, which is
/// rare. The writer finds here what a prefix holds and what covers it.
///
/// A word is empty (0), a gravestone (1), or network (32 bits) · length (6) · in use (1) · route index (25), so a prefix
/// appears, changes its route and vanishes by one store. The table grows by replacement.
struct PrefixIndex: Sendable {
    let words: Slab<Atomic<UInt64>>

    static let routeBits: UInt64 = 25
    static let routeMask: UInt64 = 1 << routeBits - 1
    static let gravestone: UInt64 = 1

    @inline(__always)
    static func key(_ network: UInt32, _ length: UInt32) -> UInt64 {
        UInt64(network) << 7 | UInt64(length) << 1 | 1
    }

    @inline(__always)
    private static func slot(_ key: UInt64, _ count: Int) -> Int {
        // Fibonacci hashing; wrapping is meant, the high bits are the well-mixed ones.
        Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> 20) & (count &- 1)
    }

    /// The route index of a prefix, or 0 if it is not there.
    @inline(__always)
    func route(_ network: UInt32, _ length: UInt32) -> UInt32 {
        let key = Self.key(network, length)
        var slot = Self.slot(key, words.count)
        for _ in 0..<words.count {
            let word = words[slot].load(ordering: .acquiring)
            if word >> Self.routeBits == key { return UInt32(truncatingIfNeeded: word & Self.routeMask) }
            if word == 0 { return 0 }
            slot = (slot &+ 1) & (words.count &- 1)
        }
        return 0
    }

    /// Sets the route of a prefix. The writer has made sure that a slot is free.
    /// - Returns: what the slot held before: 0, a gravestone, or the prefix's former word.
    @discardableResult
    func set(_ network: UInt32, _ length: UInt32, route: UInt32) -> UInt64 {
        let key = Self.key(network, length)
        let new = key << Self.routeBits | UInt64(route)
        var slot = Self.slot(key, words.count)
        var grave: Int?
        for _ in 0..<words.count {
            let word = words[slot].load(ordering: .relaxed)
            if word >> Self.routeBits == key {
                words[slot].store(new, ordering: .releasing)
                return word
            }
            if word == Self.gravestone, grave == nil { grave = slot }
            if word == 0 { break }
            slot = (slot + 1) & (words.count - 1)
        }
        let place = grave ?? slot
        let former = words[place].load(ordering: .relaxed)
        words[place].store(new, ordering: .releasing)
        return former
    }

    /// Takes a prefix out, leaving a gravestone so that probes go on past it.
    func remove(_ network: UInt32, _ length: UInt32) {
        let key = Self.key(network, length)
        var slot = Self.slot(key, words.count)
        for _ in 0..<words.count {
            let word = words[slot].load(ordering: .relaxed)
            if word >> Self.routeBits == key {
                words[slot].store(Self.gravestone, ordering: .releasing)
                return
            }
            if word == 0 { return }
            slot = (slot + 1) & (words.count - 1)
        }
    }

    /// The prefix in a slot, or nil.
    func prefix(at slot: Int) -> (network: UInt32, length: UInt32, route: UInt32)? {
        let word = words[slot].load(ordering: .relaxed)
        guard word >> Self.routeBits & 1 == 1 else { return nil }
        return (
            UInt32(truncatingIfNeeded: word >> 32), UInt32(truncatingIfNeeded: word >> 26 & 63),
            UInt32(truncatingIfNeeded: word & Self.routeMask)
        )
    }
}
