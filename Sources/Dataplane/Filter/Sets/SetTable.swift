import Synchronization

/// A set in flat memory: elements come, go and are looked up while it is in use, by workers and by the slow side alike.
///
/// - Lookups take no lock. In a hash they read a chain under its version (`SetIndex`); in a map, one bit; in a list, an array that is
///   replaced whole.
/// - Who adds or takes out an element of a hash holds the lock of its chain; of a map, `changes`. Lists change on the slow side alone.
/// - Lock order: chain, or `changes`, then `SetEntries.lock`, then `lengthLock`.
/// - Counters of an element are added to without its chain's lock: if it is taken out at this very moment, the packet may still be
///   counted on its entry.
///
/// An element whose time is over is treated as if it were not there; the slow side takes such elements out by and by, and so does
/// whoever finds the set full.
@safe struct SetTable: ~Copyable {
    let shape: SetShape
    private let key: UInt64
    let entries: SetEntries
    let index: SetIndex
    /// Of a map: one bit an element.
    private let bits: Slab<Atomic<UInt64>>
    private let changes = SpinLock()
    /// Of a list: entries in their order, ended by 0.
    let order: AtomicSlab<UInt32>
    /// Of a set with networks: how many there are of each length, and a bit for each length of which there is one.
    private let lengthCounts: InlineArray<33, Atomic<UInt32>>
    private let lengthBits = Atomic<UInt64>(0)
    private let lengthLock = SpinLock()
    /// Elements that packets would have added if there had been room.
    let refused = Atomic<UInt64>(0)

    init(_ shape: SetShape, key: UInt64, buckets: Int) {
        self.shape = shape
        self.key = key
        var room = shape
        // Members that are taken out of a list keep their entries until every worker has passed a burst boundary.
        if shape.kind == .list { room.capacity += 1 << 16 }
        entries = SetEntries(room)
        let isHash = !shape.kind.isMap && shape.kind != .list
        index = SetIndex(buckets: isHash ? buckets : 1)
        bits = Slab(count: shape.kind.isMap ? (shape.mapSize + 63) / 64 : 1)
        order = AtomicSlab()
        lengthCounts = InlineArray { _ in Atomic<UInt32>(0) }
    }

    func deallocate() {
        entries.deallocate()
        index.deallocate()
        bits.deallocate()
        order.load()?.deallocate()
    }

    @inline(__always)
    func hash(_ element: SetKey) -> UInt64 { element.hash(key) }

    // MARK: Looking up

    /// The entry of an element that has not expired; 0 if there is none.
    @inline(__always)
    func find(_ element: SetKey, _ now: UInt64) -> UInt32 {
        if shape.kind.isMap {
            guard isSet(element.a) else { return 0 }
            return entries.isExpired(element.a &+ 1, now) ? 0 : element.a &+ 1
        }
        let entry = index.find(hash(element)) { entries.holds($0, element) }
        return entry == 0 || entries.isExpired(entry, now) ? 0 : entry
    }

    /// Lengths of the networks there are, one bit each.
    @inline(__always)
    var lengths: UInt64 { lengthBits.load(ordering: .acquiring) }

    @inline(__always)
    private func isSet(_ number: UInt32) -> Bool {
        bits[number >> 6].load(ordering: .acquiring) & (1 << UInt64(number & 63)) != 0
    }

    // MARK: Changing

    enum Addition { case added, replaced, exists, full }

    /// Adds an element (`mtype_add` in ip_set_hash_gen.h and ip_set_bitmap_gen.h).
    ///
    /// - Parameters:
    ///   - replaces: `-exist`: what is noted of one that is there already is set anew.
    @inline(never)
    func add(_ record: SetRecord, replaces: Bool, _ now: UInt64) -> Addition {
        shape.kind.isMap ? addToMap(record, replaces, now) : addToHash(record, replaces, now)
    }

    private func addToMap(_ record: SetRecord, _ replaces: Bool, _ now: UInt64) -> Addition {
        changes.lock()
        defer { changes.unlock() }
        let number = record.key.a
        let entry = number &+ 1
        if isSet(number) {
            let isOver = entries.isExpired(entry, now)
            guard replaces || isOver else { return .exists }
            entries.note(record, on: entry, isNew: isOver)
            return isOver ? .added : .replaced
        }
        // A map does not forget what an element counted that was taken out, unless it is told a number (as the kernel's).
        entries.note(record, on: entry, isNew: false)
        let word = bits[number >> 6].load(ordering: .relaxed)
        bits[number >> 6].store(word | 1 << UInt64(number & 63), ordering: .releasing)
        entries.count(1)
        return .added
    }

    private func addToHash(_ record: SetRecord, _ replaces: Bool, _ now: UInt64) -> Addition {
        let hash = hash(record.key)
        var chain = index.lock(hash)
        let present = index.find(in: chain, hash) { entries.holds($0, record.key) }
        if present != 0 {
            let isOver = entries.isExpired(present, now)
            if replaces || isOver {
                entries.setNomatch(present, record.isNomatch)
                entries.note(record, on: present, isNew: isOver)
            }
            index.unlock(chain)
            return replaces && !isOver ? .replaced : isOver ? .added : .exists
        }
        var entry = entries.take()
        if entry == 0, shape.timeout != nil {
            // As the kernel does: room is made by elements whose time is over.
            expire(in: chain, now)
            entry = entries.take()
            if entry == 0 {
                index.unlock(chain)
                expire(near: hash, now)
                chain = index.lock(hash)
                guard index.find(in: chain, hash, { entries.holds($0, record.key) }) == 0 else {
                    index.unlock(chain)
                    return .exists
                }
                entry = entries.take()
            }
        }
        if entry == 0, shape.forcesAdd {
            let victim = index.first(in: chain) { _ in true }
            if victim != 0 {
                takeOut(victim, chain)
                entry = entries.take()
            }
        }
        guard entry != 0 else {
            index.unlock(chain)
            return .full
        }
        entries.write(record.key, isNomatch: record.isNomatch, to: entry)
        entries.note(record, on: entry, isNew: true)
        count(length: record.key, 1)
        guard index.insert(entry, into: chain, hash) else {
            count(length: record.key, -1)
            entries.give(entry)
            index.unlock(chain)
            return .full
        }
        index.unlock(chain)
        return .added
    }

