import CXDP
import Glibc

/// Opens a socket that does not wait and does not outlive an exec.
///
/// - Returns: the descriptor, or -1 with `errno` set.
func openSocket(family: Int32, _ kind: __socket_type, protocol number: Int32 = 0) -> Int32 {
    let flags = Int32(kind.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
    return socket(family, flags, number)
}

/// The kinds of sockets that the router's own programs have in a scenario.
enum HostSocketKind {
    case stream, datagram, ping

    func open() -> Int32 {
        switch self {
        case .stream: openSocket(family: AF_INET, SOCK_STREAM)
        case .datagram: openSocket(family: AF_INET, SOCK_DGRAM)
        case .ping: openSocket(family: AF_INET, SOCK_DGRAM, protocol: Int32(IPPROTO_ICMP))
        }
    }
}
