import Glibc

/// A flat table of fixed size, allocated once and shared by pointer: what the packet path uses where other code would use
/// `Array`. Elements are changed in place, with no reference count, no copy and no exclusivity check.
///
/// The memory comes zeroed from the system and lives until `deallocate`; elements must be trivial types for which all
/// zeroes is a valid value (numbers, structs of numbers, `Atomic`s laid out in place). Indexing outside is a programming
/// error that debug builds catch; every index on the packet path is one that a table handed out itself.
@safe public struct Slab<Element: ~Copyable>: @unchecked Sendable {
    @usableFromInline let base: UnsafeMutablePointer<Element>
    public let count: Int

    /// Tables up to this size come from the heap, a cache line of their own each: a page for each of ten thousand rules' few bytes would
    /// exhaust the mappings a process may have.
    private static var smallest: Int { 1024 }

    /// Maps zeroed memory for `count` elements. Untouched pages cost nothing until they are used.
    ///
    /// - Parameter hasLargePages: whether the kernel is asked for pages of 2 MB, for tables whose places are looked up in no order: finding
    ///   the page then costs as much as finding the place.
    public init(count: Int, hasLargePages: Bool = false) {
        let bytes = max(count, 1) * MemoryLayout<Element>.stride
        if bytes <= Self.smallest {
            let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
            unsafe memory.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
            unsafe base = memory.bindMemory(to: Element.self, capacity: max(count, 1))
            self.count = count
            return
        }
        let memory = unsafe mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let memory = unsafe memory, unsafe memory != MAP_FAILED else {
            fatalError("no memory for a table of \(bytes) bytes")
        }
        // A refusal, as by a kernel without such pages, changes nothing but the speed.
        if hasLargePages { unsafe madvise(memory, bytes, MADV_HUGEPAGE) }
        unsafe base = memory.bindMemory(to: Element.self, capacity: count)
        self.count = count
    }

    @inlinable @inline(__always)
    public subscript(_ index: Int) -> Element {
        unsafeAddress {
            assert(index >= 0 && index < count)
            return unsafe UnsafePointer(base + index)
        }
        nonmutating unsafeMutableAddress {
            assert(index >= 0 && index < count)
            return unsafe base + index
        }
    }

    @inlinable @inline(__always)
    public subscript(_ index: UInt32) -> Element {
        unsafeAddress {
            assert(index < count)
            return unsafe UnsafePointer(base + Int(index))
        }
        nonmutating unsafeMutableAddress {
            assert(index < count)
            return unsafe base + Int(index)
        }
    }

    /// Has the system give these elements the pages that they lie in, as a first write would: to nobody who uses them this changes
    /// anything. A page of 2 MB takes some hundred microseconds, which a packet should not wait.
    ///
    /// - Returns: false if the system refuses; the first write will ask again. It seldom does: where memory is short it ends a process instead.
    public func populate(_ range: Range<Int>) -> Bool {
        let stride = MemoryLayout<Element>.stride
        let bytes = max(count, 1) * stride
        guard bytes > Self.smallest, !range.isEmpty else { return true }
        assert(range.lowerBound >= 0 && range.upperBound <= count)
        let pageSize = Int(sysconf(Int32(_SC_PAGESIZE)))
        let first = range.lowerBound * stride / pageSize * pageSize
        return unsafe madvise(UnsafeMutableRawPointer(base) + first, range.upperBound * stride - first, MADV_POPULATE_WRITE) == 0
    }

    /// Gives the memory back. No copy of this value may be used afterwards.
    public func deallocate() {
        let bytes = max(count, 1) * MemoryLayout<Element>.stride
        if bytes <= Self.smallest {
            unsafe UnsafeMutableRawPointer(base).deallocate()
        } else {
            unsafe munmap(base, bytes)
        }
    }
}
