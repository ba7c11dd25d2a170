import CXDP
import Glibc
import Net

/// The sockets of the router's own programs in a scenario. They stay open until the value goes.
final class HostSockets {
    private let namespace: String
    private var listening: [UInt16: Int32] = [:]
    private var sockets: [Int32] = []

    init(namespace: String) { self.namespace = namespace }

    deinit { for socket in sockets { close(socket) } }

    func carryOut(_ action: HostAction) throws {
        switch action {
        case .udp(let from, let to, let port, let text):
            let socket = try open(.datagram, port: from)
            try send(Array(text.utf8), on: socket, to: to, port)
        case .tcp(let from, let to, let port):
            let socket = try open(.stream, port: from)
            if unsafe withAddress(to, port, { unsafe connect(socket, $0, $1) }) != 0, errno != EINPROGRESS {
                throw LabError("connect: errno \(errno)")
            }
        case .listen(let proto, let port):
            let socket = try open(proto == .tcp ? .stream : .datagram, port: port)
            if proto == .tcp && listen(socket, 16) != 0 { throw LabError("listen: errno \(errno)") }
            listening[port] = socket
        case .answer(let port, let text):
            guard let socket = listening[port] else { throw LabError("no socket listens on \(port)") }
            try answer(on: socket, text: text)
        case .ping(let to, let id):
            let socket = try open(.ping, port: id)
            try send([8, 0, 0, 0, 0, 0, 0, 1] + TestPacket.pattern(8), on: socket, to: to, 0)
        }
    }

    /// Opens a non-blocking socket bound to a port (an identifier, for ping sockets).
    private func open(_ kind: HostSocketKind, port: UInt16) throws -> Int32 {
        let socket = try inNetworkNamespace(namespace) { kind.open() }
        guard socket >= 0 else { throw LabError("no socket: errno \(errno)") }
        sockets.append(socket)
        var one: Int32 = 1
        unsafe setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &one, 4)
        guard unsafe withAddress(.any, port, { unsafe bind(socket, $0, $1) }) == 0 else {
            throw LabError("bind to \(port): errno \(errno)")
        }
        return socket
    }

    private func send(_ bytes: [UInt8], on socket: Int32, to address: IPv4Address, _ port: UInt16) throws {
        let sent = unsafe withAddress(address, port) { address, length in
            Int32(unsafe sendto(socket, bytes, bytes.count, 0, address, length))
        }
        // A filter that drops the datagram says EPERM, which is an answer and no failure.
        guard sent == bytes.count || errno == EPERM else { throw LabError("sendto \(address):\(port): errno \(errno)") }
    }

    private func answer(on socket: Int32, text: String) throws {
        var buffer = [UInt8](repeating: 0, count: 2048)
        var from = sockaddr_in()
        let received = Clock.wait(seconds: 1, every: 0.002) {
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            return unsafe withUnsafeMutablePointer(to: &from) {
                unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe recvfrom(socket, &buffer, buffer.count, 0, $0, &length) >= 0
                }
            }
        }
        guard received else { throw LabError("no datagram to answer") }
        try send(
            Array(text.utf8), on: socket, to: IPv4Address(rawValue: UInt32(bigEndian: from.sin_addr.s_addr)),
            UInt16(bigEndian: from.sin_port))
    }

    private func withAddress(
        _ address: IPv4Address, _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        var value = sockaddr_in()
        value.sin_family = sa_family_t(AF_INET)
        value.sin_port = port.bigEndian
        value.sin_addr.s_addr = address.rawValue.bigEndian
        return unsafe withUnsafePointer(to: &value) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
