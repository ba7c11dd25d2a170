import Net
import Synchronization

// A named table of `hashlimit`: an entry with a bucket of its own for each address, port or combination of them
// (net/netfilter/xt_hashlimit.c, revision 3). All rules that name it share it, in all tables, and its settings are those of the first.
//
// Synchronisation. The chain of a hash bucket and the entries in it are guarded by the bucket's lock: a packet takes that one alone, finds
// its entry, settles what it has earned and what it costs, and lets go. Free entries are guarded by the lock `free`, taken inside a
// bucket's. Which buckets are looked through next for old entries is guarded by `sweep`, inside which no other lock is taken.
//
// Old entries. The kernel looks through the whole table every `gcinterval` and takes out what has expired by then; until then an
// expired entry serves on. Here an entry counts as gone from the moment of the last such collection on, whoever asks, and its place is
// swept by the packets themselves, a few buckets each: no packet waits for the whole table. Collections are counted from the first
// packet that asked the table.

/// What makes the entries of a table, and what each may do.
public struct HashlimitSettings: Sendable, Hashable {
    /// XT_HASHLIMIT_HASH_… and the flags of what is counted.
    public struct Mode: OptionSet, Hashable, Sendable {
        public var rawValue: UInt8
        @inline(__always)
        public init(rawValue: UInt8) { self.rawValue = rawValue }
        public static let sourceAddress = Mode(rawValue: 1 << 0)
        public static let sourcePort = Mode(rawValue: 1 << 1)
        public static let destinationAddress = Mode(rawValue: 1 << 2)
        public static let destinationPort = Mode(rawValue: 1 << 3)
        /// Bytes instead of packets.
        public static let bytes = Mode(rawValue: 1 << 4)
        /// The rate of the last interval is compared, instead of credit used up.
        public static let rateMatch = Mode(rawValue: 1 << 5)
    }

    public var mode: Mode
    public var sourceMask: UInt32
    public var destinationMask: UInt32
    /// Millionths of a second between two packets, or what 16 bytes cost of a second's 2^32 - 1.
    public var average: UInt64
    /// Packets, or how often a bucket of bytes is filled again at once.
    public var burst: UInt64
    /// Hash buckets, at least 1.
    public var buckets: UInt32
    /// Entries, at least as many.
    public var maximum: UInt32
    /// Milliseconds between two collections of old entries.
    public var collectionInterval: UInt32
    /// Milliseconds after which an unused entry is old.
    public var expiry: UInt32
    /// Seconds over which `rateMatch` measures.
    public var rateInterval: UInt32

    public init(
        mode: Mode, sourceMask: UInt32 = .max, destinationMask: UInt32 = .max, average: UInt64, burst: UInt64,
        buckets: UInt32, maximum: UInt32, collectionInterval: UInt32 = 1000, expiry: UInt32 = 10000,
        rateInterval: UInt32 = 0
    ) {
        self.mode = mode
        self.sourceMask = sourceMask
        self.destinationMask = destinationMask
        self.average = average
        self.burst = burst
        self.buckets = max(buckets, 1)
        self.maximum = max(maximum, self.buckets)
        self.collectionInterval = collectionInterval
        self.expiry = expiry
        self.rateInterval = rateInterval
    }
}

/// A table and its memory.
public final class HashlimitStore: RuleState {
    public let table: HashlimitTable

    /// - Parameter key: for the hash; random but in tests.
    public init(_ settings: HashlimitSettings, key: UInt64) { table = HashlimitTable(settings, key: key) }

    deinit { table.deallocate() }
}

/// The memory of a `HashlimitStore` as packets meet it.
@safe public struct HashlimitTable: Sendable {
    /// What packets have in common that share a bucket; what the mode leaves out is 0.
    struct Key: Hashable {
        var source: UInt32 = 0
        var destination: UInt32 = 0
        var sourcePort: UInt16 = 0
        var destinationPort: UInt16 = 0
    }

    struct Entry {
        var key = Key()
        /// In the chain, or the free list; 0 ends it.
        var next: UInt32 = 0
        /// A tick.
        var expires: UInt64 = 0
        var rate = HashlimitRate()
    }

    private struct Bucket: ~Copyable {
        let lock = SpinLock()
        var first: UInt32 = 0
    }

