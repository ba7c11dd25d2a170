import Net
import Synchronization

/// One routing table as readers see it. All zeroes is an empty table.
struct TableEntry: ~Copyable {
    /// Every prefix by exact match.
    let index: AtomicSlab<Atomic<UInt64>>
    /// The trie's root, once the table has more than a few prefixes.
    let root: AtomicSlab<Atomic<UInt32>>
    /// Bit `n`: the table may hold prefixes of length `n`.
    let lengths: Atomic<UInt64>
}

/// A prefix that covers an address: its length and the head of its routes. Route 0 means there is none.
struct CoveringPrefix {
    var length: UInt32
    var route: UInt32

    static let none = CoveringPrefix(length: 0, route: 0)
}

/// All routing tables, by a number of our own. Table 0 is always empty.
struct RouteTables: Sendable {
    /// The kernel numbers tables with 32 bits; more than this many different ones are refused.
    static let limit = 65_536
    /// Tables with more prefixes get a trie.
    static let trieThreshold = 64

    let tables = Slab<TableEntry>(count: RouteTables.limit)
    let chunks: SegmentedSlab<Atomic<UInt32>>

    /// The longest prefix of a table that covers an address.
    @inline(__always)
    func longest(_ table: UInt32, _ address: UInt32) -> CoveringPrefix {
        guard let root = tables[table].root.load() else { return probe(table, address, lengths: ~0) }
        let leaf = PrefixTrie(root: root, chunks: chunks).leaf(for: address)
        return CoveringPrefix(length: TrieWord.length(leaf), route: TrieWord.route(leaf))
    }

    /// The next shorter prefix: where the search goes on if no route of `prefix` can be used.
    func shorter(_ table: UInt32, _ address: UInt32, than prefix: CoveringPrefix) -> CoveringPrefix {
        probe(table, address, lengths: 1 << UInt64(prefix.length) - 1)
    }

    @inline(__always)
    private func probe(_ table: UInt32, _ address: UInt32, lengths allowed: UInt64) -> CoveringPrefix {
        var lengths = tables[table].lengths.load(ordering: .acquiring) & allowed
        guard lengths != 0, let words = tables[table].index.load() else { return .none }
        let index = PrefixIndex(words: words)
        while lengths != 0 {
            let length = UInt32(63 &- lengths.leadingZeroBitCount)
            // A shift by 32 gives 0, the mask of length 0.
            let route = index.route(address & (~0 << (32 - length)), length)
            if route != 0 { return CoveringPrefix(length: length, route: route) }
            lengths &= ~(1 << UInt64(length))
        }
        return .none
    }
}

/// The writer's side of one table.
final class RouteTable {
    /// The kernel's number.
    let id: UInt32
    /// Our number, by which readers find it.
    let slot: UInt32
    private let tables: RouteTables
    private let trie: TrieChunks
    /// Called with a slab that readers may still hold.
    private let retire: (@escaping () -> Void) -> Void
    private var index: PrefixIndex?
    private var root: Slab<Atomic<UInt32>>?
    private(set) var count = 0
    private var graves = 0
    private var countOfLength = [Int](repeating: 0, count: 33)

    init(
        id: UInt32, slot: UInt32, tables: RouteTables, trie: TrieChunks,
        retire: @escaping (@escaping () -> Void) -> Void
    ) {
        self.id = id
        self.slot = slot
        self.tables = tables
        self.trie = trie
        self.retire = retire
    }

    /// The head of a prefix's routes, or 0.
    func route(_ network: UInt32, _ length: UInt32) -> UInt32 { index?.route(network, length) ?? 0 }

    /// Sets the routes of a prefix.
    /// - Returns: false if the trie is full; then nothing was changed.
    func set(_ network: UInt32, _ length: UInt32, route: UInt32) -> Bool {
        let isNew = self.route(network, length) == 0
        if let root, !trie.insert(root, network, length, route: route, isNew: isNew) { return false }
        if isNew { makeRoom() }
        guard let index else { return false }
        if isNew {
            count += 1
            countOfLength[Int(length)] += 1
            if index.set(network, length, route: route) == PrefixIndex.gravestone { graves -= 1 }
            publishLengths()
            if root == nil, count > RouteTables.trieThreshold { growTrie() }
        } else {
            index.set(network, length, route: route)
        }
        return true
    }

    /// Takes a prefix out that is there.
    func remove(_ network: UInt32, _ length: UInt32) {
        guard let index, index.route(network, length) != 0 else { return }
        if let root {
            let covering = tables.shorter(slot, network, than: CoveringPrefix(length: length, route: 0))
            let leaf = covering.route == 0 ? 0 : TrieWord.leaf(length: covering.length, route: covering.route)
            trie.withdraw(root, network, length, covering: leaf)
        }
        index.remove(network, length)
        graves += 1
        count -= 1
        countOfLength[Int(length)] -= 1
        publishLengths()
        if count == 0 { clear() }
    }

    /// Every prefix with the head of its routes, in no order.
    func forEach(_ body: (_ network: UInt32, _ length: UInt32, _ route: UInt32) -> Void) {
        guard let index else { return }
        for slot in 0..<index.words.count {
            if let prefix = index.prefix(at: slot) { body(prefix.network, prefix.length, prefix.route) }
        }
    }

    /// Bytes mapped for this table alone, chunks of the trie not counted.
    var mappedBytes: Int { (index?.words.count ?? 0) * 8 + (root?.count ?? 0) * 4 }

    private func publishLengths() {
        var lengths: UInt64 = 0
        for length in 0...32 where countOfLength[length] > 0 { lengths |= 1 << UInt64(length) }
        tables.tables[slot].lengths.store(lengths, ordering: .releasing)
    }

    /// Replaces the index before it is more than five eighths full, gravestones included.
    private func makeRoom() {
        let size = index?.words.count ?? 0
        guard (count + graves + 1) * 8 > size * 5 else { return }
        var newSize = 16
        while newSize * 2 < (count + 1) * 5 { newSize *= 2 }
        let new = PrefixIndex(words: Slab(count: newSize))
        forEach { network, length, route in new.set(network, length, route: route) }
        let old = index
        index = new
        graves = 0
        tables.tables[slot].index.store(new.words)
        if let old { retire { old.words.deallocate() } }
    }

    private func growTrie() {
        let root = Slab<Atomic<UInt32>>(count: PrefixTrie.rootCount)
        var inserted: [(network: UInt32, length: UInt32)] = []
        var fits = true
        forEach { network, length, route in
            fits = fits && trie.insert(root, network, length, route: route, isNew: true)
            if fits { inserted.append((network, length)) }
        }
        // With the pool of chunks exhausted the table goes on without a trie, slower but right.
        guard fits else {
            for prefix in inserted { trie.withdraw(root, prefix.network, prefix.length, covering: 0) }
            root.deallocate()
            return
        }
        self.root = root
        tables.tables[slot].root.store(root)
    }

    private func clear() {
        tables.tables[slot].root.store(nil)
        tables.tables[slot].index.store(nil)
        if let root { retire { root.deallocate() } }
        if let index { retire { index.words.deallocate() } }
        root = nil
        index = nil
        graves = 0
    }

    deinit {
        root?.deallocate()
        index?.words.deallocate()
    }
}
