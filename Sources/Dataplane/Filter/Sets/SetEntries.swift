import Synchronization

/// Where a set's elements lie: their words, and beside them what is noted of each. An entry has a number, from 1; it is handed out
/// and taken back here, while `SetIndex` says which element stands where.
///
/// Each kind of note has a table of its own, which is there only if the set was made with it. Tables are mapped in segments ahead of
/// need by the slow side and never move; memory that no element has touched costs nothing.
///
/// Synchronisation: words are written before the entry is reachable, and never while it is. `next`, `free` and `used` are guarded by
/// `lock`, which is held for a few instructions and within which no other is taken. Notes are atomics; those of an element are
/// written with its chain locked, but for counters, which anyone adds to.
@safe struct SetEntries: ~Copyable {
    struct Counter: ~Copyable {
        let packets: Atomic<UInt64>
        let bytes: Atomic<UInt64>
    }
    struct Mark: ~Copyable {
        /// Mask in the upper half.
        let mark: Atomic<UInt64>
        /// Queue in the upper half.
        let priority: Atomic<UInt64>
    }

    private static let segment = 1 << 14
    private static let ahead = 1 << 19

    private let words: SegmentedSlab<Atomic<UInt32>>
    private let wordShift: UInt32
    let expiry: SegmentedSlab<Atomic<UInt64>>
    let counters: SegmentedSlab<Counter>
    let marks: SegmentedSlab<Mark>
    let comments: SegmentedSlab<Atomic<UInt32>>
    let shape: SetShape

    private let lock = SpinLock()
    /// Every entry below was handed out once.
    private let next = Atomic<UInt32>(1)
    /// First of the entries taken back; each holds the next in its first word.
    private let free = Atomic<UInt32>(0)
    private let used = Atomic<UInt32>(0)
    /// Entries below are mapped.
    private let reserved = Atomic<UInt32>(1)
    private let limit: UInt32

    init(_ shape: SetShape) {
        self.shape = shape
        limit = UInt32(clamping: max(shape.capacity, 0))
        let count = Int(limit) + 1
        wordShift =
            switch shape.kind {
            case .address, .addressMap, .portMap, .list: 0
            case .network, .addressPort: 1
            case .networkPort, .addressPortAddress: 2
            }
        func table<T: ~Copyable>(_ isThere: Bool, _ shift: UInt32 = 0) -> SegmentedSlab<T> {
            SegmentedSlab(capacity: isThere ? count << Int(shift) : 1, segment: Self.segment << Int(shift))
        }
        words = table(!shape.kind.isMap, wordShift)
        expiry = table(shape.timeout != nil)
        counters = table(shape.hasCounters)
        marks = table(shape.hasMarks)
        comments = table(shape.hasComments)
        reserve()
    }

    func deallocate() {
        words.deallocate()
        expiry.deallocate()
        counters.deallocate()
        marks.deallocate()
        comments.deallocate()
    }

    /// Maps memory for the entries that may be handed out before the slow side comes by again.
    func reserve() {
        let wanted = min(
            Int(limit) + 1,
            shape.kind.isMap ? Int(limit) + 1 : Int(next.load(ordering: .relaxed)) + Self.ahead)
        var number = Int(reserved.load(ordering: .relaxed))
        guard number < wanted else { return }
        number = number / Self.segment * Self.segment
        while number < wanted {
            let entry = UInt32(number)
            if !shape.kind.isMap { words.reserve(entry << wordShift) }
            if shape.timeout != nil { expiry.reserve(entry) }
            if shape.hasCounters { counters.reserve(entry) }
            if shape.hasMarks { marks.reserve(entry) }
            if shape.hasComments { comments.reserve(entry) }
            number += Self.segment
        }
        reserved.store(UInt32(clamping: min(number, Int(limit) + 1)), ordering: .releasing)
    }

    /// Entries in use, those among them that have expired.
    var count: Int { Int(used.load(ordering: .relaxed)) }
    var isFull: Bool { used.load(ordering: .relaxed) >= limit }

