import CXDP
import Glibc
import TestSupport

/// The kernel's table of tracked connections in the namespace of the thread that makes the value.
final class ConntrackControl {
    private let netlink: Int32
    private let list: Int32
    private var buffer = [UInt8](repeating: 0, count: 1 << 16)

    init() throws {
        netlink = socket(AF_NETLINK, Int32(SOCK_RAW.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 12)
        guard netlink >= 0 else { throw LabError("no netlink socket for connections: errno \(errno)") }
        list = unsafe open("/proc/thread-self/net/nf_conntrack", O_RDONLY | O_CLOEXEC)
        guard list >= 0 else { throw LabError("no list of connections: errno \(errno)") }
    }

    deinit {
        close(netlink)
        close(list)
    }

    /// Forgets all connections: IPCTNL_MSG_CT_DELETE without attributes (net/netfilter/nf_conntrack_netlink.c).
    func flush() throws {
        // struct nlmsghdr (length, type, flags, sequence, port), then struct nfgenmsg (family, version, resource).
        let type = UInt32(1 << 8 | 2)
        let flags = UInt32(1 | 4)
        let words: [UInt32] = [20, flags << 16 | type, 1, 0, UInt32(AF_INET)]
        guard unsafe send(netlink, words, 20, 0) == 20 else { throw LabError("connections not flushed: errno \(errno)") }
        var answer = [Int32](repeating: 0, count: 64)
        let count = unsafe recv(netlink, &answer, 256, 0)
        // The acknowledgment: a header, and 0 or a negative error.
        guard count >= 20, answer[4] == 0 else { throw LabError("connections not flushed: \(answer[4])") }
    }

    /// The lines of /proc/net/nf_conntrack.
    func lines() throws -> [String] {
        guard lseek(list, 0, SEEK_SET) == 0 else { throw LabError("cannot read connections again: errno \(errno)") }
        var text: [UInt8] = []
        while true {
            let count = unsafe read(list, &buffer, buffer.count)
            if count <= 0 { break }
            text += buffer[..<count]
        }
        return String(decoding: text, as: UTF8.self).split(separator: "\n").map { String($0) }
    }
}