    private struct Head: ~Copyable {
        /// The tick from which collections are counted; 0 before the first packet.
        let start: Atomic<UInt64>
        /// The tick at which there is something to sweep.
        let due: Atomic<UInt64>

        let free = SpinLock()
        var firstFree: UInt32 = 0
        /// Entries from here on were never used.
        var fresh: UInt32 = 0
        var count: UInt32 = 0

        let sweep = SpinLock()
        /// The collection that is carried out, and the buckets that it has still to look through.
        var collection: UInt64 = 0
        var bucketsLeft: UInt32 = 0
        var nextBucket: UInt32 = 0
    }

    /// Buckets that a packet sweeps in passing.
    private static let share: UInt32 = 16
    /// Shares that a packet sweeps for want of a free entry.
    private static let mostShares = 64

    public let settings: HashlimitSettings
    private let head: Slab<Head>
    private let buckets: Slab<Bucket>
    private let entries: Slab<Entry>
    private let key: UInt64
    private let lifetime: UInt64
    private let interval: UInt64

    init(_ settings: HashlimitSettings, key: UInt64) {
        self.settings = settings
        self.key = key
        head = Slab(count: 1)
        buckets = Slab(count: Int(settings.buckets))
        entries = Slab(count: Int(settings.maximum) + 1)
        lifetime = Jiffies.of(milliseconds: settings.expiry)
        interval = max(Jiffies.of(milliseconds: settings.collectionInterval), 1)
    }

    func deallocate() {
        head.deallocate()
        buckets.deallocate()
        entries.deallocate()
    }

    // MARK: What a packet does

    enum Outcome { case within, above, full }

    /// Settles a packet with the entry of its key; a new key gets a new one.
    ///
    /// - Parameter mode: of the rule that asks, which may count otherwise than the table.
    @inline(never)
    func settle(_ wanted: Key, _ mode: HashlimitSettings.Mode, length: Int, _ now: Instant) -> Outcome {
        let tick = Jiffies.at(now)
        if tick >= head[0].due.load(ordering: .relaxed) { sweep(tick) }
        let place = bucket(wanted)
        var shares = 0
        while true {
            buckets[place].lock.lock()
            if let entry = entry(wanted, in: place, tick) {
                let isWithin = entries[entry].rate.take(mode, length: length)
                buckets[place].lock.unlock()
                return isWithin ? .within : .above
            }
            buckets[place].lock.unlock()
            // Full, but perhaps only of what a collection has condemned already.
            guard shares < Self.mostShares, sweep(tick) else { return .full }
            shares += 1
        }
    }

    /// The entry of a key, renewed and with all that it has earned; nil if there is no room for a new one. Called with the bucket's
    /// lock held.
    private func entry(_ wanted: Key, in place: Int, _ tick: UInt64) -> UInt32? {
        var entry = buckets[place].first
        while entry != 0, entries[entry].key != wanted { entry = entries[entry].next }
        if entry != 0, !isGone(entry, tick) {
            entries[entry].expires = tick &+ lifetime
            entries[entry].rate.earn(tick, settings.mode)
            return entry
        }
        if entry == 0 {
            entry = takeFree()
            guard entry != 0 else { return nil }
            entries[entry].key = wanted
            entries[entry].next = buckets[place].first
            buckets[place].first = entry
        }
        entries[entry].expires = tick &+ lifetime
        entries[entry].rate = HashlimitRate(settings, tick)
        return entry
    }

    private func bucket(_ key: Key) -> Int {
        let addresses = UInt64(key.source) << 32 | UInt64(key.destination)
        let ports = UInt64(key.sourcePort) << 16 | UInt64(key.destinationPort)
        let hash = foldedProduct(foldedProduct(addresses ^ self.key) ^ ports, HashFactor.second) >> 32
        return Int((hash &* UInt64(settings.buckets)) >> 32)
    }

    // MARK: Old entries

    /// The tick of the last collection, and its number.
    private func lastCollection(_ tick: UInt64) -> (tick: UInt64, number: UInt64) {
        let start = head[0].start.load(ordering: .relaxed)
        guard start != 0, tick > start else { return (0, 0) }
        let number = (tick &- start) / interval
        return number == 0 ? (0, 0) : (start &+ number &* interval, number)
    }

