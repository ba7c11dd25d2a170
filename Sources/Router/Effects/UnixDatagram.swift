import CXDP
import Control
import Glibc

/// A datagram socket to another program's socket file, which may come, go and come back. It never waits: what the other side
/// does not take at once is lost.
struct UnixDatagram: ~Copyable {
    private let path: String
    private var descriptor: Int32 = -1
    /// Seconds of the monotonic clock before which another attempt to connect is idle.
    private var nextAttempt = 0

    /// - Parameter path: of the socket; a leading `@` stands for the abstract name space.
    init(path: String) { self.path = path }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// - Returns: false if the datagram is lost.
    mutating func send(_ message: [UInt8]) -> Bool {
        if descriptor >= 0 {
            if transmit(message) { return true }
            // A full queue is the reader's; anything else means that it went, perhaps to come back under the same name.
            if errno == EAGAIN || errno == EMSGSIZE || errno == ENOBUFS { return false }
            close(descriptor)
            descriptor = -1
        }
        return connectAgain() && transmit(message)
    }

    private func transmit(_ message: [UInt8]) -> Bool {
        unsafe message.withUnsafeBytes { bytes in
            unsafe Glibc.send(
                descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)) >= 0
        }
    }

    /// At most once a second: a flood of lines must not become a flood of attempts.
    private mutating func connectAgain() -> Bool {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        guard time.tv_sec >= nextAttempt else { return false }
        let fresh = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard fresh >= 0 else { return false }
        guard Self.connect(fresh, to: path) else {
            close(fresh)
            nextAttempt = time.tv_sec + 1
            return false
        }
        descriptor = fresh
        return true
    }

    private static func connect(_ descriptor: Int32, to path: String) -> Bool {
        var name = Array(path.utf8)
        if name.first == UInt8(ascii: "@") { name[0] = 0 }
        var address = sockaddr_un()
        guard !name.isEmpty, name.count < MemoryLayout.size(ofValue: address.sun_path) else { return false }
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: name) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + name.count)
        return unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                unsafe Glibc.connect(descriptor, pointer, length) == 0
            }
        }
    }
}
