import CXDP
import Glibc

/// Tells a service manager how things stand (sd_notify(3)): one datagram to the socket that NOTIFY_SOCKET names.
enum ServiceManager {
    /// - Parameter state: such as "READY=1". Nothing happens if no manager listens.
    static func notify(_ state: String) {
        guard let value = unsafe getenv("NOTIFY_SOCKET") else { return }
        let path = unsafe String(cString: value)
        guard path.hasPrefix("/") || path.hasPrefix("@") else { return }
        var socket = UnixDatagram(path: path)
        _ = socket.send(Array(state.utf8))
    }
}
