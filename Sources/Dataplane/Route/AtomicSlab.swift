import Glibc
import Synchronization

/// A reference to a `Slab` that one thread replaces while others read it: base address and size in one atomic word, so
/// that a reader never pairs the base of one slab with the size of another.
///
/// The size must be a power of two, which leaves the logarithm to be stored; memory from the system starts on a page, so
/// the low bits of its address are free to hold it. Zeroed memory is a valid value and means "no slab".
@safe struct AtomicSlab<Element: ~Copyable>: ~Copyable {
    private let word: Atomic<UInt>

    /// No slab.
    init() { word = Atomic(0) }

    /// The slab last published, with everything written to it before; nil if there is none.
    @inline(__always)
    func load() -> Slab<Element>? {
        let value = word.load(ordering: .acquiring)
        guard value != 0 else { return nil }
        return unsafe Slab(base: Self.base(of: value), count: 1 << Int(value & 63))
    }

    /// Where element `index` of a slab that is known to be there lies.
    @inline(__always)
    @unsafe func address(of index: Int) -> UnsafeMutablePointer<Element> {
        unsafe Self.base(of: word.load(ordering: .acquiring)) + index
    }

    /// Publishes a slab, whose size is a power of two, or none. The one replaced may still be in use by readers.
    func store(_ slab: Slab<Element>?) {
        guard let slab else { return word.store(0, ordering: .releasing) }
        precondition(slab.count.nonzeroBitCount == 1)
        let address = unsafe UInt(bitPattern: slab.base)
        precondition(address & 63 == 0)
        word.store(address | UInt(slab.count.trailingZeroBitCount), ordering: .releasing)
    }

    @inline(__always)
    private static func base(of value: UInt) -> UnsafeMutablePointer<Element> {
        // The word is never zero here: `load` has looked, and `address(of:)` demands it.
        unsafe UnsafeMutablePointer(bitPattern: value & ~63).unsafelyUnwrapped
    }
}

extension Slab where Element: ~Copyable {
    /// A view of memory that another slab mapped.
    @inline(__always)
    @unsafe init(base: UnsafeMutablePointer<Element>, count: Int) {
        unsafe self.base = base
        self.count = count
    }
}

/// A table that grows while others read it: segments of equal size, mapped when they are first needed and never moved,
/// so an index stays good for as long as the table lives. Zeroed memory must be a valid value of `Element`.
@safe struct SegmentedSlab<Element: ~Copyable>: Sendable {
    private let directory: Slab<AtomicSlab<Element>>
    private let shift: UInt32

    /// - Parameters:
    ///   - capacity: most elements the table can hold; only a directory of pointers is mapped for them.
    ///   - segment: elements a segment, a power of two.
    init(capacity: Int, segment: Int) {
        precondition(segment.nonzeroBitCount == 1)
        shift = UInt32(segment.trailingZeroBitCount)
        directory = Slab(count: (capacity + segment - 1) / segment)
    }

    var capacity: Int { directory.count << Int(shift) }

    /// Maps the segment of an index that is about to be handed out.
    func reserve(_ index: UInt32) {
        let segment = Int(index >> shift)
        if directory[segment].load() == nil {
            directory[segment].store(Slab(count: 1 << Int(shift)))
        }
    }

    /// - Precondition: `index` was reserved.
    @inline(__always)
    subscript(_ index: UInt32) -> Element {
        unsafeAddress {
            unsafe UnsafePointer(
                directory[index >> shift].address(of: Int(index & (1 << shift &- 1))))
        }
        nonmutating unsafeMutableAddress {
            unsafe directory[index >> shift].address(of: Int(index & (1 << shift &- 1)))
        }
    }

    /// Bytes mapped for segments, whether touched or not.
    var mappedBytes: Int {
        var segments = 0
        for i in 0..<directory.count where directory[i].load() != nil { segments += 1 }
        return segments << Int(shift) * MemoryLayout<Element>.stride
    }

    /// Gives all memory back. No copy of this value may be used afterwards.
    func deallocate() {
        for i in 0..<directory.count {
            directory[i].load()?.deallocate()
        }
        directory.deallocate()
    }
}

/// Hands out the indices of a `SegmentedSlab`, from 1; 0 stands for none. Used by the one thread that writes.
struct IndexPool {
    private var free: [UInt32] = []
    private var next: UInt32 = 1
    let limit: UInt32

    init(limit: Int) { self.limit = UInt32(min(limit, Int(UInt32.max))) }

    /// An index that nobody uses, or nil if all are in use.
    mutating func take() -> UInt32? {
        if let index = free.popLast() { return index }
        guard next < limit else { return nil }
        defer { next += 1 }
        return next
    }

    /// Gives an index back that no reader can still hold.
    mutating func give(_ index: UInt32) { free.append(index) }

    /// Indices in use, including those that wait for readers to let go of them.
    var inUse: Int { Int(next) - 1 - free.count }
    var available: Int { Int(limit) - 1 - inUse }
}
