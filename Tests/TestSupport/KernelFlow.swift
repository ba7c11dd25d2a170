import CXDP
import Glibc
import Net

/// What the kernel's connection tracking says of one flow.
public struct KernelFlow: Hashable, Sendable {
    /// enum ip_conntrack_status.
    public var status: UInt32 = 0
    /// Seconds left.
    public var timeout: UInt32 = 0
    /// enum tcp_conntrack or sctp_conntrack; nil for other protocols.
    public var state: UInt8?
    /// Packets of the original direction and of the reply; 0 where nf_conntrack_acct is off.
    public var packets: [UInt64] = [0, 0]
}

/// Asks the kernel for single flows (ctnetlink, include/uapi/linux/netfilter/nfnetlink_conntrack.h), which takes microseconds where
/// reading the whole table takes milliseconds.
public final class KernelFlows {
    private let socket: Int32
    private var answer = [UInt8](repeating: 0, count: 8192)

    /// - Throws: `LabError` if the namespace does not exist or the kernel has no ctnetlink.
    public init(namespace: String) throws {
        socket = try inNetworkNamespace(namespace) {
            // NETLINK_NETFILTER.
            let socket = Glibc.socket(AF_NETLINK, Int32(SOCK_RAW.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 12)
            guard socket >= 0 else { throw LabError("no netlink socket: errno \(errno)") }
            return socket
        }
    }

    deinit { close(socket) }

    /// The flow that has this tuple in its original direction or in that of the reply; nil if there is none.
    public func flow(
        _ ipProtocol: UInt8, from source: IPv4Address, _ sourcePort: UInt16, to destination: IPv4Address, _ destinationPort: UInt16
    ) throws -> KernelFlow? {
        func big(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 255)] }
        func big(_ address: IPv4Address) -> [UInt8] { (0..<4).map { UInt8(address.rawValue >> (24 - 8 * $0) & 255) } }
        // CTA_TUPLE_IP with CTA_IP_V4_SRC and _DST; CTA_TUPLE_PROTO with CTA_PROTO_NUM, _SRC_PORT and _DST_PORT; in CTA_TUPLE_ORIG.
        let addresses = attribute(1, attribute(1, big(source)) + attribute(2, big(destination)), isNest: true)
        let ports = attribute(
            2, attribute(1, [ipProtocol]) + attribute(2, big(sourcePort)) + attribute(3, big(destinationPort)), isNest: true)
        let body = [UInt8(AF_INET), 0, 0, 0] + attribute(1, addresses + ports, isNest: true)
        var message: [UInt8] = []
        append(UInt32(16 + body.count), to: &message)
        // NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET; NLM_F_REQUEST.
        message += [1, 1, 1, 0]
        append(0, to: &message)
        append(0, to: &message)
        message += body
        guard unsafe send(socket, message, message.count, 0) == message.count else {
            throw LabError("ctnetlink was not asked: errno \(errno)")
        }
        let count = unsafe recv(socket, &answer, answer.count, 0)
        guard count >= 20 else { throw LabError("ctnetlink did not answer: errno \(errno)") }
        // NLMSG_ERROR.
        if answer[4] == 2, answer[5] == 0 {
            let error = Int32(bitPattern: little(16))
            guard error == -ENOENT else { throw LabError("ctnetlink refused: errno \(-error)") }
            return nil
        }
        return read(count)
    }

    private func attribute(_ kind: UInt8, _ data: [UInt8], isNest: Bool = false) -> [UInt8] {
        let length = data.count + 4
        return [UInt8(length & 255), UInt8(length >> 8), kind, isNest ? 0x80 : 0] + data
            + [UInt8](repeating: 0, count: (4 - length & 3) & 3)
    }

    private func append(_ value: UInt32, to bytes: inout [UInt8]) { for shift in [0, 8, 16, 24] as [UInt32] { bytes.append(UInt8(value >> shift & 255)) } }
    private func little(_ at: Int) -> UInt32 { (0..<4).reduce(0) { $0 | UInt32(answer[at + $1]) << UInt32(8 * $1) } }
    private func big(_ at: Int, _ count: Int) -> UInt64 { (0..<count).reduce(0) { $0 << 8 | UInt64(answer[at + $1]) } }

    private func forEachAttribute(from: Int, to end: Int, _ visit: (_ kind: Int, _ start: Int, _ end: Int) -> Void) {
        var at = from
        while at + 4 <= end {
            let length = Int(answer[at]) | Int(answer[at + 1]) << 8
            guard length >= 4, at + length <= end else { return }
            visit(Int(answer[at + 2]) | Int(answer[at + 3] & 0x3F) << 8, at + 4, at + length)
            at += (length + 3) & ~3
        }
    }

    private func read(_ count: Int) -> KernelFlow {
        var flow = KernelFlow()
        forEachAttribute(from: 20, to: count) { kind, start, end in
            switch kind {
            // CTA_STATUS, CTA_TIMEOUT.
            case 3: flow.status = UInt32(big(start, 4))
            case 7: flow.timeout = UInt32(big(start, 4))
            // CTA_PROTOINFO with CTA_PROTOINFO_TCP (1) or _SCTP (3), of which the first is the state.
            case 4:
                forEachAttribute(from: start, to: end) { _, start, end in
                    forEachAttribute(from: start, to: end) { kind, start, _ in if kind == 1 { flow.state = answer[start] } }
                }
            // CTA_COUNTERS_ORIG, CTA_COUNTERS_REPLY, with CTA_COUNTERS_PACKETS.
            case 9, 10:
                forEachAttribute(from: start, to: end) { kind2, start, _ in
                    if kind2 == 1 { flow.packets[kind - 9] = big(start, 8) }
                }
            default: break
            }
        }
        return flow
    }
}
