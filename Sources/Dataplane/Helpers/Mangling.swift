import Net

extension Worker {
    /// Replaces part of what a packet says, and with it lengths and checksums; what changes a TCP segment's length is remembered
    /// (nf_nat_mangle_tcp_packet and nf_nat_mangle_udp_packet in net/netfilter/nf_nat_helper.c).
    ///
    /// - Parameters:
    ///   - start: counted from the beginning of the text.
    ///   - length: bytes that go.
    /// - Returns: false if the packet cannot grow so much: there is room for it behind the frame in its chunk, or there is not.
    mutating func mangle(_ packet: inout Packet, _ text: HelperText, at start: Int, length: Int, _ replacement: Replacement) -> Bool {
        let growth = replacement.count - length
        guard start >= 0, length >= 0, start + length <= text.count, growth <= room(behind: packet) else { return false }
        let place = unsafe packet.transport + (text.offset + start)
        let rest = text.count - start - length
        // The two may overlap.
        if growth != 0 { unsafe (place + replacement.count).copyMemory(from: place + length, byteCount: rest) }
        for index in 0..<replacement.count {
            unsafe place.storeBytes(of: replacement[index], toByteOffset: index, as: UInt8.self)
        }
        let sequence = packet.ipProtocol == .tcp ? packet.transport32(Offset.tcpSequence) : 0
        if growth != 0 {
            packet.totalLength += growth
            packet.setIP16(Offset.ipTotalLength, UInt16(truncatingIfNeeded: packet.totalLength))
            packet.fillHeaderChecksum()
            if packet.ipProtocol == .udp {
                packet.setTransport16(Offset.udpLength, UInt16(truncatingIfNeeded: packet.transportLength))
            }
            forgetPieces(of: packet)
        }
        // RFC 768: no checksum stays none.
        if packet.ipProtocol == .tcp || packet.transport16(Offset.udpChecksum) != 0 { packet.fillTransportChecksum() }
        if packet.ipProtocol == .tcp, growth != 0 {
            noteAdjustment(packet.tracking.flow, packet.tracking.direction, SequenceNumber(sequence), by: growth)
        }
        return true
    }

    /// Bytes that a packet can grow by where it lies, and by what IP's length field can say.
    func room(behind packet: Packet) -> Int {
        let most = 0xFFFF - packet.totalLength
        // A datagram that was put together lies in a buffer for the largest there is.
        guard packet.address != Packet.assembled else { return most }
        let end = Int(packet.address & UInt64(memory.chunkSize - 1)) + packet.frameLength
        return min(most, memory.chunkSize - end)
    }

    private func noteAdjustment(_ flow: UInt32, _ direction: Direction, _ sequence: SequenceNumber, by difference: Int) {
        let table = flows.flows
        table[flow].lock.lock()
        var adjustment = flows.help[flow].adjustment(direction)
        adjustment.note(sequence, by: difference)
        flows.help[flow].setAdjustment(direction, adjustment)
        table[flow].lock.unlock()
        table[flow].set(.sequenceAdjusted)
    }
}
