import CXDP
import Glibc

/// A message to rtnetlink, put together in order: header, fixed part, attributes (linux/netlink.h). Everything is in host
/// byte order and aligned to four bytes.
struct LinkMessage {
    private(set) var bytes: [UInt8]

    /// - Parameter flags: besides NLM_F_REQUEST and NLM_F_ACK, which every message has.
    init(_ type: Int, flags: Int32 = 0) {
        bytes = []
        append(UInt32(0))
        append(UInt16(type))
        append(UInt16(NLM_F_REQUEST | NLM_F_ACK | flags))
        append(UInt32(1))
        append(UInt32(0))
    }

    mutating func append<T: BitwiseCopyable>(_ value: T) {
        unsafe withUnsafeBytes(of: value) { raw in unsafe bytes.append(contentsOf: raw) }
    }

    /// An ifinfomsg that names a link by its number, or none.
    mutating func appendLink(_ index: Int32 = 0) {
        append(ifinfomsg(ifi_family: 0, __ifi_pad: 0, ifi_type: 0, ifi_index: index, ifi_flags: 0, ifi_change: 0))
    }

    /// An attribute with what `body` appends as its content.
    mutating func attribute(_ type: Int, _ body: (inout LinkMessage) -> Void) {
        let start = bytes.count
        append(UInt16(0))
        append(UInt16(type))
        body(&self)
        let length = UInt16(bytes.count - start)
        bytes[start] = UInt8(length & 255)
        bytes[start + 1] = UInt8(length >> 8)
        if UInt16(1).bigEndian == 1 { bytes.swapAt(start, start + 1) }
        while bytes.count % 4 != 0 { bytes.append(0) }
    }

    mutating func attribute(_ type: Int, text: String) {
        attribute(type) { message in message.bytes += Array(text.utf8) + [0] }
    }

    mutating func attribute(_ type: Int, number: UInt32) {
        attribute(type) { message in message.append(number) }
    }

    /// Sends it in the calling thread's namespace and hears all answers.
    ///
    /// - Returns: an errno value, 0 for success, and how many messages other than the last came, which for a dump is the
    ///   number of things found.
    func exchange() -> (code: Int32, answers: Int) {
        let descriptor = socket(AF_NETLINK, Int32(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue), NETLINK_ROUTE)
        guard descriptor >= 0 else { return (errno, 0) }
        defer { close(descriptor) }

        var request = bytes
        unsafe withUnsafeBytes(of: UInt32(bytes.count)) { length in unsafe request.replaceSubrange(0..<4, with: length) }
        guard unsafe send(descriptor, request, request.count, 0) == request.count else { return (errno, 0) }

        var answers = 0
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = unsafe recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else {
                if count < 0 && errno == EINTR { continue }
                return (count < 0 ? errno : EIO, answers)
            }
            var offset = 0
            while offset + 16 <= count {
                let length = Int(Self.number(buffer, offset))
                let type = Int32(Self.number(buffer, offset + 4) & 0xFFFF)
                guard length >= 16, offset + length <= count else { return (EBADMSG, answers) }
                switch type {
                case NLMSG_ERROR:
                    guard length >= 20 else { return (EBADMSG, answers) }
                    return (-Int32(bitPattern: Self.number(buffer, offset + 16)), answers)
                case NLMSG_DONE: return (0, answers)
                default: answers += 1
                }
                offset += (length + 3) & ~3
            }
        }
    }

    private static func number(_ bytes: [UInt8], _ at: Int) -> UInt32 {
        unsafe bytes.withUnsafeBytes { raw in unsafe raw.loadUnaligned(fromByteOffset: at, as: UInt32.self) }
    }
}

/// The few things that the host path asks of rtnetlink, each in the calling thread's namespace. All return an errno value.
enum LinkRequest {
    /// Attribute numbers of linux/if_link.h and linux/veth.h, which are anonymous enumerations there.
    private static let ifname = 3, mtu = 4, linkinfo = 18, afSpec = 26, netNsFd = 28, numTxQueues = 31, numRxQueues = 32
    private static let infoKind = 1, infoData = 2, vethPeer = 1, inet6AddrGenMode = 8, addrGenModeNone: UInt8 = 1

    /// A veth pair, whose second end is put into the namespace of a descriptor.
    static func createPair(_ name: String, peer: String, in namespace: Int32, mtu bytes: Int, queues: Int) -> Int32 {
        func describe(_ message: inout LinkMessage, _ name: String) {
            message.attribute(ifname, text: name)
            message.attribute(mtu, number: UInt32(bytes))
            message.attribute(numTxQueues, number: UInt32(queues))
            message.attribute(numRxQueues, number: UInt32(queues))
        }
        var message = LinkMessage(Int(RTM_NEWLINK), flags: NLM_F_CREATE | NLM_F_EXCL)
        message.appendLink()
        describe(&message, name)
        message.attribute(linkinfo) { message in
            message.attribute(infoKind, text: "veth")
            message.attribute(infoData) { message in
                message.attribute(vethPeer) { message in
                    message.appendLink()
                    describe(&message, peer)
                    message.attribute(netNsFd, number: UInt32(namespace))
                }
            }
        }
        return message.exchange().code
    }

    /// No IPv6 link-local address, and so no router solicitations and the like.
    static func silenceIPv6(_ link: UInt32) -> Int32 {
        var message = LinkMessage(Int(RTM_NEWLINK))
        message.appendLink(Int32(link))
        message.attribute(afSpec) { message in
            message.attribute(Int(AF_INET6)) { message in
                message.attribute(inet6AddrGenMode) { message in message.append(addrGenModeNone) }
            }
        }
        return message.exchange().code
    }

    static func delete(_ link: UInt32) -> Int32 {
        var message = LinkMessage(Int(RTM_DELLINK))
        message.appendLink(Int32(link))
        return message.exchange().code
    }

    /// How many filters a link's clsact qdisc has, both directions together.
    static func countFilters(_ link: UInt32) -> Int {
        // TC_H_CLSACT with TC_H_MIN_INGRESS and TC_H_MIN_EGRESS (linux/pkt_sched.h).
        [0xFFFF_FFF2, 0xFFFF_FFF3].reduce(0) { sum, parent in
            var message = LinkMessage(Int(RTM_GETTFILTER), flags: NLM_F_ROOT | NLM_F_MATCH)
            message.append(UInt32(0))
            message.append(link)
            message.append(UInt32(0))
            message.append(UInt32(parent))
            message.append(UInt32(0))
            return sum + message.exchange().answers
        }
    }
}
