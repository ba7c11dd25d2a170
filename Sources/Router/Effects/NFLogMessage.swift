import Dataplane
import Net

/// What NFLOG says of a packet, as captures of the link type NFLOG (239) hold it: a netlink message's body
/// (uapi/linux/netfilter/nfnetlink_log.h), which tcpdump and Wireshark read.
///
/// ```
/// family version group │ length type value │ length type value │ …
///   1       1      2      2      2    padded to 4
/// ```
///
/// Lengths and types are in the capture's byte order, here little-endian; the group and the values are in network order.
struct NFLogMessage {
    /// LINKTYPE_NFLOG (tcpdump.org, link-layer header types).
    static let linkType: UInt16 = 239

    /// NFULA_*.
    private enum Attribute: UInt16 {
        case packetHeader = 1
        case mark = 2
        case timestamp = 3
        case ingress = 4
        case egress = 5
        case address = 8
        case payload = 9
        case prefix = 10
        case uid = 11
        case gid = 14
        case linkType = 15
        case linkHeader = 16
        case linkLength = 17
    }

    private var bytes: [UInt8] = []

    /// The message, its attributes in the kernel's order (__build_packet_message in net/netfilter/nfnetlink_log.c).
    ///
    /// - Parameter time: of the packet, in nanoseconds since 1970.
    static func bytes(of report: Report, time: UInt64, interfaces: InterfaceNames) -> [UInt8] {
        let header = report.header
        var message = NFLogMessage()
        // AF_INET; NFNETLINK_V0.
        message.bytes = [2, 0] + big(header.group)
        message.add(.packetHeader, big(UInt16(0x0800)) + [header.hook.rawValue, 0])
        message.add(.prefix, report.prefix + [0])
        if header.ingress != .none { message.add(.ingress, big(interfaces.link(header.ingress).rawValue)) }
        if header.egress != .none { message.add(.egress, big(interfaces.link(header.egress).rawValue)) }
        if header.mark != 0 { message.add(.mark, big(header.mark)) }
        if header.ingress == .host {
            message.addLink(Report.loopbackHeader, type: 772)
        } else if report.link.count >= 14 {
            message.addLink(report.link, type: 1)
        }
        message.add(.timestamp, big(time / 1_000_000_000) + big(time / 1000 % 1_000_000))
        if header.sender.isKnown {
            message.add(.uid, big(header.sender.uid))
            message.add(.gid, big(header.sender.gid))
        }
        if !report.packet.isEmpty { message.add(.payload, report.packet) }
        return message.bytes
    }

    /// - Parameter type: ARPHRD_ETHER or ARPHRD_LOOPBACK (uapi/linux/if_arp.h).
    private mutating func addLink(_ header: [UInt8], type: UInt16) {
        add(.address, Self.big(UInt16(6)) + [0, 0] + header[6..<12] + [0, 0])
        add(.linkType, Self.big(type))
        add(.linkLength, Self.big(UInt16(header.count)))
        add(.linkHeader, header)
    }

    /// A packet has at most 65,535 bytes; with the attribute's own four it may be too long for a 16-bit length and is cut.
    private mutating func add(_ attribute: Attribute, _ value: [UInt8]) {
        let value = value.prefix(0xFFFF - 4)
        let length = UInt16(value.count + 4)
        bytes += [UInt8(length & 0xFF), UInt8(length >> 8), UInt8(attribute.rawValue), 0]
        bytes += value
        while bytes.count % 4 != 0 { bytes.append(0) }
    }

    private static func big<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
        (0..<Number.bitWidth / 8).reversed().map { UInt8(truncatingIfNeeded: number >> Number(8 * $0)) }
    }
}
