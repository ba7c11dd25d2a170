/// The memory that frames lie in, cut into chunks of one size, each of which has exactly one owner at any time: a ring, a
/// worker's pool, a hold queue. Over AF_XDP it is the UMEM; in tests and replay it is plain memory.
@safe public struct FrameMemory: @unchecked Sendable {
    @usableFromInline let base: UnsafeMutableRawPointer
    /// Bytes in a chunk, a power of two.
    public let chunkSize: Int
    public let chunkCount: Int

    /// Room in front of each frame that is built here, in bytes: as much as XDP leaves in front of received ones
    /// (XDP_PACKET_HEADROOM), so that a header put in front always fits.
    public static let headroom = 256

    /// - Precondition: `chunkSize` is a power of two and `base` holds `chunkCount` chunks.
    public init(base: UnsafeMutableRawPointer, chunkSize: Int, chunkCount: Int) {
        precondition(chunkSize > 0 && chunkSize & (chunkSize - 1) == 0)
        unsafe self.base = base
        self.chunkSize = chunkSize
        self.chunkCount = chunkCount
    }

    /// Plain memory of its own, for replay and tests; it lives as long as the process.
    public init(chunkSize: Int = 2048, chunkCount: Int) {
        unsafe self.init(
            base: .allocate(byteCount: chunkSize * chunkCount, alignment: 4096), chunkSize: chunkSize,
            chunkCount: chunkCount)
    }

    /// The longest frame that a chunk holds behind the headroom.
    public var longestFrame: Int { chunkSize - Self.headroom }

    /// Start of the chunk that an address falls into.
    @inline(__always)
    public func chunk(of address: UInt64) -> UInt64 { address & ~UInt64(chunkSize - 1) }

    /// Where the bytes at an address lie. The caller proves that what it touches stays within the chunk.
    @inline(__always)
    public func bytes(at address: UInt64) -> UnsafeMutableRawPointer { unsafe base + Int(address) }
}
