import Net
import Synchronization

/// Which ports are taken toward destinations where few are left, so that the last free one is found as quickly as the first.
///
/// While ports are plenty nobody looks here: a port is tried in the flow index, and mostly it is free. Once a search has failed
/// sixteen times the destination is *crowded* and gets a map, one bit a port. Maps learn: a port that is found taken, and one that
/// a flow takes, is marked; when its flow ends the mark goes. So no port is asked about twice in vain, and a search for the last
/// free one reads a few words. When all marks are gone, so is the map.
///
/// A map stands for one translated address, protocol, destination and zone: the flow's reply tuple without the translated port. It is
/// never needed for a right answer, only for a quick one, so a map may be taken away for another destination at any time.
///
/// Marks of a port change only under the lock of the index bucket that its tuple falls into; thereby a mark says what the index
/// says. A map's own `lock` guards everything in it and is taken last. Who gives a destination a map holds the lock of its set, the
/// maps among which it stands, so that none gets two; no bucket may be locked then.
@safe struct CrowdedPorts: @unchecked Sendable {
    /// Failed tries after which a destination counts as crowded.
    static let patience = 16
    private static let ways = 8
    private static let wordsPerMap = 1024

    private struct Map: ~Copyable {
        let lock = SpinLock()
        /// Moment of the last search, to find the one longest out of use.
        var lastUse = Instant(nanoseconds: 0)
        var key = FlowTuple(
            source: .any, destination: .any, ipProtocol: IPProtocol(rawValue: 0), sourcePort: 0, destinationPort: 0)
        var isUsed = false
        var marked: UInt32 = 0
        /// One bit for each word of the map that has all its bits set.
        var full = InlineArray<16, UInt64>(repeating: 0)
    }

    private let setCount: UInt32
    private let maps: Slab<Map>
    private let words: Slab<UInt64>
    /// Part of the key's hash for each map, 0 for one that is free: what is looked at without a lock.
    private let fingerprints: Slab<Atomic<UInt32>>
    /// Guards which destinations have maps, for each set.
    private let sets: Slab<SpinLock>
    /// Maps in use; while there are none, nothing else is looked at.
    private let used: Slab<Atomic<Int>>

    /// - Parameter flows: the most flows there may be; each crowded destination has many of them.
    init(flows: Int) {
        setCount = UInt32(min(max(flows / 32768, 4), 256))
        let count = Int(setCount) * Self.ways
        maps = Slab(count: count)
        words = Slab(count: count * Self.wordsPerMap)
        fingerprints = Slab(count: count)
        sets = Slab(count: Int(setCount))
        used = Slab(count: 1)
    }

    @inline(__always)
    var isEmpty: Bool { used[0].load(ordering: .relaxed) == 0 }

    /// The reply tuple without the port that NAT chose: an ICMP identifier is at either end.
    private func key(_ reply: FlowTuple) -> FlowTuple {
        var key = reply
        if reply.ipProtocol == .icmp { key.sourcePort = 0 } else { key.destinationPort = 0 }
        return key
    }

    private func port(_ reply: FlowTuple) -> UInt16 {
        reply.ipProtocol == .icmp ? reply.sourcePort : reply.destinationPort
    }

    /// The map of a key, locked; nil if it has none.
    private func locked(_ key: FlowTuple, hash: UInt64) -> Int? {
        let first = Int(place(hash))
        let fingerprint = UInt32(truncatingIfNeeded: hash) | 1
        for map in first..<first &+ Self.ways
        where fingerprints[map].load(ordering: .acquiring) == fingerprint {
            maps[map].lock.lock()
            if maps[map].isUsed, maps[map].key == key { return map }
            maps[map].lock.unlock()
        }
        return nil
    }

    @inline(__always)
    private func place(_ hash: UInt64) -> UInt32 {
        UInt32(truncatingIfNeeded: (hash >> 32 &* UInt64(setCount)) >> 32) &* UInt32(Self.ways)
    }

    // MARK: What the index tells

    /// A port is taken: a flow has just got it, or was found to have it. Its bucket must be locked.
    @inline(__always)
    func mark(_ reply: FlowTuple, hashKey: UInt64) { if !isEmpty { set(reply, hashKey, isTaken: true) } }

    /// A port is free again. Its bucket must be locked.
    @inline(__always)
    func clear(_ reply: FlowTuple, hashKey: UInt64) { if !isEmpty { set(reply, hashKey, isTaken: false) } }

