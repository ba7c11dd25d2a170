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
        packet.setTCPWord(Offset.tcpSequence, (sequence + own.offset(at: sequence)).rawValue)
        guard packet.tcpFlags.contains(.ack) else { return true }
        let acknowledgment = SequenceNumber(packet.transport32(Offset.tcpAcknowledgment))
        packet.setTCPWord(Offset.tcpAcknowledgment, other.restored(acknowledgment).rawValue)
        return adjustSACK(packet, other)
    }

    /// nf_ct_sack_adjust: each block of what the other side has received beyond a gap (RFC 2018).
    private func adjustSACK(_ packet: Packet, _ other: SequenceAdjustment) -> Bool {
        var options = packet.tcpOptions(to: min(packet.tcpHeaderLength, packet.transportLength))
        while let option = options.next() {
            guard option.hasBlocks else { continue }
            var edge = option.offset &+ 2
            while edge < option.offset &+ option.length {
                packet.setTCPWord(edge, other.restored(SequenceNumber(packet.transport32(edge))).rawValue)
                edge &+= 4
            }
        }
        return !options.isMalformed
    }
}
