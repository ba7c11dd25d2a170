import Glibc

/// Unix socket addresses, which C describes as a struct with a fixed array.
enum UnixAddress {
    /// The longest path in bytes: sun_path without its final zero.
    static let longest = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1

    /// Calls `body` (bind or connect) with the address of a path.
    ///
    /// - Returns: what `body` returned, or nil if the path is too long or empty.
    static func with(
        _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32? {
        let bytes = Array(path.utf8)
        guard !bytes.isEmpty, bytes.count <= longest, !bytes.contains(0) else { return nil }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { room in unsafe room.copyBytes(from: bytes) }
        return unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                unsafe body(generic, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    /// A stream socket that programs started later do not inherit, or -1 with errno.
    static func makeSocket() -> Int32 {
        socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    }
}