    /// Whether a collection has taken the entry out already, so to speak.
    @inline(__always)
    private func isGone(_ entry: UInt32, _ tick: UInt64) -> Bool {
        tick >= entries[entry].expires && entries[entry].expires <= lastCollection(tick).tick
    }

    /// Looks through a few buckets, if a collection is not finished.
    ///
    /// - Returns: false if there was nothing to look through.
    @discardableResult @inline(never)
    private func sweep(_ tick: UInt64) -> Bool {
        _ = head[0].start.compareExchange(expected: 0, desired: tick, ordering: .relaxed)
        let last = lastCollection(tick)
        head[0].sweep.lock()
        if last.number > head[0].collection {
            head[0].collection = last.number
            head[0].bucketsLeft = settings.buckets
            head[0].due.store(0, ordering: .relaxed)
        }
        let count = min(Self.share, head[0].bucketsLeft)
        var place = head[0].nextBucket
        head[0].bucketsLeft &-= count
        head[0].nextBucket = UInt32((UInt64(place) + UInt64(count)) % UInt64(settings.buckets))
        if head[0].bucketsLeft == 0 {
            let start = head[0].start.load(ordering: .relaxed)
            head[0].due.store(start &+ (head[0].collection &+ 1) &* interval, ordering: .relaxed)
        }
        head[0].sweep.unlock()
        for _ in 0..<count {
            collect(Int(place), last.tick)
            place = place &+ 1 == settings.buckets ? 0 : place &+ 1
        }
        return count > 0
    }

    /// Frees what of a bucket had expired by a tick.
    private func collect(_ place: Int, _ tick: UInt64) {
        buckets[place].lock.lock()
        defer { buckets[place].lock.unlock() }
        var before: UInt32 = 0
        var entry = buckets[place].first
        while entry != 0 {
            let next = entries[entry].next
            if entries[entry].expires <= tick {
                if before == 0 { buckets[place].first = next } else { entries[before].next = next }
                giveFree(entry)
            } else {
                before = entry
            }
            entry = next
        }
    }

    /// 0 if there is none.
    private func takeFree() -> UInt32 {
        head[0].free.lock()
        defer { head[0].free.unlock() }
        let entry = head[0].firstFree
        if entry != 0 {
            head[0].firstFree = entries[entry].next
        } else {
            guard head[0].fresh < settings.maximum else { return 0 }
            head[0].fresh &+= 1
        }
        head[0].count &+= 1
        return entry != 0 ? entry : head[0].fresh
    }

    private func giveFree(_ entry: UInt32) {
        head[0].free.lock()
        defer { head[0].free.unlock() }
        entries[entry].next = head[0].firstFree
        head[0].firstFree = entry
        head[0].count &-= 1
    }
}

// MARK: - What the operator sees

extension HashlimitTable {
    /// What a table's file in /proc says of an entry.
    public struct Record: Sendable, Hashable {
        /// Until it is old, in seconds.
        public var seconds: Int64
        public var source: IPv4Address
        public var sourcePort: UInt16
        public var destination: IPv4Address
        public var destinationPort: UInt16
        public var credit: UInt64
        public var capacity: UInt64
        public var cost: UInt64
    }

    /// Places taken, also by what only waits to be swept.
    public var count: Int {
        head[0].free.lock()
        defer { head[0].free.unlock() }
        return Int(head[0].count)
    }

    /// The entries of some buckets, by and by: no lock is held longer than one bucket takes.
    public func records(at now: Instant) -> [Record] {
        let tick = Jiffies.at(now)
        var records: [Record] = []
        for place in 0..<buckets.count {
            buckets[place].lock.lock()
            var entry = buckets[place].first
            while entry != 0 {
                if !isGone(entry, tick) {
                    var rate = entries[entry].rate
                    rate.earn(tick, settings.mode)
                    let words = rate.words
                    let key = entries[entry].key
                    records.append(
                        Record(
                            seconds: Int64(bitPattern: entries[entry].expires &- tick) / Int64(Jiffies.perSecond),
                            source: IPv4Address(rawValue: key.source), sourcePort: key.sourcePort,
                            destination: IPv4Address(rawValue: key.destination),
                            destinationPort: key.destinationPort, credit: words.0, capacity: words.1, cost: words.2))
                }
                entry = entries[entry].next
            }
            buckets[place].lock.unlock()
        }
        return records
    }
}
