import Net

extension Packet {
    /// The pseudo-header of TCP and UDP (RFC 9293, 3.1): addresses, protocol, length of header and data.
    @inline(__always)
    func pseudoHeader() -> Checksum { pseudoHeader(of: ipProtocol) }

    /// The same with another protocol's number.
    @inline(__always)
    private func pseudoHeader(of ipProtocol: IPProtocol) -> Checksum {
        var sum = Checksum()
        sum.add(source.rawValue)
        sum.add(destination.rawValue)
        sum.add(UInt16(ipProtocol.rawValue))
        sum.add(UInt16(truncatingIfNeeded: transportLength))
        return sum
    }

    /// Where the checksum of TCP and UDP lies in the transport header; nil for other protocols or a header that is cut off.
    @inline(__always)
    var transportChecksumOffset: Int? {
        switch ipProtocol {
        case .tcp where transportLength >= Offset.tcpHeader: Offset.tcpChecksum
        case .udp where transportLength >= Offset.udpHeader: Offset.udpChecksum
        default: nil
        }
    }

    /// Completes a partial checksum, as veth peers and the host's own stack leave it: the field then holds the folded sum
    /// of the pseudo-header and nothing else. On a correct packet, setting it to the full sum changes nothing.
    @inline(__always)
    func completePartialChecksum() {
        guard !isFragment, let offset = transportChecksumOffset else { return }
        let field = transport16(offset)
        var sum = pseudoHeader()
        guard field == sum.folded else { return }
        setTransport16(offset, 0)
        unsafe sum.add(UnsafeRawPointer(transport), count: transportLength)
        // RFC 768: a computed zero goes out as all ones.
        let full = sum.field
        setTransport16(offset, full == 0 && ipProtocol == .udp ? 0xFFFF : full)
    }

    /// Whether the checksum of a whole TCP, UDP or ICMP packet is right; UDP's may be absent (zero, RFC 768).
    @inline(__always)
    func hasRightTransportChecksum() -> Bool { hasRightTransportChecksum(covering: transportLength) }

    /// The same of a checksum that covers so many bytes from the transport header on, no more than there are (UDP-Lite).
    @inline(__always)
    func hasRightTransportChecksum(covering length: Int) -> Bool {
        var sum: Checksum
        switch ipProtocol {
        case .udp where transport16(Offset.udpChecksum) == 0: return true
        case .tcp, .udp: sum = pseudoHeader()
        case .udpLite:
            // RFC 3828, 3.2 wants its own protocol number in here. The kernel takes UDP's (udplite_error in
            // net/netfilter/nf_conntrack_proto_udp.c), so what every UDP-Lite socket sends is INVALID to it: tried on Linux 6.18.
            sum = pseudoHeader(of: .udp)
        default:
            // The kernel sums up the IP header as well, which comes to all ones (nf_ip_checksum): what is nothing but zeros is right.
            sum = Checksum()
            sum.add(UInt16.max)
        }
        unsafe sum.add(UnsafeRawPointer(transport), count: length)
        return sum.folded == 0xFFFF
    }

    /// Whether the IP header's checksum is right.
    var hasRightHeaderChecksum: Bool {
        var sum = Checksum()
        unsafe sum.add(UnsafeRawPointer(ip), count: headerLength)
        return sum.folded == 0xFFFF
    }

    /// Writes the IP header's checksum anew.
    func fillHeaderChecksum() {
        setIP16(Offset.ipChecksum, 0)
        var sum = Checksum()
        unsafe sum.add(UnsafeRawPointer(ip), count: headerLength)
        setIP16(Offset.ipChecksum, sum.field)
    }

    /// Writes the transport checksum of a packet that was made here anew.
    func fillTransportChecksum() {
        let offset: Int
        var sum: Checksum
        switch ipProtocol {
        case .icmp: (offset, sum) = (Offset.icmpChecksum, Checksum())
        case .tcp: (offset, sum) = (Offset.tcpChecksum, pseudoHeader())
        case .udp: (offset, sum) = (Offset.udpChecksum, pseudoHeader())
        default: return
        }
        setTransport16(offset, 0)
        unsafe sum.add(UnsafeRawPointer(transport), count: transportLength)
        let field = sum.field
        setTransport16(offset, field == 0 && ipProtocol == .udp ? 0xFFFF : field)
    }

    /// One hop less (RFC 1812, 5.3.1), with the checksum following.
    @inline(__always)
    func decrementTTL() {
        let old = ip16(Offset.ipTTL)
        let new = old &- 0x0100
        setIP16(Offset.ipTTL, new)
        setIP16(Offset.ipChecksum, Checksum.updated(ip16(Offset.ipChecksum), from: old, to: new))
    }
}
