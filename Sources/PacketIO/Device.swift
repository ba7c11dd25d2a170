import BPFPrograms
import CXDP
import Glibc

/// A network device as attaching sees it: its number and queues, and who else has a program on it.
struct Device {
    let name: String
    let link: UInt32
    let receiveQueues: UInt32
    let transmitQueues: UInt32

    /// - Throws: if there is no such device, or its frames do not fit the chunks.
    init(name: String, umem: Umem) throws(PacketIOError) {
        self.name = name
        link = unsafe if_nametoindex(name)
        guard link != 0 else {
            throw PacketIOError(
                "no such interface", port: name, code: errno, advice: "`ip link` lists those of this namespace")
        }
        let probe = socket(AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard probe >= 0 else { throw PacketIOError("open a socket", port: name, code: errno) }
        defer { close(probe) }

        let mtu = unsafe Int(martlet_read_mtu(probe, name))
        // An Ethernet header and two VLAN tags on top of the MTU.
        guard mtu + 22 <= umem.longestFrame else {
            throw PacketIOError(
                "an MTU of \(mtu) bytes does not fit frames of \(umem.frameSize) bytes", port: name,
                advice: umem.frameSize < 4096
                    ? "use frames of 4096 bytes, or lower the MTU to \(umem.longestFrame - 22)"
                    : "lower the MTU to \(umem.longestFrame - 22) (`ip link set \(name) mtu …`)")
        }
        // A driver that does not say has one queue.
        var receive: UInt32 = 1
        var transmit: UInt32 = 1
        _ = unsafe martlet_count_queues(probe, name, &receive, &transmit)
        receiveQueues = max(receive, 1)
        transmitQueues = max(transmit, 1)
    }

    /// Attaches a program natively, by a link.
    ///
    /// A program that a dead daemon of ours left attached by netlink is taken off. One attached by a link belongs to a
    /// process that lives or is just dying, so it gets two seconds to go.
    func attach(_ program: Int32) throws(PacketIOError) -> Int32 {
        var attempts = 40
        while true {
            let attachment = martlet_link_xdp(program, Int32(link))
            if attachment >= 0 { return attachment }
            let code = errno
            guard code == EBUSY || code == EEXIST else { throw explain(code) }

            guard let other = otherProgram() else {
                // It went in between; come again.
                attempts -= 1
                if attempts == 0 { throw explain(code) }
                usleep(50_000)
                continue
            }
            defer { close(other.descriptor) }
            guard other.name.hasPrefix(BPFObject.namePrefix) else {
                throw PacketIOError(
                    "attach the XDP program", port: name, code: code,
                    advice: "the program \"\(other.name)\" is attached and not ours; take it off "
                        + "(`ip link set dev \(name) xdp off`, or end its owner)")
            }
            if martlet_detach_xdp(Int32(link), other.descriptor) == 0 { continue }
            attempts -= 1
            guard attempts > 0 else {
                throw PacketIOError(
                    "attach the XDP program", port: name, code: code, advice: "another martlet is running on this interface")
            }
            usleep(50_000)
        }
    }

    /// The program attached now: an open descriptor, the caller's to close, and its name.
    private func otherProgram() -> (descriptor: Int32, name: String)? {
        var number: UInt32 = 0
        var mode: UInt8 = 0
        guard unsafe martlet_query_xdp(Int32(link), &number, &mode) == 0, number != 0 else { return nil }
        var name = [CChar](repeating: 0, count: 17)
        let descriptor = unsafe martlet_open_program(number, &name)
        guard descriptor >= 0 else { return nil }
        return (descriptor, String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }

    /// What the kernel means by refusing a program (net/core/dev.c and the drivers).
    private func explain(_ code: Int32) -> PacketIOError {
        let advice: String? =
            switch code {
            case EOPNOTSUPP, EINVAL:
                "its driver\(driver.map { " (\($0))" } ?? "") has no native XDP, and ports without it (io: af_packet) are "
                    + "not supported yet"
            case ENOSPC: "too few queues for XDP; on a veth, the peer must not have more than this end (`ethtool -L`)"
            case ERANGE: "the MTU is too large for XDP on this driver"
            case EPERM: "run as root, or with CAP_BPF and CAP_NET_ADMIN"
            default: nil
            }
        return PacketIOError("attach the XDP program natively", port: name, code: code, advice: advice)
    }

    private var driver: String? {
        let probe = socket(AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard probe >= 0 else { return nil }
        defer { close(probe) }
        var text = [CChar](repeating: 0, count: 33)
        guard unsafe martlet_driver_name(probe, name, &text) == 0 else { return nil }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
