import Net

/// A named list of `recent`: which addresses were seen, and when. All rules that name it share it, in all tables.
public final class RecentList: RuleState {
    public let table: RecentTable

    /// - Parameters:
    ///   - entries: addresses that it holds; the one unused longest goes when another comes (ip_list_tot).
    ///   - stamps: times that it remembers of each, a power of two.
    ///   - mask: what of an address makes an entry.
    ///   - key: for the hash; random but in tests.
    public init(entries: Int, stamps: Int, mask: IPv4Address, key: UInt64) {
        table = RecentTable(entries: entries, stamps: stamps, mask: mask, key: key)
    }

    deinit { table.deallocate() }
}

/// The memory of a `RecentList` as packets meet it: entries found by a hash of their address and kept in the order of their use, each
/// with a ring of time stamps (net/netfilter/xt_recent.c).
///
/// One lock guards the list, as one guards all lists in the kernel: finding an entry, judging it and changing it are one step, or two
/// workers could both find the last free hit.
@safe public struct RecentTable: Sendable {
    private struct Head: ~Copyable {
        let lock = SpinLock()
        var count: UInt32 = 0
        /// Entries from here on were never used.
        var fresh: UInt32 = 0
        /// Entries that were given back, linked by `next`.
        var free: UInt32 = 0
        /// Both ends of the order of use.
        var oldest: UInt32 = 0
        var newest: UInt32 = 0
    }

    /// Entries are named by number; 0 is none.
    private struct Entry {
        var address: UInt32 = 0
        /// In the bucket, or the free list.
        var next: UInt32 = 0
        var older: UInt32 = 0
        var newer: UInt32 = 0
        /// The kernel's types, and so its ends: a ring of 65,536 shows one stamp less.
        var index: UInt16 = 0
        var stampCount: UInt16 = 0
        var ttl: UInt8 = 0
    }

    private let head: Slab<Head>
    private let entries: Slab<Entry>
    private let buckets: Slab<UInt32>
    /// A ring for each entry.
    private let stamps: Slab<UInt64>
    private let stampMask: UInt16
    private let key: UInt64
    public let mask: IPv4Address

    init(entries: Int, stamps: Int, mask: IPv4Address, key: UInt64) {
        let capacity = min(max(entries, 1), 1 << 24)
        let ring = min(max(stamps, 1), 1 << 16)
        head = Slab(count: 1)
        self.entries = Slab(count: capacity + 1)
        // ip_list_hash_size: the next power of two.
        buckets = Slab(count: 1 << (Int.bitWidth - capacity.leadingZeroBitCount))
        self.stamps = Slab(count: (capacity + 1) * ring)
        stampMask = UInt16(ring - 1)
        self.mask = mask
        self.key = key
    }

    func deallocate() {
        head.deallocate()
        entries.deallocate()
        buckets.deallocate()
        stamps.deallocate()
    }

    /// Addresses that fit.
    public var capacity: Int { entries.count - 1 }
    /// Times remembered of each address.
    public var stampsPerEntry: Int { Int(stampMask) + 1 }

    // MARK: What a packet does

    /// Carries out what a rule asks of the list.
    ///
    /// - Parameters:
    ///   - ttl: as it was before forwarding.
    @inline(never)
    func matches(_ test: RecentTest, _ address: IPv4Address, ttl: UInt8, _ now: Instant) -> Bool {
        let tick = Jiffies.at(now)
        let address = address.rawValue & mask.rawValue
        head[0].lock.lock()
        defer { head[0].lock.unlock() }
        let entry = find(address, ttl: test.comparesTTL ? ttl : 0)
        guard entry != 0 else {
            guard test.operation == .set else { return test.isNegated }
            append(address, ttl: ttl, tick)
            return !test.isNegated
        }
        var result = test.isNegated
        switch test.operation {
        case .set:
            result.toggle()
        case .remove:
            remove(entry)
            return !result
        case .check, .update:
            let start = tick &- UInt64(test.ticks)
            if hasHits(entry, test.hitCount, since: test.ticks == 0 ? nil : start) { result.toggle() }
            if test.reaps { reap(start, sparing: test.operation == .update && result ? entry : 0) }
        }
        if test.operation == .set || (test.operation == .update && result) {
            stamp(entry, tick)
            entries[entry].ttl = ttl
        }
        return result
    }

    /// Whether an entry was seen so often since a tick, or at all.
    private func hasHits(_ entry: UInt32, _ wanted: UInt32, since start: UInt64?) -> Bool {
        var hits: UInt32 = 0
        let first = ring(entry)
        for place in 0..<Int(entries[entry].stampCount) {
            if let start, Jiffies.isAfter(start, stamps[first &+ place]) { continue }
            hits &+= 1
            if hits >= wanted { return true }
        }
        return false
    }

    /// Lets the entry unused longest go if it was last seen before `start`; one at a time, as the kernel does.
    private func reap(_ start: UInt64, sparing: UInt32) {
        let entry = head[0].oldest
        guard entry != 0, entry != sparing, Jiffies.isAfter(start, lastStamp(entry)) else { return }
        remove(entry)
    }

    // MARK: Entries

    private func ring(_ entry: UInt32) -> Int { Int(entry) &* (Int(stampMask) &+ 1) }

    private func lastStamp(_ entry: UInt32) -> UInt64 {
        stamps[ring(entry) &+ Int((entries[entry].index &- 1) & stampMask)]
    }

    private func bucket(_ address: UInt32) -> Int {
        Int(truncatingIfNeeded: foldedProduct(UInt64(address) ^ key) >> 20) & (buckets.count &- 1)
    }

