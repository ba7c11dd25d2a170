import Net

// Targets that change the options of a TCP header: net/netfilter/xt_TCPMSS.c and xt_TCPOPTSTRIP.c.

extension Worker {
    /// Headers of IP and TCP without options, which a segment size does not count.
    private static var headers: Int { Offset.ipHeader + Offset.tcpHeader }
    /// What a host may send that got no segment size told (RFC 9293, 3.7.1).
    private static var unstatedSize: UInt16 { 536 }

    /// To the smaller MTU of the two ways: the packet's own, and that of an answer to its source.
    mutating func clampSegmentSize(_ packet: inout Packet) -> TargetOutcome {
        guard packet.fragmentOffset == 0 else { return .next }
        guard packet.hasWholeTCPHeader else { return .drop(.tcpHeader) }
        let back = routing.lookup(RouteQuery(destination: packet.source))
        // Only a way that there is has an MTU; to the host itself it is larger than any.
        let mtu = back.mtu == 0 ? packet.mtu : min(packet.mtu, Int(back.mtu))
        guard mtu > Self.headers else { return .drop(.pathMTU) }
        return setSegmentSize(UInt16(truncatingIfNeeded: mtu - Self.headers), &packet)
    }

    /// Lowers the segment size that a header offers, and never raises it; adds the option if there is none and nothing follows the
    /// header.
    mutating func setSegmentSize(_ size: UInt16, _ packet: inout Packet) -> TargetOutcome {
        guard packet.fragmentOffset == 0 else { return .next }
        guard packet.hasWholeTCPHeader else { return .drop(.tcpHeader) }
        let end = packet.tcpHeaderLength
        var options = packet.tcpOptions(to: end)
        while let option = options.nextAsFound() {
            guard let stated = packet.segmentSize(in: option, endingBy: end) else { continue }
            if stated > size {
                packet.setTCPByte(option.offset + 2, UInt8(size >> 8))
                packet.setTCPByte(option.offset + 3, UInt8(size & 0xFF))
            }
            return .next
        }
        // Data would have to move, and might not fit any more; a header cannot be longer than four bits say.
        guard packet.transportLength == end, end < 60 else { return .next }
        guard room(behind: packet) >= TCPOption.segmentSizeLength else { return .drop(.noRoomToGrow) }
        packet.insertSegmentSize(min(size, Self.unstatedSize))
        forgetPieces(of: packet)
        return .next
    }

    /// Overwrites options with padding.
    ///
    /// - Parameter words: where the kinds stand in the rules' words.
    func stripOptions(_ words: UInt32, _ packet: Packet) -> TargetOutcome {
        guard packet.fragmentOffset == 0 else { return .next }
        guard packet.hasWholeTCPHeader else { return .drop(.tcpHeader) }
        let end = packet.tcpHeaderLength
        var options = packet.tcpOptions(to: end)
        // The header's last byte is not looked at for an option, nor anything from one on that leads out of the header.
        while let option = options.nextAsFound(), option.offset < end - 1, option.offset + option.length <= end {
            let kind = option.kind
            guard snapshot.rules.words[words &+ UInt32(kind >> 5)] & 1 << UInt32(kind & 31) != 0 else { continue }
            for place in option.offset..<(option.offset + option.length) {
                packet.setTCPByte(place, TCPOption.noOperation)
            }
        }
        return .next
    }
}

extension Packet {
    /// Puts the option in front of the others. The caller has seen to the room, and that nothing follows the header.
    fileprivate mutating func insertSegmentSize(_ size: UInt16) {
        let count = TCPOption.segmentSizeLength
        let options = unsafe transport + Offset.tcpHeader
        unsafe (options + count).copyMemory(from: options, byteCount: transportLength - Offset.tcpHeader)
        // The checksum covers the TCP length; the options keep their parity by moving four bytes.
        let oldLength = UInt16(truncatingIfNeeded: transportLength)
        var sum = Checksum.updated(transport16(Offset.tcpChecksum), from: oldLength, to: oldLength &+ UInt16(count))
        let option = UInt32(TCPOption.segmentSize) << 24 | UInt32(count) << 16 | UInt32(size)
        sum = Checksum.updated(sum, from: 0, to: option)
        setTransport32(Offset.tcpHeader, option)
        setTransport16(Offset.tcpChecksum, sum)
        setTCPByte(Offset.tcpDataOffset, transport8(Offset.tcpDataOffset) &+ UInt8((count / 4) << 4))
        let oldTotal = UInt16(truncatingIfNeeded: totalLength)
        totalLength += count
        let newTotal = UInt16(truncatingIfNeeded: totalLength)
        setIP16(Offset.ipTotalLength, newTotal)
        setIP16(Offset.ipChecksum, Checksum.updated(ip16(Offset.ipChecksum), from: oldTotal, to: newTotal))
    }
}
