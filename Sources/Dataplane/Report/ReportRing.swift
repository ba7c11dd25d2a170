import Synchronization

/// A bounded ring of records of different lengths, from one worker to the slow side, in the order in which the worker made
/// them. What finds no room is lost and counted; it never delays a packet.
///
/// A record is a length, a `ReportHeader` and the bytes that belong to it, in one piece: one that would reach beyond the
/// end of the memory begins at its start, and the rest of the end is passed over.
@safe public struct ReportRing: @unchecked Sendable {
    /// Bytes of a record's length in front of it; records begin at multiples of eight.
    private static let lengthSize = 8
    private static let headerSize = MemoryLayout<ReportHeader>.size
    /// The most bytes of one record: an IP packet with all that stands in front.
    static let longest = 0x10000 + 512

    private let cursors = Slab<RingCursors>(count: 1)
    private let losses = Slab<Atomic<UInt64>>(count: 1)
    private let memory: Slab<UInt8>

    /// - Parameter capacity: bytes, a power of two that holds a few of the longest records.
    public init(capacity: Int = 1 << 20) {
        precondition(capacity >= 2 * Self.longest && capacity & (capacity - 1) == 0)
        memory = Slab(count: capacity)
    }

    // MARK: The worker

    /// Puts in a report on a packet.
    ///
    /// - Parameters:
    ///   - header: lengths are filled in here.
    ///   - prefix: place and number of the prefix in `text`.
    ///   - link: bytes of the Ethernet header to copy, from the beginning of the frame; zero for none.
    ///   - bytes: the most bytes of the IP packet to copy.
    @inline(never)
    func push(
        _ header: ReportHeader, prefix: ReportTarget.Text, in text: Slab<UInt8>, _ packet: Packet, link: Int, bytes: Int
    ) {
        var header = header
        let linkLength = min(link, 64)
        let copied = min(bytes, packet.totalLength)
        header.prefixLength = prefix.count
        header.linkLength = UInt8(truncatingIfNeeded: linkLength)
        header.copiedLength = UInt32(truncatingIfNeeded: copied)
        let length = Self.lengthSize &+ Self.headerSize &+ Int(prefix.count) &+ linkLength &+ copied
        guard let place = unsafe reserve(length) else {
            losses[0].store(losses[0].load(ordering: .relaxed) &+ 1, ordering: .relaxed)
            return
        }
        unsafe place.assumingMemoryBound(to: UInt64.self).pointee = UInt64(length)
        var next = unsafe place + Self.lengthSize
        unsafe next.assumingMemoryBound(to: ReportHeader.self).pointee = header
        unsafe next += Self.headerSize
        for index in 0..<Int(prefix.count) {
            unsafe next.storeBytes(of: text[Int(prefix.place) &+ index], toByteOffset: index, as: UInt8.self)
        }
        unsafe next += Int(prefix.count)
        unsafe next.copyMemory(from: packet.base, byteCount: linkLength)
        unsafe (next + linkLength).copyMemory(from: packet.ip, byteCount: copied)
        let head = cursors[0].head.load(ordering: .relaxed)
        cursors[0].head.store(head &+ skipped(at: head, length) &+ Self.rounded(length), ordering: .releasing)
    }

    /// Where the next record goes, or nil if there is no room for it.
    private func reserve(_ length: Int) -> UnsafeMutableRawPointer? {
        let head = cursors[0].head.load(ordering: .relaxed)
        let used = head &- cursors[0].tail.load(ordering: .acquiring)
        let skipped = skipped(at: head, length)
        guard used &+ skipped &+ Self.rounded(length) <= UInt64(memory.count) else { return nil }
        // Length zero tells the reader to go on at the start.
        if skipped > 0 { unsafe address(of: head).assumingMemoryBound(to: UInt64.self).pointee = 0 }
        return unsafe address(of: head &+ skipped)
    }

    /// Bytes at the end of the memory that a record of this length does not fit into.
    private func skipped(at head: UInt64, _ length: Int) -> UInt64 {
        let left = UInt64(memory.count) &- (head & UInt64(memory.count &- 1))
        return left < Self.rounded(length) ? left : 0
    }

    private static func rounded(_ length: Int) -> UInt64 { UInt64(length &+ 7) & ~7 }

    private func address(of cursor: UInt64) -> UnsafeMutableRawPointer {
        unsafe UnsafeMutableRawPointer(memory.base + Int(cursor & UInt64(memory.count &- 1)))
    }

    /// Grows with every report; whoever sees it changed knows that there is something to read.
    @inline(__always)
    public var written: UInt64 { cursors[0].head.load(ordering: .relaxed) }

    // MARK: The slow side

    /// The oldest report, taken out; for one reader.
    public func pop() -> Report? {
        var tail = cursors[0].tail.load(ordering: .relaxed)
        let head = cursors[0].head.load(ordering: .acquiring)
        guard tail != head else { return nil }
        var length = unsafe address(of: tail).load(as: UInt64.self)
        if length == 0 {
            tail = (tail | UInt64(memory.count - 1)) &+ 1
            length = unsafe address(of: tail).load(as: UInt64.self)
        }
        var next = unsafe UnsafeRawPointer(address(of: tail)) + Self.lengthSize
        let header = unsafe next.assumingMemoryBound(to: ReportHeader.self).pointee
        unsafe next += Self.headerSize
        func take(_ count: Int) -> [UInt8] {
            defer { unsafe next += count }
            return unsafe Array(UnsafeRawBufferPointer(start: next, count: count))
        }
        let report = Report(
            header: header, prefix: take(Int(header.prefixLength)), link: take(Int(header.linkLength)),
            packet: take(Int(header.copiedLength)))
        cursors[0].tail.store(tail &+ Self.rounded(Int(length)), ordering: .releasing)
        return report
    }

    public var isEmpty: Bool {
        cursors[0].tail.load(ordering: .relaxed) == cursors[0].head.load(ordering: .acquiring)
    }

    /// Reports lost so far.
    public var lost: UInt64 { losses[0].load(ordering: .relaxed) }
}
