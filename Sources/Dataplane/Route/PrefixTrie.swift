// Longest prefix match for large tables: DIR-16-8-8.
//
//     root[address >> 16] ──► leaf, or chunk ──► [address >> 8 & 255] ──► leaf, or chunk ──► [address & 255] ──► leaf
//
// A word is 0 (no route), a leaf (length of the matching prefix in 6 bits, route index in 25), or, with its top bit set,
// the number of a chunk of 256 words. Chunks of all tables come from one pool.
//
// Because a leaf knows the length of the prefix that put it there, changes are made in place:
// - insertion replaces, within the prefix's range, the leaves of prefixes that are no longer than it;
// - withdrawal replaces, within the range, exactly the leaves of that length by the covering prefix's leaf.
//
// Readers and the writer: every word is an atomic. A reader loads a word with acquire; the writer fills a chunk before it
// stores, with release, the word that leads to it, and hands a chunk that nothing leads to any more to `retire` before it
// is used again. So for each address a reader finds the answer of before or of after a change, never a third one. For two
// addresses it may find one of each, as in the kernel.

import Net
import Synchronization

/// One word of the trie.
enum TrieWord {
    static let chunkFlag: UInt32 = 1 << 31
    static let routeBits: UInt32 = 25
    static let routeMask: UInt32 = 1 << routeBits - 1

    @inline(__always)
    static func leaf(length: UInt32, route: UInt32) -> UInt32 { length << routeBits | route }
    @inline(__always)
    static func isChunk(_ word: UInt32) -> Bool { word & chunkFlag != 0 }
    @inline(__always)
    static func chunk(_ word: UInt32) -> UInt32 { word & ~chunkFlag }
    /// Length of a leaf's prefix. "No route" has length 0, as the default route has.
    @inline(__always)
    static func length(_ word: UInt32) -> UInt32 { word >> routeBits & 63 }
    @inline(__always)
    static func route(_ word: UInt32) -> UInt32 { word & routeMask }
}

/// The trie of one table, as readers see it.
struct PrefixTrie: Sendable {
    static let rootCount = 65_536

    /// Indexed by the first sixteen bits of the address.
    let root: Slab<Atomic<UInt32>>
    /// Words of all chunks of all tables; chunk `n` starts at 256 n.
    let chunks: SegmentedSlab<Atomic<UInt32>>

    /// The leaf for an address, or 0 if no prefix covers it.
    @inline(__always)
    func leaf(for address: UInt32) -> UInt32 {
        var word = root[address >> 16].load(ordering: .acquiring)
        if TrieWord.isChunk(word) {
            word = chunks[TrieWord.chunk(word) << 8 | (address >> 8 & 255)].load(ordering: .acquiring)
            if TrieWord.isChunk(word) {
                word = chunks[TrieWord.chunk(word) << 8 | (address & 255)].load(ordering: .acquiring)
            }
        }
        return word
    }
}

/// The writer's side of all tries: the pool of chunks and what each holds.
final class TrieChunks {
    /// 4 M chunks, 4 GB if all were used; a full Internet table takes some 60,000.
    static let limit = 1 << 22

    let words = SegmentedSlab<Atomic<UInt32>>(capacity: TrieChunks.limit << 8, segment: 1 << 18)
    var pool = IndexPool(limit: TrieChunks.limit)
    /// For each chunk, how many prefixes end in it and how many chunks hang below it. At 0 it says the same everywhere
    /// and is folded into one word again.
    private var contents: [UInt32] = []
    /// Chunks that nothing leads to any more, to be given to the pool once no reader can hold them.
    var retired: [UInt32] = []

