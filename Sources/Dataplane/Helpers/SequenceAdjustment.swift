import Net

/// By how much the sequence numbers of one direction of a TCP flow have shifted since its text was rewritten to another length
/// (struct nf_ct_seqadj in include/net/netfilter/nf_conntrack_seqadj.h). Numbers are the sender's own.
struct SequenceAdjustment: Sendable {
    /// Where the last change of length happened: what begins after it is shifted by `after`, all else by `before`.
    private(set) var position = SequenceNumber(0)
    private var before: UInt32 = 0
    private var after: UInt32 = 0

    /// The segment that begins at `sequence` has become longer or shorter (nf_ct_seqadj_set). One sent again counts once.
    mutating func note(_ sequence: SequenceNumber, by difference: Int) {
        guard before == after || position.isBefore(sequence) else { return }
        position = sequence
        before = after
        // Wrapping is what sequence numbers do.
        after &+= UInt32(truncatingIfNeeded: difference)
    }

    /// The shift of a number that the sender gave (nf_ct_seq_offset).
    @inline(__always)
    func offset(at sequence: SequenceNumber) -> UInt32 { sequence.isAfter(position) ? after : before }

    /// A number of this direction as its sender counts, from one that the receiver acknowledges.
    @inline(__always)
    func restored(_ acknowledged: SequenceNumber) -> SequenceNumber {
        (acknowledged - before).isAfter(position) ? acknowledged - after : acknowledged - before
    }
}

extension Worker {
    /// Shifts what a segment says of sequence numbers: its own, what it acknowledges, and its SACK blocks (nf_ct_seq_adjust in
    /// net/netfilter/nf_conntrack_seqadj.c).
    ///
    /// - Returns: false if the options are malformed.
    func adjustSequence(_ packet: Packet) -> Bool {
        guard packet.ipProtocol == .tcp, packet.transportLength >= Offset.tcpHeader else { return true }
        let flow = packet.tracking.flow
        let direction = packet.tracking.direction
        let table = flows.flows
        table[flow].lock.lock()
        let own = flows.help[flow].adjustment(direction)
        let other = flows.help[flow].adjustment(direction.opposite)
        table[flow].lock.unlock()
        let sequence = SequenceNumber(packet.transport32(Offset.tcpSequence))
        packet.replace32(Offset.tcpSequence, (sequence + own.offset(at: sequence)).rawValue)
        guard packet.tcpFlags.contains(.ack) else { return true }
        let acknowledgment = SequenceNumber(packet.transport32(Offset.tcpAcknowledgment))
        packet.replace32(Offset.tcpAcknowledgment, other.restored(acknowledgment).rawValue)
        return adjustSACK(packet, other)
    }

    /// nf_ct_sack_adjust: each block of what the other side has received beyond a gap (RFC 2018).
    private func adjustSACK(_ packet: Packet, _ other: SequenceAdjustment) -> Bool {
        let limit = min(Int(packet.transport8(Offset.tcpDataOffset) >> 4) &* 4, packet.transportLength)
        var offset = Offset.tcpHeader
        while offset < limit {
            let kind = packet.transport8(offset)
            if kind == 0 { return true }
            if kind == 1 {
                offset &+= 1
                continue
            }
            guard offset &+ 1 < limit else { return false }
            let length = Int(packet.transport8(offset &+ 1))
            guard length >= 2, offset &+ length <= limit else { return false }
            if kind == 5, length >= 10, (length &- 2) % 8 == 0 {
                var edge = offset &+ 2
                while edge < offset &+ length {
                    packet.replace32(edge, other.restored(SequenceNumber(packet.transport32(edge))).rawValue)
                    edge &+= 4
                }
            }
            offset &+= length
        }
        return true
    }
}

extension Packet {
    /// Writes a word of a TCP header, at any offset, with the checksum following.
    fileprivate func replace32(_ offset: Int, _ value: UInt32) {
        let old = transport32(offset)
        guard old != value else { return }
        setTransport32(offset, value)
        // At an odd offset the word's bytes stand crosswise to the words that are summed (RFC 1071, 2 B).
        let (before, now) = offset & 1 == 0 ? (old, value) : (Self.turned(old), Self.turned(value))
        setTransport16(Offset.tcpChecksum, Checksum.updated(transport16(Offset.tcpChecksum), from: before, to: now))
    }

    private static func turned(_ word: UInt32) -> UInt32 { (word & 0x00FF_00FF) << 8 | (word >> 8) & 0x00FF_00FF }
}