    /// Bytes of memory that elements have touched.
    var byteCount: Int {
        let touched = shape.kind.isMap ? Int(limit) : Int(next.load(ordering: .relaxed)) - 1
        return touched * bytesPerEntry
    }

    private var bytesPerEntry: Int {
        (shape.kind.isMap ? 0 : 4 << Int(wordShift)) + (shape.timeout != nil ? 8 : 0) + (shape.hasCounters ? 16 : 0)
            + (shape.hasMarks ? 16 : 0) + (shape.hasComments ? 4 : 0)
    }

    // MARK: Handing out

    /// An entry for an element, its notes not yet written; 0 if the set is full.
    @inline(__always)
    func take() -> UInt32 {
        lock.lock()
        defer { lock.unlock() }
        let count = used.load(ordering: .relaxed)
        guard count < limit else { return 0 }
        let first = free.load(ordering: .relaxed)
        if first != 0 {
            free.store(words[first << wordShift].load(ordering: .relaxed), ordering: .relaxed)
            used.store(count &+ 1, ordering: .relaxed)
            return first
        }
        let fresh = next.load(ordering: .relaxed)
        guard fresh < reserved.load(ordering: .acquiring) else { return 0 }
        next.store(fresh &+ 1, ordering: .relaxed)
        used.store(count &+ 1, ordering: .relaxed)
        return fresh
    }

    /// Takes an entry back that no chain leads to any more.
    @inline(__always)
    func give(_ entry: UInt32) {
        lock.lock()
        words[entry << wordShift].store(free.load(ordering: .relaxed), ordering: .relaxed)
        free.store(entry, ordering: .relaxed)
        used.store(used.load(ordering: .relaxed) &- 1, ordering: .relaxed)
        lock.unlock()
    }

    /// For maps, whose entries are numbered by their elements: counts one more, or one less.
    @inline(__always)
    func count(_ change: Int32) {
        lock.lock()
        used.store(used.load(ordering: .relaxed) &+ UInt32(bitPattern: change), ordering: .relaxed)
        lock.unlock()
    }

    // MARK: Words

    /// Bit 8 of a prefix length: the network is marked `nomatch`.
    static let nomatch: UInt32 = 0x100

    @inline(__always)
    func write(_ key: SetKey, isNomatch: Bool, to entry: UInt32) {
        let flag = isNomatch ? Self.nomatch : 0
        let first = entry << wordShift
        words[first].store(key.a, ordering: .relaxed)
        switch shape.kind {
        case .network: words[first &+ 1].store(key.b | flag, ordering: .relaxed)
        case .addressPort: words[first &+ 1].store(key.b, ordering: .relaxed)
        case .networkPort:
            words[first &+ 1].store(key.b, ordering: .relaxed)
            words[first &+ 2].store(key.c | flag, ordering: .relaxed)
        case .addressPortAddress:
            words[first &+ 1].store(key.b, ordering: .relaxed)
            words[first &+ 2].store(key.c, ordering: .relaxed)
        default: break
        }
    }

    @inline(__always)
    func holds(_ entry: UInt32, _ key: SetKey) -> Bool {
        let first = entry << wordShift
        guard words[first].load(ordering: .relaxed) == key.a else { return false }
        switch shape.kind {
        case .network: return words[first &+ 1].load(ordering: .relaxed) & 0xFF == key.b
        case .addressPort: return words[first &+ 1].load(ordering: .relaxed) == key.b
        case .networkPort:
            return words[first &+ 1].load(ordering: .relaxed) == key.b
                && words[first &+ 2].load(ordering: .relaxed) & 0xFF == key.c
        case .addressPortAddress:
            return words[first &+ 1].load(ordering: .relaxed) == key.b
                && words[first &+ 2].load(ordering: .relaxed) == key.c
        default: return true
        }
    }

