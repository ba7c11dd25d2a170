import CXDP
import Glibc
import TestSupport

/// A copy of a packet that NFLOG made, read from the message that tells of it (uapi/linux/netfilter/nfnetlink_log.h).
struct PacketCopy {
    var group: UInt16
    var hook: UInt8 = 255
    var prefix = ""
    var mark: UInt32 = 0
    /// Numbers of links; 0 for none.
    var ingress: UInt32 = 0
    var egress: UInt32 = 0
    /// Of who sent the frame.
    var address: [UInt8] = []
    var payload: [UInt8] = []

    /// - Parameter message: what stands behind the netlink header: family, version, group, and attributes.
    init?(message: [UInt8]) {
        guard message.count >= 4 else { return nil }
        group = UInt16(message[2]) << 8 | UInt16(message[3])
        var at = 4
        while at + 4 <= message.count {
            let length = Int(message[at]) | Int(message[at + 1]) << 8
            guard length >= 4, at + length <= message.count else { return nil }
            let value = Array(message[(at + 4)..<(at + length)])
            let number = value.prefix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            // NFULA_*.
            switch message[at + 2] {
            case 1: hook = value.count > 2 ? value[2] : 255
            case 2: mark = number
            case 4: ingress = number
            case 5: egress = number
            case 8: address = value.count >= 10 ? Array(value[4..<10]) : []
            case 9: payload = value
            case 10: prefix = String(decoding: value.dropLast(), as: UTF8.self)
            default: break
            }
            at += (length + 3) & ~3
        }
    }
}

extension OutcomeRecorder {
    /// In words, with names in place of numbers that NAT chose.
    func text(of copy: PacketCopy, link: (UInt32) -> String) -> String {
        // As for LOG, TEE's copies have no Ethernet header that means anything.
        let address = copy.ingress == copy.egress ? "" : copy.address.map { String($0, radix: 16) }.joined(separator: ":")
        let packet =
            TestPacket(packet: copy.payload, trustsTransportSum: true).map { text(of: $0) }
            ?? copy.payload.map { String($0, radix: 16) }.joined(separator: " ")
        return "nflog group \(copy.group) hook \(copy.hook) prefix \"\(copy.prefix)\" mark \(copy.mark) in \(link(copy.ingress)) "
            + "out \(link(copy.egress)) from \(address): \(packet)"
    }
}

/// A program that listens to NFLOG in the namespace of the thread that makes the value.
final class KernelCopies {
    private let netlink: Int32
    private var buffer = [UInt8](repeating: 0, count: 1 << 16)

    /// - Parameter groups: those that are listened to.
    init(groups: [UInt16]) throws {
        netlink = socket(AF_NETLINK, Int32(SOCK_RAW.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 12)
        guard netlink >= 0 else { throw LabError("no netlink socket for NFLOG: errno \(errno)") }
        // Room for what a case may log between two looks.
        var size: Int32 = 1 << 22
        unsafe setsockopt(netlink, SOL_SOCKET, SO_RCVBUFFORCE, &size, 4)
        for group in groups {
            // NFULA_CFG_CMD: bind. NFULA_CFG_MODE: whole packets. NFULA_CFG_QTHRESH: each one at once.
            try configure(group, 1, [1])
            try configure(group, 2, [0, 0, 0xFF, 0xFF, 2, 0])
            try configure(group, 5, [0, 0, 0, 1])
        }
    }

    deinit { close(netlink) }

    /// NFULNL_MSG_CONFIG with one attribute.
    private func configure(_ group: UInt16, _ attribute: UInt8, _ value: [UInt8]) throws {
        let length = 4 + value.count
        var body: [UInt8] = [UInt8(AF_INET), 0, UInt8(group >> 8), UInt8(group & 255), UInt8(length), 0, attribute, 0] + value
        while body.count % 4 != 0 { body.append(0) }
        // struct nlmsghdr: length, type (NFNL_SUBSYS_ULOG, NFULNL_MSG_CONFIG), flags (request, acknowledge), sequence, port.
        let message: [UInt8] = [UInt8(16 + body.count), 0, 0, 0, 1, 4, 5, 0, 1, 0, 0, 0, 0, 0, 0, 0] + body
        guard unsafe send(netlink, message, message.count, 0) == message.count else { throw LabError("NFLOG not bound: errno \(errno)") }
        let count = unsafe recv(netlink, &buffer, buffer.count, 0)
        guard count >= 20, buffer[16..<20].allSatisfy({ $0 == 0 }) else { throw LabError("NFLOG not bound: \(buffer[16..<20])") }
    }

    /// What was logged since the last call.
    func take() -> [PacketCopy] {
        var copies: [PacketCopy] = []
        while true {
            let count = unsafe recv(netlink, &buffer, buffer.count, 0)
            guard count > 0 else { return copies }
            var at = 0
            while at + 16 <= count {
                let length = Int(buffer[at]) | Int(buffer[at + 1]) << 8 | Int(buffer[at + 2]) << 16
                guard length >= 16, at + length <= count else { break }
                // NFULNL_MSG_PACKET.
                if buffer[at + 4] == 0, buffer[at + 5] == 4, let copy = PacketCopy(message: Array(buffer[(at + 16)..<(at + length)])) {
                    copies.append(copy)
                }
                at += (length + 3) & ~3
            }
        }
    }
}
