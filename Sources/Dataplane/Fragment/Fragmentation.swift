import Net

extension Worker {
    /// Cuts a packet into fragments that fit `mtu`, and sends each (ip_do_fragment in net/ipv4/ip_output.c). A datagram that came
    /// in fragments leaves in the same ones if they fit.
    ///
    /// The packet's own frame is given back; each fragment is a new one.
    mutating func fragment(_ packet: inout Packet, mtu: Int, toHost: Bool) {
        // A fragment's own frame may have had fewer tags or options than the first one's, whose headers all get now.
        let limit = min(
            packet.largestFragment == 0 ? mtu : min(mtu, packet.largestFragment), memory.longestFrame - packet.linkLength)
        let room = limit - packet.headerLength
        guard room >= 8 else {
            drop(packet, .tooBig)
            return
        }
        // A copy shares its pieces with the original and is cut afresh (skb_shared in ip_do_fragment).
        let keepsGeometry =
            packet.address == Packet.assembled && !packet.isCopy && geometryFits(room, length: packet.transportLength)
        let slice = room & ~7
        var offset = 0
        var piece = 0
        var sent = 0
        while offset < packet.transportLength {
            let length =
                keepsGeometry ? Int(geometry[piece]) : min(slice, packet.transportLength - offset)
            piece += 1
            let isLast = offset + length >= packet.transportLength
            guard let chunk = pool.take() else {
                // What was sent of it before is on its way; the rest is one drop.
                if sent > 0 { statistics.add(.extraFragments) }
                statistics.add(DropReason.noFrame)
                break
            }
            // The kernel's quick way to cut a datagram where it was cut before loses Don't Fragment (ip_fraglist_init).
            let part = build(
                packet, in: chunk, offset: offset, length: length, isLast: isLast, keepsDF: toHost || !keepsGeometry)
            if sent > 0 { statistics.add(.extraFragments) }
            sent += 1
            if toHost { deliver(part) } else { resolveAndSend(part) }
            offset += length
        }
        release(packet)
    }

    /// A datagram whose length has changed can no longer leave in the pieces it came in.
    mutating func forgetPieces(of packet: Packet) {
        if packet.address == Packet.assembled, !packet.isCopy { geometryCount = 0 }
    }

    /// Whether the pieces that a datagram came in all fit, and together still are all of it.
    private func geometryFits(_ room: Int, length whole: Int) -> Bool {
        var sum = 0
        for piece in 0..<geometryCount {
            let length = Int(geometry[piece])
            if length > room || (length & 7 != 0 && piece < geometryCount - 1) { return false }
            sum += length
        }
        return sum == whole
    }

    /// One fragment in a frame of its own.
    private func build(
        _ packet: Packet, in chunk: UInt64, offset: Int, length: Int, isLast: Bool, keepsDF: Bool
    ) -> Packet {
        let address = chunk + UInt64(FrameMemory.headroom)
        let bytes = unsafe memory.bytes(at: address)
        let headers = packet.linkLength + packet.headerLength
        unsafe bytes.copyMemory(from: packet.base, byteCount: headers)
        unsafe (bytes + headers).copyMemory(from: packet.transport + offset, byteCount: length)
        var part = unsafe Packet(
            base: bytes, address: address, linkLength: packet.linkLength, headerLength: packet.headerLength,
            totalLength: packet.headerLength + length, ingress: packet.ingress)
        part.egress = packet.egress
        part.nextHop = packet.nextHop
        part.neighbor = packet.neighbor
        part.isViaGateway = packet.isViaGateway
        part.mark = packet.mark
        part.priority = packet.priority
        part.mtu = packet.mtu
        part.keepsLinkHeader = packet.keepsLinkHeader
        part.setIP16(Offset.ipTotalLength, UInt16(part.totalLength))
        let dontFragment = keepsDF && !packet.hidesDontFragment ? packet.fragmentField & 0x4000 : 0
        let field = dontFragment | (isLast ? 0 : 0x2000) | UInt16(offset / 8)
        part.setIP16(Offset.ipFragment, field)
        if offset > 0 { part.clearUncopiedOptions() }
        part.fillHeaderChecksum()
        return part
    }
}

extension Packet {
    /// In fragments but the first, options without the copied flag become no-operations (RFC 791, 3.1; ip_options_fragment).
    fileprivate func clearUncopiedOptions() {
        var offset = Offset.ipHeader
        while offset < headerLength {
            let kind = ip8(offset)
            if kind == 0 { return }
            if kind == 1 {
                offset += 1
                continue
            }
            guard offset + 1 < headerLength else { return }
            let length = Int(ip8(offset + 1))
            guard length >= 2, offset + length <= headerLength else { return }
            if kind & 0x80 == 0 {
                for byte in offset..<(offset + length) { setIP8(byte, 1) }
            }
            offset += length
        }
    }
}
