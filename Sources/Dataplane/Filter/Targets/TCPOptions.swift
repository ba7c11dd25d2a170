import Net

// Targets that change the options of a TCP header: net/netfilter/xt_TCPMSS.c and xt_TCPOPTSTRIP.c.

extension Packet {
    /// Bytes of the option at an offset of the TCP header: one for end, padding and a length of zero. The byte behind `offset` is in
    /// the header.
    @inline(__always)
    fileprivate func optionLength(at offset: Int) -> Int {
        if transport8(offset) <= TCPOption.noOperation { return 1 }
        return max(Int(transport8(offset + 1)), 1)
    }
}

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
        var offset = Offset.tcpHeader
        while offset <= end - TCPOption.segmentSizeLength {
            if packet.transport8(offset) == TCPOption.segmentSize,
                Int(packet.transport8(offset + 1)) == TCPOption.segmentSizeLength
            {
                if packet.transport16(offset + 2) > size {
                    packet.setTCPByte(offset + 2, UInt8(size >> 8))
                    packet.setTCPByte(offset + 3, UInt8(size & 0xFF))
                }
                return .next
            }
            offset += packet.optionLength(at: offset)
        }
        // Data would have to move, and might not fit any more; a header cannot be longer than four bits say.
        guard packet.transportLength == end, end < 60 else { return .next }
        guard hasRoom(for: TCPOption.segmentSizeLength, behind: packet) else { return .drop(.noRoomToGrow) }
        packet.insertSegmentSize(min(size, Self.unstatedSize))
        return .next
    }

    /// Whether the memory that a packet lies in, and the length field of IP, have room for more bytes at its end.
    private func hasRoom(for bytes: Int, behind packet: Packet) -> Bool {
        guard packet.totalLength + bytes <= 0xFFFF else { return false }
        // The worker's own buffer holds the longest datagram there is, with its link header.
        if packet.address == Packet.assembled { return true }
        let offset = Int(packet.address - memory.chunk(of: packet.address))
        return offset + packet.frameLength + bytes <= memory.chunkSize
    }

    /// Overwrites options with padding.
    ///
    /// - Parameter words: where the kinds stand in the rules' words.
    func stripOptions(_ words: UInt32, _ packet: Packet) -> TargetOutcome {
        guard packet.fragmentOffset == 0 else { return .next }
        guard packet.hasWholeTCPHeader else { return .drop(.tcpHeader) }
        let end = packet.tcpHeaderLength
        var offset = Offset.tcpHeader
        while offset < end - 1 {
            let kind = packet.transport8(offset)
            let length = packet.optionLength(at: offset)
            guard offset + length <= end else { break }
            if snapshot.rules.words[words &+ UInt32(kind >> 5)] & 1 << UInt32(kind & 31) != 0 {
                for place in offset..<(offset + length) { packet.setTCPByte(place, TCPOption.noOperation) }
            }
            offset += length
        }
        return .next
    }
}

extension Packet {
    /// In bytes, as the header itself says. There must be one.
    fileprivate var tcpHeaderLength: Int { Int(transport8(Offset.tcpDataOffset) >> 4) * 4 }

    fileprivate var hasWholeTCPHeader: Bool {
        guard transportLength >= Offset.tcpHeader else { return false }
        let length = tcpHeaderLength
        return length >= Offset.tcpHeader && length <= transportLength
    }

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
