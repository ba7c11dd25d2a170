import Glibc
import Synchronization

/// From an element to its entry: a hash table of one-line buckets that grows while workers look into it and change it.
///
/// A bucket is a cache line: eleven slots, for each an 8-bit tag and the number of an entry, a link to an overflow bucket, and a
/// version. The version of the bucket that heads a chain is its lock (odd: a writer is at work) and tells readers whether what they
/// read was whole: they take no lock, and read again if it has changed meanwhile. So an entry whose number was read under an unchanged
/// version had not been taken out, and its words are those of one element.
///
/// Growing: the slow side makes a larger table, publishes it as `next`, and moves one chain after the other under its lock, leaving
/// the mark "moved" for good. Who meets the mark goes on in `next`. Buckets are chosen by the low bits of the hash, so that the
/// elements of one old bucket go to new ones that nobody else can reach before. When all are moved, `next` becomes `current`; the old
/// table's memory, and the right to grow again, wait until every worker has passed a burst boundary.
///
/// A table has as many overflow buckets as ordinary ones. The first of them is never used as such: its link counts those handed out.
@safe struct SetIndex: ~Copyable {
    struct Bucket: ~Copyable {
        /// Bit 0: locked. Bit 1: moved. The rest counts changes.
        let version: Atomic<UInt32>
        let link: Atomic<UInt32>
        let lowTags: Atomic<UInt64>
        let highTags: Atomic<UInt32>
        let entries: InlineArray<11, Atomic<UInt32>>
    }

    static let slots = 11
    private static let locked: UInt32 = 1
    private static let moved: UInt32 = 2

    private let current: AtomicSlab<Bucket>
    private let next: AtomicSlab<Bucket>

    /// A chain that is locked: its table and the number of its first bucket.
    struct Chain {
        var table: Slab<Bucket>
        var head: UInt32
    }

    /// - Parameter buckets: a power of two.
    init(buckets: Int) {
        current = AtomicSlab()
        next = AtomicSlab()
        current.store(Slab(count: buckets * 2))
    }

    var bucketCount: Int { (current.load()?.count ?? 0) / 2 }
    /// Ordinary and overflow buckets that are in use.
    var byteCount: Int {
        guard let table = current.load() else { return 0 }
        return (table.count / 2 + Int(table[table.count / 2].link.load(ordering: .relaxed))) * 64
    }

    func deallocate() {
        // After growth, `next` may still name the current table.
        current.load()?.deallocate()
    }

    @inline(__always)
    private static func head(_ hash: UInt64, _ table: Slab<Bucket>) -> UInt32 {
        UInt32(truncatingIfNeeded: hash) & UInt32(truncatingIfNeeded: table.count / 2 &- 1)
    }

