import Glibc
import Synchronization

/// From tuple to flow: a hash table of one-line buckets, shared by all workers. Each flow stands in it twice.
///
/// A bucket is a cache line: twelve slots, for each an 8-bit tag from the hash and a 32-bit reference (flow index and
/// direction), and a link word that holds the bucket's lock bit and the number of an overflow bucket. Readers take no
/// lock: they compare tags, follow the reference and compare the tuple in the flow itself, which stays readable until the
/// end of the burst. Writers hold the lock of the bucket that heads the chain.
///
/// Overflow buckets are never unlinked; they are found empty and filled again.
@safe struct FlowIndex: @unchecked Sendable {
    /// A reference to one direction of a flow; 0 is an empty slot.
    struct Reference: Equatable {
        var rawValue: UInt32
        @inline(__always)
        init(rawValue: UInt32) { self.rawValue = rawValue }
        @inline(__always)
        init(flow: UInt32, _ direction: Direction) { rawValue = flow << 1 | UInt32(direction.rawValue) }
        @inline(__always)
        var flow: UInt32 { rawValue >> 1 }
        @inline(__always)
        var direction: Direction { rawValue & 1 == 0 ? .original : .reply }
    }

    static let slots = 12
    /// A cache line.
    static let bucketSize = 64

    struct Bucket: ~Copyable {
        let lowTags: Atomic<UInt64>
        let highTags: Atomic<UInt32>
        let link: Atomic<UInt32>
        let references: InlineArray<12, Atomic<UInt32>>
    }

    private static let lockBit: UInt32 = 1 << 31

    let buckets: Slab<Bucket>
    let primaryCount: UInt32
    /// Overflow buckets handed out so far.
    private let overflowUsed: Slab<Atomic<UInt32>>
    let key: UInt64

    /// An index for up to `flows` flows: on average seven of a bucket's twelve slots are then taken, ten or eleven if every flow stands
    /// in it by its source too. An overflow bucket stays with its chain for good, and as flows come and go every bucket overflows once: so
    /// there is one for each, and some for those that overflow twice.
    init(flows: Int, key: UInt64) {
        primaryCount = UInt32(max(flows * 2 / 7, 16))
        buckets = Slab(count: Int(primaryCount) * 2 + Int(primaryCount) / 64 + 64, hasLargePages: flows >= 1 << 16)
        overflowUsed = Slab(count: 1)
        self.key = key
    }

    var byteCount: Int { buckets.count * Self.bucketSize }
    /// Buckets that hashes fall into.
    var bucketCount: Int { Int(primaryCount) }
    /// Those and the overflow buckets, which have the higher numbers.
    var totalBucketCount: Int { buckets.count }
    /// The number after that of the last overflow bucket handed out.
    var bucketsInUse: Int { Int(primaryCount) + Int(overflowUsed[0].load(ordering: .relaxed)) + 1 }

    @inline(__always)
    func hash(_ tuple: FlowTuple) -> UInt64 { tuple.hash(key: key) }

    @inline(__always)
    private func bucketNumber(_ hash: UInt64) -> UInt32 {
        UInt32(truncatingIfNeeded: (hash >> 32 &* UInt64(primaryCount)) >> 32)
    }

    /// Never zero, so that an empty slot's tag matches nothing.
    @inline(__always)
    private func tag(_ hash: UInt64) -> UInt8 { max(UInt8(truncatingIfNeeded: hash), 1) }

    /// Reads the bucket that a hash falls into, so that it is near when it is wanted.
    @inline(__always)
    func touch(_ hash: UInt64) -> UInt32 { buckets[bucketNumber(hash)].link.load(ordering: .relaxed) }

    /// Bytes of `word` that equal `tag`, marked by their top bit. A byte above a match may be marked wrongly, never missed;
    /// the tuple decides.
    @inline(__always)
    private func matches(_ word: UInt64, _ tag: UInt8) -> UInt64 {
        let difference = word ^ (UInt64(tag) &* 0x0101_0101_0101_0101)
        return (difference &- 0x0101_0101_0101_0101) & ~difference & 0x8080_8080_8080_8080
    }

    /// Visits the references whose tag matches, until `visit` returns true for one, which is returned.
    @inline(__always)
    func first(_ hash: UInt64, where visit: (Reference) -> Bool) -> Reference? {
        let tag = tag(hash)
        var number = bucketNumber(hash)
        while true {
            var low = matches(buckets[number].lowTags.load(ordering: .acquiring), tag)
            while low != 0 {
                let slot = low.trailingZeroBitCount >> 3
                let reference = Reference(rawValue: buckets[number].references[slot].load(ordering: .acquiring))
                if reference.rawValue != 0, visit(reference) { return reference }
                low &= low &- 1
            }
            var high = matches(UInt64(buckets[number].highTags.load(ordering: .acquiring)), tag)
            while high != 0 {
                let slot = high.trailingZeroBitCount >> 3
                if slot < 4 {
                    let reference = Reference(rawValue: buckets[number].references[8 &+ slot].load(ordering: .acquiring))
                    if reference.rawValue != 0, visit(reference) { return reference }
                }
                high &= high &- 1
            }
            let next = buckets[number].link.load(ordering: .acquiring) & ~Self.lockBit
            if next == 0 { return nil }
            number = next
        }
    }

