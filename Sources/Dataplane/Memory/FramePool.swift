/// The free chunks of a `FrameMemory`, shared by all workers: a stack under a lock, from which workers take and to which they
/// return chunks by the batch. A frame received by one worker and sent by another thus finds its way back.
@safe public struct SharedFramePool: @unchecked Sendable {
    private struct Head: ~Copyable {
        let lock = SpinLock()
        var count = 0
    }

    private let head: Slab<Head>
    private let stack: Slab<UInt64>

    /// A pool that holds no chunk but has room for all of `memory`.
    public init(memory: FrameMemory) {
        head = Slab(count: 1)
        stack = Slab(count: memory.chunkCount)
    }

    /// Puts every chunk of `memory` into the pool.
    public func fill(from memory: FrameMemory) {
        for chunk in 0..<memory.chunkCount { stack[chunk] = UInt64(chunk * memory.chunkSize) }
        head[0].count = memory.chunkCount
    }

    /// How many chunks lie here.
    public var count: Int {
        head[0].lock.lock()
        defer { head[0].lock.unlock() }
        return head[0].count
    }

    /// Moves up to `wanted` chunks to the end of `other`.
    func take(_ wanted: Int, into other: Slab<UInt64>, at start: Int) -> Int {
        head[0].lock.lock()
        let moved = min(wanted, head[0].count)
        head[0].count -= moved
        let from = head[0].count
        for i in 0..<moved { other[start + i] = stack[from + i] }
        head[0].lock.unlock()
        return moved
    }

    func give(_ given: Int, from other: Slab<UInt64>, at start: Int) {
        head[0].lock.lock()
        for i in 0..<given { stack[head[0].count + i] = other[start + i] }
        head[0].count += given
        head[0].lock.unlock()
    }
}

/// One worker's small stock of free chunks in front of the shared pool.
public struct FramePool: ~Copyable {
    static let capacity = 1024
    private static let batch = 256

    private let shared: SharedFramePool
    private let stack: Slab<UInt64>
    /// How many chunks lie in this stock.
    public private(set) var count = 0

    public init(shared: SharedFramePool) {
        self.shared = shared
        stack = Slab(count: Self.capacity)
    }

    deinit {
        shared.give(count, from: stack, at: 0)
        stack.deallocate()
    }

    /// A free chunk's start address, or nil if no chunk is free anywhere.
    @inline(__always)
    public mutating func take() -> UInt64? {
        if count == 0 { count = shared.take(Self.batch, into: stack, at: 0) }
        guard count > 0 else { return nil }
        count &-= 1
        return stack[count]
    }

    /// Gives a chunk back by its start address.
    @inline(__always)
    public mutating func give(_ chunk: UInt64) {
        if count == Self.capacity {
            shared.give(Self.batch, from: stack, at: count - Self.batch)
            count -= Self.batch
        }
        stack[count] = chunk
        count &+= 1
    }
}
