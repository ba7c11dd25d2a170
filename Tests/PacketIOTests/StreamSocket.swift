import CXDP
import Glibc

/// A TCP socket that never waits, so that one thread can play client, server and the router between them.
final class StreamSocket {
    private let descriptor: Int32

    private init(_ descriptor: Int32) { self.descriptor = descriptor }

    convenience init(listeningOn port: UInt16) throws {
        self.init(socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0))
        try unsafe with(0, port) { address, size in unsafe bind(descriptor, address, size) }
        guard listen(descriptor, 4) == 0 else { throw TestNamespace.CommandFailed(text: "listen: \(errno)") }
    }

    convenience init(connectingTo address: (UInt8, UInt8, UInt8, UInt8), _ port: UInt16) throws {
        self.init(socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0))
        let number = unsafe withUnsafeBytes(of: address) { unsafe $0.loadUnaligned(as: UInt32.self) }
        try unsafe with(number, port) { address, size in unsafe connect(descriptor, address, size) }
    }

    deinit { close(descriptor) }

    /// A connection that waits, if any.
    func accept() -> StreamSocket? {
        let made = Glibc.accept(descriptor, nil, nil)
        guard made >= 0, fcntl(made, F_SETFL, O_NONBLOCK) == 0 else { return nil }
        return StreamSocket(made)
    }

    /// How much of the bytes the kernel took.
    func write(_ bytes: ArraySlice<UInt8>) -> Int {
        max(unsafe bytes.withUnsafeBytes { unsafe send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }, 0)
    }

    /// What has arrived.
    func read() -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        let count = unsafe recv(descriptor, &buffer, buffer.count, 0)
        return count > 0 ? Array(buffer[..<count]) : []
    }

    /// - Parameter address: in network byte order.
    private func with(
        _ address: UInt32, _ port: UInt16, _ call: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) throws {
        var name = sockaddr_in()
        name.sin_family = UInt16(AF_INET)
        name.sin_port = port.bigEndian
        name.sin_addr.s_addr = address
        let code = unsafe withUnsafePointer(to: &name) { name in
            unsafe name.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
                unsafe call(name, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard code == 0 || errno == EINPROGRESS else { throw TestNamespace.CommandFailed(text: "socket: \(errno)") }
    }
}
