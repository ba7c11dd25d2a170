import CXDP
import Glibc
import Net

/// The deadline that every BPF program of this process heeds. While it lies ahead, frames are the daemon's; once it has
/// passed, and before it was ever set, the kernel has the box to itself.
///
/// Whoever watches the workers extends it every 100 ms, as long as all of them make progress.
@safe public final class SteeringControl: @unchecked Sendable {
    /// Descriptor of the map, to be shared with other BPF objects under the name `control`. Owned by this value.
    public let map: Int32
    private let block: UnsafeMutablePointer<martlet_control>
    private static let pageSize = 4096

    public init() throws(PacketIOError) {
        map = martlet_create_control()
        guard map >= 0 else {
            throw PacketIOError(
                "create the BPF map of the deadline", code: errno,
                advice: "run as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON")
        }
        let mapped = unsafe mmap(nil, Self.pageSize, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0)
        guard let mapped = unsafe mapped, unsafe mapped != MAP_FAILED else {
            let code = errno
            Glibc.close(map)
            throw PacketIOError("map the BPF map of the deadline", code: code)
        }
        unsafe block = mapped.bindMemory(to: martlet_control.self, capacity: 1)
    }

    deinit {
        unsafe munmap(block, Self.pageSize)
        Glibc.close(map)
    }

    /// Sets the deadline. Any thread may.
    public func extend(to deadline: Instant) {
        unsafe martlet_store_number(&block.pointee.deadline, deadline.nanoseconds)
    }

    /// Gives the box back to the kernel at once: for an orderly end.
    public func release() {
        unsafe martlet_store_number(&block.pointee.deadline, 0)
    }

    /// The deadline in force; the beginning of time if there is none.
    public var deadline: Instant {
        Instant(nanoseconds: unsafe martlet_load_number(&block.pointee.deadline))
    }
}