    /// Adds a prefix or changes its route.
    /// - Parameter isNew: the prefix is not yet in this trie.
    /// - Returns: false if no chunk is left, in which case nothing was changed.
    func insert(_ root: Slab<Atomic<UInt32>>, _ network: UInt32, _ length: UInt32, route: UInt32, isNew: Bool) -> Bool {
        let leaf = TrieWord.leaf(length: length, route: route)
        let change = Change(length: length, leaf: leaf, isWithdrawal: false)
        if length <= 16 {
            let first = Int(network >> 16)
            for i in first..<first + 1 << Int(16 - length) { apply(change, to: root[i]) }
            return true
        }
        guard pool.available >= 2 else { return false }
        guard let middle = chunk(below: root[network >> 16]) else { return false }
        let place = middle << 8 | (network >> 8 & 255)
        if length <= 24 {
            if isNew { contents[Int(middle)] += 1 }
            for i in place..<place + 1 << (24 - length) { apply(change, to: words[i]) }
            return true
        }
        let hadChunk = TrieWord.isChunk(words[place].load(ordering: .relaxed))
        guard let last = chunk(below: words[place]) else { return false }
        if !hadChunk { contents[Int(middle)] += 1 }
        if isNew { contents[Int(last)] += 1 }
        let end = last << 8 | (network & 255)
        for i in end..<end + 1 << (32 - length) { apply(change, to: words[i]) }
        return true
    }

    /// Takes a prefix out that is in this trie.
    /// - Parameter covering: the leaf of the next shorter prefix that covers it, or 0.
    func withdraw(_ root: Slab<Atomic<UInt32>>, _ network: UInt32, _ length: UInt32, covering: UInt32) {
        let change = Change(length: length, leaf: covering, isWithdrawal: true)
        if length <= 16 {
            let first = Int(network >> 16)
            for i in first..<first + 1 << Int(16 - length) { apply(change, to: root[i]) }
            return
        }
        let top = root[network >> 16].load(ordering: .relaxed)
        guard TrieWord.isChunk(top) else { return }
        let middle = TrieWord.chunk(top)
        let place = middle << 8 | (network >> 8 & 255)
        if length <= 24 {
            for i in place..<place + 1 << (24 - length) { apply(change, to: words[i]) }
        } else {
            let word = words[place].load(ordering: .relaxed)
            guard TrieWord.isChunk(word) else { return }
            let last = TrieWord.chunk(word)
            let end = last << 8 | (network & 255)
            for i in end..<end + 1 << (32 - length) { apply(change, to: words[i]) }
            contents[Int(last)] -= 1
            guard contents[Int(last)] == 0 else { return }
            fold(last, into: words[place])
        }
        contents[Int(middle)] -= 1
        if contents[Int(middle)] == 0 { fold(middle, into: root[network >> 16]) }
    }

    private struct Change {
        var length: UInt32
        var leaf: UInt32
        var isWithdrawal: Bool
    }

    private func apply(_ change: Change, to word: borrowing Atomic<UInt32>) {
        let old = word.load(ordering: .relaxed)
        if TrieWord.isChunk(old) {
            let first = TrieWord.chunk(old) << 8
            for i in first..<first + 256 { apply(change, to: words[i]) }
        } else if change.isWithdrawal
            ? old != 0 && TrieWord.length(old) == change.length : TrieWord.length(old) <= change.length
        {
            word.store(change.leaf, ordering: .releasing)
        }
    }

    /// The chunk a word leads to; if it is a leaf, a new chunk that says the same 256 times takes its place.
    private func chunk(below word: borrowing Atomic<UInt32>) -> UInt32? {
        let old = word.load(ordering: .relaxed)
        if TrieWord.isChunk(old) { return TrieWord.chunk(old) }
        guard let chunk = pool.take() else { return nil }
        words.reserve(chunk << 8)
        while contents.count <= Int(chunk) { contents.append(0) }
        for i in chunk << 8..<chunk << 8 + 256 { words[i].store(old, ordering: .relaxed) }
        word.store(TrieWord.chunkFlag | chunk, ordering: .releasing)
        return chunk
    }

    private func fold(_ chunk: UInt32, into word: borrowing Atomic<UInt32>) {
        word.store(words[chunk << 8].load(ordering: .relaxed), ordering: .releasing)
        retired.append(chunk)
    }

    deinit { words.deallocate() }
}
