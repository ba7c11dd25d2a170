import Net

/// Matches that look at a packet's own bytes and nothing else.
public enum HeaderMatch: Sendable {
    case tcp(source: PortTest, destination: PortTest, mask: UInt8, flags: UInt8, isNegated: Bool)
    case tcpOption(kind: UInt8, isNegated: Bool)
    case udp(source: PortTest, destination: PortTest)
    /// Type 255 stands for any.
    case icmp(type: UInt8, firstCode: UInt8, lastCode: UInt8, isNegated: Bool)
    /// Ranges by place and number in the list of port ranges.
    case multiport(PortSide, first: UInt32, count: UInt32, isNegated: Bool)
    case ip(IPMatch)
    case transport(TransportMatch)
    case content(ContentMatch)

    /// Which ports of a packet `multiport` looks at.
    public enum PortSide: UInt8, Sendable { case source, destination, either }
}

extension Worker {
    /// - Parameter spoilt: set if the header that a match wants is cut off: such a packet is dropped at once ("hotdrop" in
    ///   net/netfilter/xt_tcpudp.c and xt_multiport.c). Later fragments have none and just do not match, but for one so early that it could
    ///   overwrite a TCP header (RFC 1858).
    @inline(__always)
    mutating func matches(
        _ match: HeaderMatch, _ packet: Packet, _ hook: Hook, _ spoilt: inout DropReason?
    ) -> Bool {
        if !packet.hasTransport {
            switch match {
            case .tcp, .tcpOption:
                if packet.fragmentOffset <= 8 { spoilt = .transportCut }
                return false
            case .multiport where packet.hasPorts: break
            case .udp, .icmp, .multiport:
                if packet.fragmentOffset == 0 { spoilt = .transportCut }
                return false
            case .ip, .transport, .content: break
            }
        }
        switch match {
        case .tcp(let source, let destination, let mask, let flags, let isNegated):
            return source.matches(packet.sourcePort) && destination.matches(packet.destinationPort)
                && (packet.tcpFlags.rawValue & mask == flags) != isNegated
        case .tcpOption(let kind, let isNegated):
            // tcp_mt in net/netfilter/xt_tcpudp.c.
            guard packet.hasWholeTCPHeader else {
                spoilt = .transportCut
                return false
            }
            return packet.hasTCPOption(kind) != isNegated
        case .udp(let source, let destination):
            return source.matches(packet.sourcePort) && destination.matches(packet.destinationPort)
        case .icmp(let type, let firstCode, let lastCode, let isNegated):
            let code = packet.transport8(Offset.icmpCode)
            return (type == 255
                || (packet.transport8(Offset.icmpType) == type && code >= firstCode && code <= lastCode)) != isNegated
        case .multiport(let side, let first, let count, let isNegated):
            var found = false
            for index in first..<(first &+ count) {
                let range = snapshot.rules.portRanges[index]
                switch side {
                case .source: found = range.matches(packet.firstPort)
                case .destination: found = range.matches(packet.secondPort)
                case .either: found = range.matches(packet.firstPort) || range.matches(packet.secondPort)
                }
                if found { break }
            }
            return found != isNegated
        case .ip(let match): return packet.matches(match)
        case .transport(let match): return matches(match, packet, &spoilt)
        case .content(let match): return matches(match, packet, hook)
        }
    }
}

extension Packet {
    /// Whether the four bytes are there that `multiport` looks at, even if the rest of the header is not.
    var hasPorts: Bool { fragmentOffset == 0 && transportLength >= 4 }
    /// To be asked for only if `hasPorts`.
    var firstPort: UInt16 { transport16(Offset.sourcePort) }
    var secondPort: UInt16 { transport16(Offset.destinationPort) }

    /// Whether a TCP header carries an option of this kind (tcp_find_option in net/netfilter/xt_tcpudp.c).
    func hasTCPOption(_ kind: UInt8) -> Bool {
        var options = tcpOptions(to: tcpHeaderLength)
        while let option = options.nextAsFound() { if option.kind == kind { return true } }
        return false
    }
}