    @inline(__always)
    func key(of entry: UInt32) -> SetKey {
        let first = entry << wordShift
        let a = words[first].load(ordering: .relaxed)
        switch shape.kind {
        case .network: return SetKey(a, words[first &+ 1].load(ordering: .relaxed) & 0xFF)
        case .addressPort: return SetKey(a, words[first &+ 1].load(ordering: .relaxed))
        case .networkPort:
            return SetKey(
                a, words[first &+ 1].load(ordering: .relaxed), words[first &+ 2].load(ordering: .relaxed) & 0xFF)
        case .addressPortAddress:
            return SetKey(a, words[first &+ 1].load(ordering: .relaxed), words[first &+ 2].load(ordering: .relaxed))
        default: return SetKey(a)
        }
    }

    @inline(__always)
    func isNomatch(_ entry: UInt32) -> Bool {
        switch shape.kind {
        case .network: words[(entry << wordShift) &+ 1].load(ordering: .relaxed) & Self.nomatch != 0
        case .networkPort: words[(entry << wordShift) &+ 2].load(ordering: .relaxed) & Self.nomatch != 0
        default: false
        }
    }

    /// Sets or clears `nomatch` of an element that is there, its chain locked.
    @inline(__always)
    func setNomatch(_ entry: UInt32, _ isNomatch: Bool) {
        let word: UInt32
        switch shape.kind {
        case .network: word = (entry << wordShift) &+ 1
        case .networkPort: word = (entry << wordShift) &+ 2
        default: return
        }
        let length = words[word].load(ordering: .relaxed) & 0xFF
        words[word].store(length | (isNomatch ? Self.nomatch : 0), ordering: .relaxed)
    }

    // MARK: Notes

    @inline(__always)
    func isExpired(_ entry: UInt32, _ now: UInt64) -> Bool {
        guard shape.timeout != nil else { return false }
        let expires = expiry[entry].load(ordering: .relaxed)
        return expires != 0 && expires <= now
    }

    /// Writes the notes of an element: all of a new one's, or those that adding it again sets anew (`overwrite_extensions` in
    /// net/netfilter/ipset/ip_set_hash_gen.h).
    @inline(__always)
    func note(_ record: SetRecord, on entry: UInt32, isNew: Bool) {
        if shape.hasCounters {
            if let packets = record.packets { counters[entry].packets.store(packets, ordering: .relaxed) }
            else if isNew { counters[entry].packets.store(0, ordering: .relaxed) }
            if let bytes = record.bytes { counters[entry].bytes.store(bytes, ordering: .relaxed) }
            else if isNew { counters[entry].bytes.store(0, ordering: .relaxed) }
        }
        if shape.hasMarks {
            marks[entry].mark.store(UInt64(record.mark.mask) << 32 | UInt64(record.mark.mark), ordering: .relaxed)
            marks[entry].priority.store(
                UInt64(record.mark.queue) << 32 | UInt64(record.mark.priority), ordering: .relaxed)
        }
        if shape.hasComments, isNew || !record.keepsComment { comments[entry].store(record.comment, ordering: .relaxed) }
        if shape.timeout != nil { expiry[entry].store(record.expires, ordering: .relaxed) }
    }

    @inline(__always)
    func mark(of entry: UInt32) -> SetMark {
        let mark = marks[entry].mark.load(ordering: .relaxed)
        let priority = marks[entry].priority.load(ordering: .relaxed)
        return SetMark(
            mark: UInt32(truncatingIfNeeded: mark), mask: UInt32(truncatingIfNeeded: mark >> 32),
            priority: UInt32(truncatingIfNeeded: priority), queue: UInt16(truncatingIfNeeded: priority >> 32))
    }

    /// Everything noted of an element.
    func record(_ key: SetKey, _ entry: UInt32) -> SetRecord {
        var record = SetRecord(key: key)
        record.isNomatch = isNomatch(entry)
        if shape.timeout != nil { record.expires = expiry[entry].load(ordering: .relaxed) }
        if shape.hasCounters {
            record.packets = counters[entry].packets.load(ordering: .relaxed)
            record.bytes = counters[entry].bytes.load(ordering: .relaxed)
        }
        if shape.hasMarks { record.mark = mark(of: entry) }
        if shape.hasComments { record.comment = comments[entry].load(ordering: .relaxed) }
        return record
    }
}
