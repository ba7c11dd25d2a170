import CXDP
import Glibc
import Net

/// The far end of a cable: sends frames into it and captures what comes out, by an AF_PACKET socket.
///
/// The socket is opened on a thread of its own that enters the namespace; afterwards any thread may use it.
public final class Cable {
    /// A captured frame.
    public struct Capture: Sendable {
        public var time: Instant
        public var bytes: [UInt8]
        /// The transport's checksum was left to hardware that does not exist: take it for right.
        public var hasPartialChecksum: Bool

        public var packet: TestPacket {
            var packet = TestPacket(frame: bytes)
            if hasPartialChecksum, packet.ip != nil,
                let read = TestPacket(packet: packet.packetBytes, trustsTransportSum: true)
            {
                packet.transport = read.transport
                packet.payload = read.payload
            }
            return packet
        }
    }

    private let socket: Int32
    private var buffer = [UInt8](repeating: 0, count: 65536 + 64)
    private let realtimeOffset = Clock.realtimeOffset

    /// - Throws: `LabError` if the interface or the namespace does not exist.
    public init(namespace: String, interface: String) throws {
        let opened = try inNetworkNamespace(namespace) {
            let index = unsafe if_nametoindex(interface)
            guard index != 0 else { throw LabError("no interface \(interface) in \(namespace)") }
            let all = UInt16(ETH_P_ALL).bigEndian
            let socket = openSocket(family: AF_PACKET, SOCK_RAW)
            guard socket >= 0 else { throw LabError("no packet socket: errno \(errno)") }
            // Options first, then the protocol with bind: no frame is captured before its tag can be.
            for (level, name, value) in [
                (SOL_PACKET, PACKET_AUXDATA, Int32(1)), (SOL_PACKET, PACKET_IGNORE_OUTGOING, 1),
                (SOL_SOCKET, SO_TIMESTAMPNS, 1), (SOL_SOCKET, SO_RCVBUFFORCE, 32 << 20),
            ] {
                var value = value
                unsafe setsockopt(socket, level, name, &value, socklen_t(MemoryLayout<Int32>.size))
            }
            var address = sockaddr_ll()
            address.sll_family = UInt16(AF_PACKET)
            address.sll_protocol = all
            address.sll_ifindex = Int32(index)
            let bound = unsafe withUnsafePointer(to: &address) {
                unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe bind(socket, $0, socklen_t(MemoryLayout<sockaddr_ll>.size))
                }
            }
            guard bound == 0 else {
                let error = errno
                close(socket)
                throw LabError("cannot bind to \(interface): errno \(error)")
            }
            return socket
        }
        socket = opened
    }

    deinit { close(socket) }

    /// Puts a frame on the cable.
    public func send(_ frame: [UInt8]) throws {
        for _ in 0..<1000 {
            if unsafe Glibc.send(socket, frame, frame.count, 0) == frame.count { return }
            guard errno == EAGAIN || errno == ENOBUFS else { throw LabError("a frame was not sent: errno \(errno)") }
            Clock.sleep(seconds: 0.001)
        }
        throw LabError("a frame was not sent: the queue stays full")
    }

    /// The next frame that came out, waiting at most `seconds`; nil if there is none.
    public func receive(seconds: Double) -> Capture? {
        let deadline = Clock.now + UInt64(max(seconds, 0) * 1e9)
        while true {
            if let capture = read() { return capture }
            let rest = deadline.since(Clock.now)
            guard rest > 0 else { return nil }
            var descriptor = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
            unsafe poll(&descriptor, 1, Int32(rest / 1_000_000) + 1)
        }
    }

    private func read() -> Capture? {
        var control = [UInt64](repeating: 0, count: 32)
        var header = unsafe msghdr()
        let count = unsafe buffer.withUnsafeMutableBytes { data in
            unsafe control.withUnsafeMutableBytes { control in
                var vector = unsafe iovec(iov_base: data.baseAddress, iov_len: data.count)
                unsafe header.msg_control = control.baseAddress
                unsafe header.msg_controllen = control.count
                return unsafe withUnsafeMutablePointer(to: &vector) { vector in
                    unsafe header.msg_iov = vector
                    unsafe header.msg_iovlen = 1
                    return unsafe recvmsg(socket, &header, 0)
                }
            }
        }
        guard count >= 14 else { return nil }
        var capture = Capture(time: Clock.now, bytes: Array(buffer[..<count]), hasPartialChecksum: false)
        let length = unsafe header.msg_controllen
        unsafe control.withUnsafeBytes { unsafe read(control: $0, length: length, into: &capture) }
        return capture
    }

    /// Control messages: a 16-byte head (length, level, type), then data, aligned to 8 bytes (cmsg(3)).
    private func read(control: UnsafeRawBufferPointer, length: Int, into capture: inout Capture) {
        var at = 0
        while at + 16 <= length {
            let size = unsafe control.load(fromByteOffset: at, as: Int.self)
            let level = unsafe control.load(fromByteOffset: at + 8, as: Int32.self)
            let type = unsafe control.load(fromByteOffset: at + 12, as: Int32.self)
            guard size >= 16, at + size <= control.count else { return }
            if level == SOL_SOCKET && type == SO_TIMESTAMPNS {
                let seconds = unsafe control.load(fromByteOffset: at + 16, as: Int64.self)
                let nanoseconds = unsafe control.load(fromByteOffset: at + 24, as: Int64.self)
                let time = seconds * 1_000_000_000 + nanoseconds - realtimeOffset
                if time > 0 { capture.time = Instant(nanoseconds: UInt64(time)) }
            } else if level == SOL_PACKET && type == PACKET_AUXDATA {
                // struct tpacket_auxdata: status, length, captured length; then mac, net, tag, tag's ethertype.
                let status = unsafe control.load(fromByteOffset: at + 16, as: UInt32.self)
                capture.hasPartialChecksum = status & UInt32(TP_STATUS_CSUMNOTREADY) != 0
                if status & UInt32(TP_STATUS_VLAN_VALID) != 0 {
                    let tag = unsafe control.load(fromByteOffset: at + 32, as: UInt16.self)
                    let type = unsafe control.load(fromByteOffset: at + 34, as: UInt16.self)
                    let bytes = [UInt8(type >> 8), UInt8(type & 255), UInt8(tag >> 8), UInt8(tag & 255)]
                    capture.bytes.insert(contentsOf: bytes, at: 12)
                }
            }
            at += (size + 7) & ~7
        }
    }
}