    @inline(never)
    private func set(_ reply: FlowTuple, _ hashKey: UInt64, isTaken: Bool) {
        let key = key(reply)
        guard let map = locked(key, hash: key.hash(key: hashKey)) else { return }
        defer { maps[map].lock.unlock() }
        let port = Int(port(reply))
        let word = port >> 6
        let bit: UInt64 = 1 << UInt64(port & 63)
        let old = words[map &* Self.wordsPerMap &+ word]
        let new = isTaken ? old | bit : old & ~bit
        guard new != old else { return }
        words[map &* Self.wordsPerMap &+ word] = new
        maps[map].marked = isTaken ? maps[map].marked &+ 1 : maps[map].marked &- 1
        let summary: UInt64 = 1 << UInt64(word & 63)
        if new == .max { maps[map].full[word >> 6] |= summary } else { maps[map].full[word >> 6] &= ~summary }
        if maps[map].marked == 0 { retire(map) }
    }

    /// Gives a map without marks back. It must be locked.
    private func retire(_ map: Int) {
        maps[map].isUsed = false
        fingerprints[map].store(0, ordering: .releasing)
        used[0].wrappingSubtract(1, ordering: .relaxed)
    }

    // MARK: What a search asks

    /// Whether the destination of a reply tuple has a map.
    @inline(__always)
    func isCrowded(_ reply: FlowTuple, hashKey: UInt64) -> Bool {
        guard !isEmpty else { return false }
        let key = key(reply)
        guard let map = locked(key, hash: key.hash(key: hashKey)) else { return false }
        maps[map].lock.unlock()
        return true
    }

    /// Sees to it that the destination of a reply tuple has a map.
    func open(_ reply: FlowTuple, hashKey: UInt64, now: Instant) {
        let key = key(reply)
        let hash = key.hash(key: hashKey)
        let first = Int(place(hash))
        let set = first / Self.ways
        sets[set].lock()
        defer { sets[set].unlock() }
        if let map = locked(key, hash: hash) {
            maps[map].lastUse = now
            maps[map].lock.unlock()
            return
        }
        var chosen = first
        for map in first..<first &+ Self.ways {
            // Read without its lock: at worst not the best one is chosen.
            if fingerprints[map].load(ordering: .relaxed) == 0 {
                chosen = map
                break
            }
            if maps[map].lastUse < maps[chosen].lastUse { chosen = map }
        }
        maps[chosen].lock.lock()
        if !maps[chosen].isUsed { used[0].wrappingAdd(1, ordering: .relaxed) }
        for word in 0..<Self.wordsPerMap { words[chosen &* Self.wordsPerMap &+ word] = 0 }
        maps[chosen].full = InlineArray(repeating: 0)
        maps[chosen].marked = 0
        maps[chosen].key = key
        maps[chosen].isUsed = true
        maps[chosen].lastUse = now
        // Whoever locks a bucket from here on, which this search does next, finds the map.
        fingerprints[chosen].store(UInt32(truncatingIfNeeded: hash) | 1, ordering: .releasing)
        maps[chosen].lock.unlock()
    }

    /// What a map knows of a range of ports.
    enum Answer {
        /// Not known to be taken.
        case free(UInt16)
        case allTaken
        case noMap
    }

    /// The first port not known to be taken, from `start` on and round again.
    func next(_ reply: FlowTuple, in ports: ClosedRange<UInt16>, from start: UInt16, hashKey: UInt64) -> Answer {
        let key = key(reply)
        guard let map = locked(key, hash: key.hash(key: hashKey)) else { return .noMap }
        defer { maps[map].lock.unlock() }
        if let port = firstClear(map, Int(start), Int(ports.upperBound)) { return .free(port) }
        if start > ports.lowerBound, let port = firstClear(map, Int(ports.lowerBound), Int(start) &- 1) { return .free(port) }
        return .allTaken
    }

    private func firstClear(_ map: Int, _ first: Int, _ last: Int) -> UInt16? {
        var word = first >> 6
        var ignored: UInt64 = (1 << UInt64(first & 63)) &- 1
        while word <= last >> 6 {
            // Words that are full are passed over sixty-four at a time.
            let open = ~maps[map].full[word >> 6] & (UInt64.max << UInt64(word & 63))
            if open == 0 {
                word = (word >> 6 &+ 1) << 6
                ignored = 0
                continue
            }
            let next = (word >> 6) << 6 | open.trailingZeroBitCount
            if next != word { ignored = 0 }
            word = next
            guard word <= last >> 6 else { return nil }
            let clear = ~(words[map &* Self.wordsPerMap &+ word] | ignored)
            if clear != 0 {
                let port = word << 6 | clear.trailingZeroBitCount
                return port <= last ? UInt16(truncatingIfNeeded: port) : nil
            }
            word &+= 1
            ignored = 0
        }
        return nil
    }
}