    /// 0 if there is none. A TTL of 0, asked for or remembered, fits any.
    private func find(_ address: UInt32, ttl: UInt8) -> UInt32 {
        var entry = buckets[bucket(address)]
        while entry != 0 {
            if entries[entry].address == address, ttl == 0 || entries[entry].ttl == 0 || entries[entry].ttl == ttl {
                return entry
            }
            entry = entries[entry].next
        }
        return 0
    }

    private func append(_ address: UInt32, ttl: UInt8, _ tick: UInt64) {
        if Int(head[0].count) >= capacity { remove(head[0].oldest) }
        var entry = head[0].free
        if entry != 0 {
            head[0].free = entries[entry].next
        } else {
            head[0].fresh &+= 1
            entry = head[0].fresh
        }
        head[0].count &+= 1
        entries[entry] = Entry(address: address, index: 1, stampCount: 1, ttl: ttl)
        stamps[ring(entry)] = tick
        // At the end of its bucket: it is looked at only by who seeks another.
        let place = bucket(address)
        var last = buckets[place]
        if last == 0 {
            buckets[place] = entry
        } else {
            while entries[last].next != 0 { last = entries[last].next }
            entries[last].next = entry
        }
        linkNewest(entry)
    }

    private func stamp(_ entry: UInt32, _ tick: UInt64) {
        let index = entries[entry].index & stampMask
        stamps[ring(entry) &+ Int(index)] = tick
        entries[entry].index = index &+ 1
        if entries[entry].index > entries[entry].stampCount { entries[entry].stampCount = entries[entry].index }
        unlink(entry)
        linkNewest(entry)
    }

    private func remove(_ entry: UInt32) {
        let place = bucket(entries[entry].address)
        if buckets[place] == entry {
            buckets[place] = entries[entry].next
        } else {
            var before = buckets[place]
            while entries[before].next != entry { before = entries[before].next }
            entries[before].next = entries[entry].next
        }
        unlink(entry)
        entries[entry].next = head[0].free
        head[0].free = entry
        head[0].count &-= 1
    }

    private func linkNewest(_ entry: UInt32) {
        entries[entry].older = head[0].newest
        entries[entry].newer = 0
        if head[0].newest == 0 { head[0].oldest = entry } else { entries[head[0].newest].newer = entry }
        head[0].newest = entry
    }

    private func unlink(_ entry: UInt32) {
        let older = entries[entry].older
        let newer = entries[entry].newer
        if older == 0 { head[0].oldest = newer } else { entries[older].newer = newer }
        if newer == 0 { head[0].newest = older } else { entries[newer].older = older }
    }
}

// MARK: - What the operator does

extension RecentTable {
    /// What the list knows of an address.
    public struct Record: Sendable, Hashable {
        public var address: IPv4Address
        /// As it was before forwarding; 0 fits any.
        public var ttl: UInt8
        /// Where the next time goes in the ring.
        public var index: UInt16
        /// In ticks of the kernel's clock, in the order of the ring.
        public var stamps: [UInt64]
        public var lastSeen: UInt64
    }

    public var count: Int {
        head[0].lock.lock()
        defer { head[0].lock.unlock() }
        return Int(head[0].count)
    }

    /// All entries, the one unused longest first.
    public func records() -> [Record] {
        var room = 0
        while true {
            if let records = records(upTo: room) { return records }
            head[0].lock.lock()
            room = Int(head[0].count) + 64
            head[0].lock.unlock()
        }
    }

    /// Copied into memory that is there already: a worker that waits for the lock is not to wait for an allocation.
    ///
    /// - Returns: nil if there are more.
    private func records(upTo room: Int) -> [Record]? {
        let ring = stampsPerEntry
        var copies = [Entry](repeating: Entry(), count: room)
        var latest = [UInt64](repeating: 0, count: room)
        var times = [UInt64](repeating: 0, count: room * ring)
        var count = 0
        head[0].lock.lock()
        var entry = head[0].oldest
        while entry != 0, count < room {
            let first = self.ring(entry)
            copies[count] = entries[entry]
            latest[count] = lastStamp(entry)
            for number in 0..<Int(entries[entry].stampCount) { times[count * ring + number] = stamps[first + number] }
            count += 1
            entry = entries[entry].newer
        }
        head[0].lock.unlock()
        guard entry == 0 else { return nil }
        return (0..<count).map { number in
            Record(
                address: IPv4Address(rawValue: copies[number].address), ttl: copies[number].ttl, index: copies[number].index,
                stamps: Array(times[number * ring..<number * ring + Int(copies[number].stampCount)]), lastSeen: latest[number])
        }
    }

    /// Notes that an address was seen now, with whatever TTL (`+` written to the list's file in /proc). The list's mask does not
    /// concern what an operator writes.
    public func add(_ address: IPv4Address, at now: Instant) {
        head[0].lock.lock()
        defer { head[0].lock.unlock() }
        let entry = find(address.rawValue, ttl: 0)
        if entry == 0 { append(address.rawValue, ttl: 0, Jiffies.at(now)) } else { stamp(entry, Jiffies.at(now)) }
    }

    /// Takes an address off (`-`).
    ///
    /// - Returns: whether it was there.
    @discardableResult
    public func remove(_ address: IPv4Address) -> Bool {
        head[0].lock.lock()
        defer { head[0].lock.unlock() }
        let entry = find(address.rawValue, ttl: 0)
        if entry != 0 { remove(entry) }
        return entry != 0
    }

    /// Takes all addresses off (`/`).
    ///
    /// - Returns: how many there were.
    @discardableResult
    public func flush() -> Int {
        head[0].lock.lock()
        defer { head[0].lock.unlock() }
        let count = Int(head[0].count)
        while head[0].oldest != 0 { remove(head[0].oldest) }
        return count
    }
}
