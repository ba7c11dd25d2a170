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
        let lifetime = snapshot.tracking.fragment
        let waiting = reassembly
        waiting.lock()
        defer { waiting.unlock() }
        guard
            let index = waiting.find(packet, isFromHost: isFromHost, now: now, key: flows.index.key, lifetime: lifetime)
        else { return .dropped(.fragmentMemory) }
        if waiting.isTooFar(index) {
            dropPieces(of: index, .fragmentMemory)
            waiting.beginAnew(index, now: now, lifetime: lifetime)
        }
        let piece = waiting.takePiece()
        guard piece != 0 else {
            if waiting.datagrams[index].first == 0 { waiting.end(index) }
            return .dropped(.fragmentMemory)
        }
        // What is over in a fragment that is no multiple of eight is cut off, but for the last.
        let end = packet.fragmentOffset + packet.transportLength
        let length = (moreFollow ? end & ~7 : end) - packet.fragmentOffset
        waiting.pieces[piece].address = packet.address
        waiting.pieces[piece].mark = packet.mark
        waiting.pieces[piece].linkLength = UInt16(packet.linkLength)
        waiting.pieces[piece].headerLength = UInt16(packet.headerLength)
        waiting.pieces[piece].offset = UInt16(packet.fragmentOffset)
        waiting.pieces[piece].length = UInt16(length)
        switch waiting.insert(piece, into: index, isLast: !moreFollow) {
        case .taken: break
        case .refused(let reason):
            waiting.givePiece(piece)
            return .dropped(reason)
        case .spoils(let reason):
            waiting.givePiece(piece)
            dropPieces(of: index, reason)
            waiting.end(index)
            return .dropped(reason)
        }
        let size = packet.headerLength + length
        waiting.datagrams[index].ecn |= 1 << (packet.tos & 3)
        waiting.datagrams[index].largest = max(waiting.datagrams[index].largest, size)
        if packet.dontFragment {
            waiting.datagrams[index].largestUnfragmentable = max(waiting.datagrams[index].largestUnfragmentable, size)
        }
        statistics.add(.held)
        let datagram = waiting.datagrams[index]
        guard datagram.isEndKnown, datagram.gathered == datagram.reach else { return .held }
        return assemble(index, isFromHost: isFromHost, &packet)
    }

    /// Copies the pieces together. The reassembly's lock is held.
    private mutating func assemble(_ index: Int, isFromHost: Bool, _ packet: inout Packet) -> FragmentOutcome {
        let waiting = reassembly
        let datagram = waiting.datagrams[index]
        let first = waiting.pieces[datagram.first]
        let linkLength = Int(first.linkLength)
        let headerLength = Int(first.headerLength)
        let total = headerLength + datagram.reach
        guard total <= 0xFFFF else {
            dropPieces(of: index, .fragmentTooLarge)
            waiting.end(index)
            return .held
        }
        guard let congestion = Self.congestion(datagram.ecn) else {
            dropPieces(of: index, .fragmentECN)
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
        // The port is that of the fragment that came last, all else that of the first.
        let ingress = packet.ingress
        unsafe packet = Packet(
            base: buffer, address: Packet.assembled, linkLength: linkLength, headerLength: headerLength,
            totalLength: total, ingress: ingress)
        packet.mark = first.mark
        packet.isLinkBroadcast = !isFromHost && packet.linkDestination.isGroup
        packet.setIP8(Offset.ipTOS, packet.tos | congestion)
        packet.setIP16(Offset.ipTotalLength, UInt16(total))
        // As Linux: Don't Fragment stays if the largest fragment had it, and then binds the way out too.
        let keepsDF = datagram.largestUnfragmentable == datagram.largest
        packet.setIP16(Offset.ipFragment, keepsDF ? 0x4000 : 0)
        packet.fillHeaderChecksum()
        packet.largestFragment = datagram.largest
        return .assembled
    }

    /// What a datagram's ECN field gets added, by those of its fragments; nil where they cannot be of one sender (RFC 3168, 5.3;
    /// ip_frag_ecn_table).
    private static func congestion(_ seen: UInt8) -> UInt8? {
        let notCapable: UInt8 = 1 << 0
        let experienced: UInt8 = 1 << 3
        if seen & notCapable != 0 { return seen == notCapable ? 0 : nil }
        return seen & experienced != 0 ? 3 : 0
    }

    /// Drops all pieces of a datagram but one. The reassembly's lock is held.
    private mutating func dropPieces(of index: Int, _ reason: DropReason, but kept: UInt32 = 0) {
        let waiting = reassembly
        var piece = waiting.datagrams[index].first
        while piece != 0 {
            let next = waiting.pieces[piece].next
            if piece != kept {
                pool.give(memory.chunk(of: waiting.pieces[piece].address))
                waiting.givePiece(piece)
            }
            statistics.add(.held, -1)
            statistics.add(reason)
            piece = next
        }
        waiting.datagrams[index].first = 0
        waiting.datagrams[index].last = 0
        waiting.datagrams[index].pieceCount = 0
    }

    /// Gives up datagrams whose time is over. An ICMP error tells of it if the first fragment has come and the datagram was for us: for
    /// others it is the receiver's to say (ip_expire).
    mutating func expireFragments() {
        let waiting = reassembly
        guard !waiting.isEmpty, now >= nextFragmentCheck else { return }
        nextFragmentCheck = now + 250_000_000
        for index in 0..<Reassembly.datagramLimit
        where waiting.datagrams[index].isUsed && waiting.datagrams[index].expires <= now {
            expire(index)
        }
    }

    private mutating func expire(_ index: Int) {
        let waiting = reassembly
        waiting.lock()
        // Another worker may have been faster.
        guard waiting.datagrams[index].isUsed, waiting.datagrams[index].expires <= now else { return waiting.unlock() }
        let first = waiting.datagrams[index].first
        let ingress = waiting.datagrams[index].ingress
        let isForUs =
            first != 0 && waiting.pieces[first].offset == 0 && !waiting.datagrams[index].isFromHost
            && routing.ports.isLocal(waiting.datagrams[index].destination)
        dropPieces(of: index, .fragmentTimeout, but: isForUs ? first : 0)
        waiting.end(index)
        waiting.unlock()
        guard isForUs else { return }
        // The lock is not held: the error takes its own way out.
        let piece = waiting.pieces[first]
        let packet = unsafe Packet(
            base: memory.bytes(at: piece.address), address: piece.address, linkLength: Int(piece.linkLength),
            headerLength: Int(piece.headerLength), totalLength: Int(piece.headerLength) + Int(piece.length), ingress: ingress)
        sendError(ICMPType.timeExceeded, 1, about: packet)
        pool.give(memory.chunk(of: piece.address))
        waiting.lock()
        waiting.givePiece(first)
        waiting.unlock()
    }
}