    /// Never zero, so that an empty slot's tag matches nothing.
    @inline(__always)
    private static func tag(_ hash: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: hash >> 56) | 1 }

    /// Bytes of `word` that equal `tag`, marked by their top bit. A byte above a match may be marked wrongly, never missed.
    @inline(__always)
    private static func matches(_ word: UInt64, _ tag: UInt8) -> UInt64 {
        let difference = word ^ (UInt64(tag) &* 0x0101_0101_0101_0101)
        return (difference &- 0x0101_0101_0101_0101) & ~difference & 0x8080_8080_8080_8080
    }

    /// The table that is to be asked after `table`, whose bucket was moved.
    @inline(__always)
    private func table(after table: Slab<Bucket>) -> Slab<Bucket>? {
        guard let now = current.load() else { return nil }
        // The growth may have ended meanwhile; a second one cannot have begun within a burst.
        return unsafe now.base != table.base ? now : next.load()
    }

    // MARK: Reading

    /// The entry for which `isMatch` holds among those with this hash; 0 if there is none. `isMatch` may be asked about an entry that
    /// is being taken out; its answer is thrown away then.
    @inline(__always)
    func find(_ hash: UInt64, _ isMatch: (UInt32) -> Bool) -> UInt32 {
        guard var table = current.load() else { return 0 }
        var tries = 0
        while true {
            let head = Self.head(hash, table)
            let version = table[head].version.load(ordering: .acquiring)
            if version & Self.moved != 0 {
                guard let other = self.table(after: table) else { return 0 }
                table = other
                continue
            }
            if version & Self.locked == 0 {
                let found = Self.scan(table, head, Self.tag(hash), isMatch)
                atomicMemoryFence(ordering: .acquiring)
                if table[head].version.load(ordering: .relaxed) == version { return found }
            }
            tries &+= 1
            if tries % 64 == 0 { sched_yield() }
        }
    }

    @inline(__always)
    private static func scan(
        _ table: Slab<Bucket>, _ head: UInt32, _ tag: UInt8, _ isMatch: (UInt32) -> Bool
    ) -> UInt32 {
        var number = head
        // A torn chain must not lead in a circle; a whole one is never that long.
        for _ in 0..<table.count {
            var low = matches(table[number].lowTags.load(ordering: .relaxed), tag)
            while low != 0 {
                let entry = table[number].entries[low.trailingZeroBitCount >> 3].load(ordering: .relaxed)
                if entry != 0, isMatch(entry) { return entry }
                low &= low &- 1
            }
            var high = matches(UInt64(table[number].highTags.load(ordering: .relaxed)), tag) & 0x80_8080
            while high != 0 {
                let entry = table[number].entries[8 &+ (high.trailingZeroBitCount >> 3)].load(ordering: .relaxed)
                if entry != 0, isMatch(entry) { return entry }
                high &= high &- 1
            }
            number = table[number].link.load(ordering: .acquiring)
            if number == 0 { return 0 }
        }
        return 0
    }

    // MARK: Changing

    /// Locks the chain that a hash belongs to.
    @inline(__always)
    func lock(_ hash: UInt64) -> Chain {
        var table = unsafe current.load().unsafelyUnwrapped
        var tries = 0
        while true {
            let head = Self.head(hash, table)
            if Self.tryLock(table, head) { return Chain(table: table, head: head) }
            if table[head].version.load(ordering: .acquiring) & Self.moved != 0, let other = self.table(after: table) {
                table = other
                continue
            }
            tries &+= 1
            if tries % 64 == 0 { sched_yield() }
        }
    }

    @inline(__always)
    private static func tryLock(_ table: Slab<Bucket>, _ head: UInt32) -> Bool {
        let version = table[head].version.load(ordering: .relaxed)
        guard version & (locked | moved) == 0 else { return false }
        let done = table[head].version.compareExchange(
            expected: version, desired: version | locked, successOrdering: .acquiring, failureOrdering: .relaxed
        ).exchanged
        // Readers must not see the changes that follow under the old version.
        if done { atomicMemoryFence(ordering: .releasing) }
        return done
    }

    @inline(__always)
    func unlock(_ chain: Chain) {
        let version = chain.table[chain.head].version.load(ordering: .relaxed)
        chain.table[chain.head].version.store((version & ~Self.locked) &+ 4, ordering: .releasing)
    }

    /// The entry in a locked chain.
    @inline(__always)
    func find(in chain: Chain, _ hash: UInt64, _ isMatch: (UInt32) -> Bool) -> UInt32 {
        Self.scan(chain.table, chain.head, Self.tag(hash), isMatch)
    }

    /// Any entry of a locked chain for which `isMatch` holds.
    @inline(__always)
    func first(in chain: Chain, _ isMatch: (UInt32) -> Bool) -> UInt32 {
        var number = chain.head
        while true {
            for slot in 0..<Self.slots {
                let entry = chain.table[number].entries[slot].load(ordering: .relaxed)
                if entry != 0, isMatch(entry) { return entry }
            }
            number = chain.table[number].link.load(ordering: .relaxed)
            if number == 0 { return 0 }
        }
    }

    /// Puts an entry into a locked chain.
    /// - Returns: false if the table has no bucket left.
    @inline(__always)
    func insert(_ entry: UInt32, into chain: Chain, _ hash: UInt64) -> Bool {
        Self.insert(entry, Self.tag(hash), chain.table, chain.head)
    }

    private static func insert(_ entry: UInt32, _ tag: UInt8, _ table: Slab<Bucket>, _ head: UInt32) -> Bool {
        var number = head
        while true {
            for slot in 0..<slots where table[number].entries[slot].load(ordering: .relaxed) == 0 {
                table[number].entries[slot].store(entry, ordering: .relaxed)
                setTag(tag, slot, table, number)
                return true
            }
            let following = table[number].link.load(ordering: .relaxed)
            if following != 0 {
                number = following
                continue
            }
            let half = UInt32(truncatingIfNeeded: table.count / 2)
            let used = table[half].link.wrappingAdd(1, ordering: .relaxed).newValue
            guard used < half else {
                table[half].link.wrappingSubtract(1, ordering: .relaxed)
                return false
            }
            let fresh = half &+ used
            table[fresh].entries[0].store(entry, ordering: .relaxed)
            setTag(tag, 0, table, fresh)
            table[number].link.store(fresh, ordering: .releasing)
            return true
        }
    }

    @inline(__always)
    private static func setTag(_ tag: UInt8, _ slot: Int, _ table: Slab<Bucket>, _ number: UInt32) {
        if slot < 8 {
            let shift = UInt64(slot &* 8)
            let tags = table[number].lowTags.load(ordering: .relaxed)
            table[number].lowTags.store(tags & ~(0xFF << shift) | UInt64(tag) << shift, ordering: .relaxed)
        } else {
            let shift = UInt32((slot &- 8) &* 8)
            let tags = table[number].highTags.load(ordering: .relaxed)
            table[number].highTags.store(tags & ~(0xFF << shift) | UInt32(tag) << shift, ordering: .relaxed)
        }
    }

    /// Takes an entry out of a locked chain.
    @inline(__always)
    func remove(_ entry: UInt32, from chain: Chain) {
        var number = chain.head
        while true {
            for slot in 0..<Self.slots where chain.table[number].entries[slot].load(ordering: .relaxed) == entry {
                chain.table[number].entries[slot].store(0, ordering: .relaxed)
                Self.setTag(0, slot, chain.table, number)
                return
            }
            number = chain.table[number].link.load(ordering: .relaxed)
            if number == 0 { return }
        }
    }

    // MARK: The slow side

    /// Locks the chain of a bucket by its number, for a walk over all. Growing is the slow side's as well, so none is under way.
    func lock(bucket number: Int) -> Chain {
        let table = unsafe current.load().unsafelyUnwrapped
        var tries = 0
        while !Self.tryLock(table, UInt32(number)) {
            tries += 1
            if tries % 64 == 0 { sched_yield() }
        }
        return Chain(table: table, head: UInt32(number))
    }

    /// Moves everything to a table with `buckets` ordinary buckets, a larger power of two. Not to be called again before every worker has
    /// passed a burst boundary and `settle` was called.
    ///
    /// - Parameter hash: the hash of an entry's element.
    /// - Returns: releases the old table, to be called after the burst boundary.
    func grow(to buckets: Int, hash: (UInt32) -> UInt64) -> @Sendable () -> Void {
        let old = unsafe current.load().unsafelyUnwrapped
        let new = Slab<Bucket>(count: buckets * 2)
        next.store(new)
        for number in 0..<UInt32(old.count / 2) {
            var tries = 0
            while !Self.tryLock(old, number) {
                tries += 1
                if tries % 64 == 0 { sched_yield() }
            }
            _ = first(in: Chain(table: old, head: number)) { entry in
                let hash = hash(entry)
                // There is room: the new table has more overflow buckets than the old one has buckets.
                _ = Self.insert(entry, Self.tag(hash), new, Self.head(hash, new))
                return false
            }
            let version = old[number].version.load(ordering: .relaxed)
            old[number].version.store((version & ~Self.locked | Self.moved) &+ 4, ordering: .releasing)
        }
        current.store(new)
        return { old.deallocate() }
    }

    /// After growth, when no worker can be on its way from the old table any more.
    func settle() { next.store(nil) }
}