    // MARK: Changing

    /// Takes the locks of the buckets of two hashes, the lower number first, so that two workers never wait for each other.
    @inline(__always)
    func lock(_ a: UInt64, _ b: UInt64) {
        let first = min(bucketNumber(a), bucketNumber(b))
        let second = max(bucketNumber(a), bucketNumber(b))
        lock(first)
        if second != first { lock(second) }
    }

    @inline(__always)
    func unlock(_ a: UInt64, _ b: UInt64) {
        let first = bucketNumber(a)
        let second = bucketNumber(b)
        unlock(first)
        if second != first { unlock(second) }
    }

    @inline(__always)
    func lock(_ hash: UInt64) { lock(bucketNumber(hash)) }
    @inline(__always)
    func unlock(_ hash: UInt64) { unlock(bucketNumber(hash)) }

    private func lock(_ number: UInt32) {
        var tries = 0
        while true {
            let link = buckets[number].link.load(ordering: .relaxed)
            if link & Self.lockBit == 0,
                buckets[number].link.weakCompareExchange(
                    expected: link, desired: link | Self.lockBit, successOrdering: .acquiring, failureOrdering: .relaxed
                ).exchanged
            {
                return
            }
            // The holder may be a sibling whose CPU we take.
            tries &+= 1
            if tries & 63 == 0 { sched_yield() }
        }
    }

    private func unlock(_ number: UInt32) {
        buckets[number].link.bitwiseAnd(~Self.lockBit, ordering: .releasing)
    }

    /// Enters a reference. The bucket must be locked.
    ///
    /// - Parameter mayOverflow: whether an overflow bucket may be taken for it.
    /// - Returns: false if the bucket and the overflow buckets are full.
    func insert(_ reference: Reference, hash: UInt64, mayOverflow: Bool = true) -> Bool {
        var number = bucketNumber(hash)
        while true {
            for slot in 0..<Self.slots where buckets[number].references[slot].load(ordering: .relaxed) == 0 {
                buckets[number].references[slot].store(reference.rawValue, ordering: .releasing)
                setTag(number, slot, tag(hash))
                return true
            }
            let link = buckets[number].link.load(ordering: .relaxed)
            let next = link & ~Self.lockBit
            if next != 0 {
                number = next
                continue
            }
            guard mayOverflow else { return false }
            let used = overflowUsed[0].load(ordering: .relaxed)
            guard Int(primaryCount) + Int(used) + 1 < buckets.count else { return false }
            let taken = overflowUsed[0].wrappingAdd(1, ordering: .relaxed).oldValue
            guard Int(primaryCount) + Int(taken) + 1 < buckets.count else { return false }
            let fresh = primaryCount + taken + 1
            buckets[number].link.bitwiseOr(fresh, ordering: .releasing)
            number = fresh
        }
    }

    /// Takes a reference out, if it is there. The bucket must be locked.
    func remove(_ reference: Reference, hash: UInt64) {
        var number = bucketNumber(hash)
        while true {
            for slot in 0..<Self.slots
            where buckets[number].references[slot].load(ordering: .relaxed) == reference.rawValue {
                setTag(number, slot, 0)
                buckets[number].references[slot].store(0, ordering: .releasing)
                return
            }
            number = buckets[number].link.load(ordering: .relaxed) & ~Self.lockBit
            if number == 0 { return }
        }
    }

    private func setTag(_ number: UInt32, _ slot: Int, _ tag: UInt8) {
        if slot < 8 {
            let shift = UInt64(slot) * 8
            let word = buckets[number].lowTags.load(ordering: .relaxed)
            buckets[number].lowTags.store(word & ~(0xFF << shift) | UInt64(tag) << shift, ordering: .releasing)
        } else {
            let shift = UInt32(slot - 8) * 8
            let word = buckets[number].highTags.load(ordering: .relaxed)
            buckets[number].highTags.store(word & ~(0xFF << shift) | UInt32(tag) << shift, ordering: .releasing)
        }
    }

    /// The references of the bucket chain that a hash falls into, for early drop.
    func forEachInBucket(_ hash: UInt64, offset: UInt32, _ visit: (Reference) -> Void) {
        var number = (bucketNumber(hash) &+ offset) % primaryCount
        while true {
            for slot in 0..<Self.slots {
                let raw = buckets[number].references[slot].load(ordering: .acquiring)
                if raw != 0 { visit(Reference(rawValue: raw)) }
            }
            number = buckets[number].link.load(ordering: .acquiring) & ~Self.lockBit
            if number == 0 { return }
        }
    }
}
