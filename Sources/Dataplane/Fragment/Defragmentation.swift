import Net

/// What became of a fragment.
enum FragmentOutcome {
    /// It waits for the rest, or was dropped with it; the frame is not the caller's any more.
    case held
    /// It was the last one missing: `packet` is now the whole datagram, in the worker's own buffer.
    case assembled
    case dropped(DropReason)
}

extension Worker {
    /// Gathers fragments until their datagram is whole (ip_defrag in net/ipv4/ip_fragment.c).
    mutating func defragment(_ packet: inout Packet, isFromHost: Bool) -> FragmentOutcome {
        let moreFollow = packet.fragmentField & 0x2000 != 0
        let length = packet.transportLength
        guard length > 0 else { return .dropped(.fragmentLength) }
        guard packet.headerLength + packet.fragmentOffset + length <= 0xFFFF else { return .dropped(.fragmentTooLarge) }
        let waiting = reassembly
        waiting.lock()
        defer { waiting.unlock() }
        guard let index = waiting.find(packet, isFromHost: isFromHost, now: now, begin: true) else {
            return .dropped(.fragmentMemory)
        }
        if waiting.datagrams[index].isSpoilt { return .dropped(.fragmentOverlap) }
        let piece = waiting.takePiece()
        guard piece != 0 else { return .dropped(.fragmentMemory) }
        waiting.pieces[piece].address = packet.address
        waiting.pieces[piece].linkLength = UInt16(packet.linkLength)
        waiting.pieces[piece].headerLength = UInt16(packet.headerLength)
        waiting.pieces[piece].offset = UInt16(packet.fragmentOffset)
        waiting.pieces[piece].length = UInt16(length)
        if let reason = waiting.insert(piece, into: index, isLast: !moreFollow) {
            waiting.givePiece(piece)
            if reason == .fragmentOverlap {
                dropPieces(of: index, .fragmentOverlap)
                waiting.datagrams[index].isSpoilt = true
            }
            return .dropped(reason)
        }
        waiting.datagrams[index].largest = max(waiting.datagrams[index].largest, packet.totalLength)
        if packet.dontFragment {
            waiting.datagrams[index].largestUnfragmentable = max(
                waiting.datagrams[index].largestUnfragmentable, packet.totalLength)
        }
        statistics.add(.held)
        let datagram = waiting.datagrams[index]
        guard datagram.total >= 0, datagram.gathered == datagram.total else { return .held }
        return assemble(index, ingress: packet.ingress, &packet)
    }

    /// Copies the pieces together. The reassembly's lock is held.
    private mutating func assemble(_ index: Int, ingress: PortIndex, _ packet: inout Packet) -> FragmentOutcome {
        let waiting = reassembly
        let datagram = waiting.datagrams[index]
        let first = waiting.pieces[datagram.first]
        let linkLength = Int(first.linkLength)
        let headerLength = Int(first.headerLength)
        let total = headerLength + datagram.total
        // The first fragment may have more options than the others, by which each was judged.
        guard total <= 0xFFFF else {
            dropPieces(of: index, .fragmentTooLarge)
            waiting.end(index)
            return .held
        }
        let buffer = unsafe assembly
        unsafe buffer.copyMemory(from: memory.bytes(at: first.address), byteCount: linkLength + headerLength)
        geometryCount = 0
        var piece = datagram.first
        while piece != 0 {
            let next = waiting.pieces[piece].next
            let one = waiting.pieces[piece]
            let data = unsafe memory.bytes(at: one.address) + (Int(one.linkLength) + Int(one.headerLength))
            unsafe (buffer + (linkLength + headerLength + Int(one.offset))).copyMemory(
                from: data, byteCount: Int(one.length))
            geometry[geometryCount] = one.length
            geometryCount += 1
            pool.give(memory.chunk(of: one.address))
            waiting.givePiece(piece)
            piece = next
        }
        statistics.add(.held, -geometryCount)
        statistics.add(.absorbed, geometryCount - 1)
        waiting.end(index)
        let mark = packet.mark
        let isLinkBroadcast = packet.isLinkBroadcast
        unsafe packet = Packet(
            base: buffer, address: Packet.assembled, linkLength: linkLength, headerLength: headerLength,
            totalLength: total, ingress: ingress)
        packet.mark = mark
        packet.isLinkBroadcast = isLinkBroadcast
        packet.setIP16(Offset.ipTotalLength, UInt16(total))
        // As Linux: Don't Fragment stays if the largest fragment had it, and then binds the way out too.
        let keepsDF = datagram.largestUnfragmentable == datagram.largest
        packet.setIP16(Offset.ipFragment, keepsDF ? 0x4000 : 0)
        packet.fillHeaderChecksum()
        packet.largestFragment = datagram.largest
        return .assembled
    }

    /// Drops all pieces of a datagram. The reassembly's lock is held.
    private mutating func dropPieces(of index: Int, _ reason: DropReason) {
        let waiting = reassembly
        var piece = waiting.datagrams[index].first
        while piece != 0 {
            let next = waiting.pieces[piece].next
            pool.give(memory.chunk(of: waiting.pieces[piece].address))
            waiting.givePiece(piece)
            statistics.add(.held, -1)
            statistics.add(reason)
            piece = next
        }
        waiting.datagrams[index].first = 0
        waiting.datagrams[index].pieceCount = 0
    }

    /// Gives up datagrams whose time is over. No ICMP error tells of it: that is the receiver's to say, which we are not
    /// (ip_expire sends none for what connection tracking gathered).
    mutating func expireFragments() {
        let waiting = reassembly
        guard !waiting.isEmpty, now >= nextFragmentCheck else { return }
        nextFragmentCheck = now + 250_000_000
        waiting.lock()
        for index in 0..<Reassembly.datagramLimit
        where waiting.datagrams[index].isUsed && waiting.datagrams[index].expires <= now {
            dropPieces(of: index, .fragmentTimeout)
            waiting.end(index)
        }
        waiting.unlock()
    }
}