    /// Takes an element out.
    /// - Returns: whether it was there.
    @inline(never)
    func remove(_ element: SetKey, _ now: UInt64) -> Bool {
        if shape.kind.isMap {
            changes.lock()
            defer { changes.unlock() }
            guard isSet(element.a) else { return false }
            let isOver = entries.isExpired(element.a &+ 1, now)
            let word = bits[element.a >> 6].load(ordering: .relaxed)
            bits[element.a >> 6].store(word & ~(1 << UInt64(element.a & 63)), ordering: .releasing)
            entries.count(-1)
            return !isOver
        }
        let hash = hash(element)
        let chain = index.lock(hash)
        defer { index.unlock(chain) }
        let entry = index.find(in: chain, hash) { entries.holds($0, element) }
        guard entry != 0 else { return false }
        let isOver = entries.isExpired(entry, now)
        takeOut(entry, chain)
        return !isOver
    }

    private func takeOut(_ entry: UInt32, _ chain: SetIndex.Chain) {
        index.remove(entry, from: chain)
        count(length: entries.key(of: entry), -1)
        entries.give(entry)
    }

    private func count(length element: SetKey, _ change: Int32) {
        guard shape.kind.hasNetworks else { return }
        let length = Int(min(shape.kind == .network ? element.b : element.c, 32))
        lengthLock.lock()
        let count = lengthCounts[length].load(ordering: .relaxed) &+ UInt32(bitPattern: change)
        lengthCounts[length].store(count, ordering: .relaxed)
        let bits = lengthBits.load(ordering: .relaxed)
        let bit: UInt64 = 1 << UInt64(length)
        lengthBits.store(count == 0 ? bits & ~bit : bits | bit, ordering: .releasing)
        lengthLock.unlock()
    }

    // MARK: Expiry

    /// Takes out what has expired in a locked chain.
    @discardableResult
    private func expire(in chain: SetIndex.Chain, _ now: UInt64) -> Int {
        var count = 0
        while true {
            let entry = index.first(in: chain) { entries.isExpired($0, now) }
            if entry == 0 { return count }
            takeOut(entry, chain)
            count += 1
        }
    }

    /// The same in a bounded number of chains beside that of a hash.
    private func expire(near hash: UInt64, _ now: UInt64) {
        for step in UInt64(1)...64 {
            let chain = index.lock(hash &+ step)
            let count = expire(in: chain, now)
            index.unlock(chain)
            if count > 0 { return }
        }
    }

    /// Takes out what has expired, in a number of chains from one on; for the slow side.
    /// - Returns: the chain to go on with, 0 after the last.
    func expire(from first: Int, count: Int, _ now: UInt64) -> Int {
        guard shape.timeout != nil else { return 0 }
        if shape.kind.isMap {
            for number in 0..<UInt32(shape.mapSize) where isSet(number) && entries.isExpired(number + 1, now) {
                changes.lock()
                // It may have been added again meanwhile.
                if isSet(number), entries.isExpired(number + 1, now) {
                    let word = bits[number >> 6].load(ordering: .relaxed)
                    bits[number >> 6].store(word & ~(1 << UInt64(number & 63)), ordering: .releasing)
                    entries.count(-1)
                }
                changes.unlock()
            }
            return 0
        }
        let end = min(first + count, index.bucketCount)
        for number in first..<max(first, end) {
            let chain = index.lock(bucket: number)
            expire(in: chain, now)
            index.unlock(chain)
        }
        return end >= index.bucketCount ? 0 : end
    }

    // MARK: Walking

    /// Visits every element, those that have expired left out. Elements added or taken out meanwhile may be seen or not; of a list and
    /// a map in their order.
    func forEach(_ now: UInt64, _ visit: (SetRecord) -> Void) {
        if shape.kind.isMap {
            for number in 0..<UInt32(shape.mapSize) where isSet(number) && !entries.isExpired(number + 1, now) {
                visit(entries.record(SetKey(number), number + 1))
            }
            return
        }
        if shape.kind == .list {
            forEachMember { entry in
                if !entries.isExpired(entry, now) { visit(entries.record(entries.key(of: entry), entry)) }
                return true
            }
            return
        }
        for number in 0..<index.bucketCount {
            let chain = index.lock(bucket: number)
            _ = index.first(in: chain) { entry in
                if !entries.isExpired(entry, now) { visit(entries.record(entries.key(of: entry), entry)) }
                return false
            }
            index.unlock(chain)
        }
    }

    /// Visits the entries of a list in order, until `visit` returns false.
    @inline(__always)
    func forEachMember(_ visit: (UInt32) -> Bool) {
        guard let order = order.load() else { return }
        for place in 0..<order.count {
            let entry = order[place]
            guard entry != 0, visit(entry) else { return }
        }
    }
}
