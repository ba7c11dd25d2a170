import CXDP
import Glibc

/// How much memory the frames of all ports share.
public struct UmemOptions: Sendable {
    /// How many chunks, each of which holds one frame.
    public var frameCount: Int
    /// Bytes of a chunk: 2048 or 4096 (the page size is the most that AF_XDP takes without unaligned chunks).
    public var frameSize: Int

    public init(frameCount: Int = 16384, frameSize: Int = 2048) {
        self.frameCount = frameCount
        self.frameSize = frameSize
    }
}

/// The memory that all frames lie in, in chunks of equal size; a frame goes from port to port without being copied.
///
/// The memory is one, but each port registers it with the kernel for itself. Sockets that share one registration must
/// also share its mode (net/xdp/xsk_buff_pool.c, xp_assign_dev_shared): behind a veth, which can only copy, no NIC would
/// ever reach zero-copy. For the same reason no socket needs to outlive another port's.
///
/// Who owns which chunk is the users' business: a chunk goes to a ring by `refill` or `transmit` and comes back by
/// `receive` or `complete`. The memory stays mapped until the last reference is gone, and every port holds one.
@safe public final class Umem: @unchecked Sendable {
    /// Start of the memory; `FrameDescriptor.address` counts from here. What it holds is the chunk owner's to touch.
    public let memory: UnsafeMutableRawPointer
    public let byteCount: Int
    public let frameSize: Int
    public let frameCount: Int

    /// Bytes in front of each received frame: XDP_PACKET_HEADROOM (linux/bpf.h), in copy mode and zero-copy alike.
    public static let headroom = 256
    /// Longest frame that a chunk receives, Ethernet header included.
    public var longestFrame: Int { frameSize - Self.headroom }

    /// Maps the memory and touches all of it.
    public init(_ options: UmemOptions = UmemOptions()) throws(PacketIOError) {
        guard options.frameSize == 2048 || options.frameSize == 4096 else {
            throw PacketIOError("frame size of \(options.frameSize) bytes", advice: "it must be 2048 or 4096")
        }
        guard options.frameCount > 0, options.frameCount <= Int(UInt32.max) else {
            throw PacketIOError("memory for \(options.frameCount) frames", advice: "at least one, at most 2^32 - 1")
        }
        byteCount = options.frameCount * options.frameSize
        frameSize = options.frameSize
        frameCount = options.frameCount
        let mapped = unsafe mmap(
            nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | Int32(MAP_POPULATE), -1, 0)
        guard let mapped = unsafe mapped, unsafe mapped != MAP_FAILED else {
            throw PacketIOError("map \(byteCount) bytes for frames", code: errno, advice: "lower the number of frames")
        }
        unsafe memory = mapped
    }

    deinit {
        unsafe munmap(memory, byteCount)
    }

    /// Address of the chunk that an address falls into.
    @inline(__always)
    public func chunk(of address: UInt64) -> UInt64 { address & ~UInt64(frameSize - 1) }
}
