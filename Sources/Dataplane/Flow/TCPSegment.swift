/// What tracking reads of a TCP segment.
struct TCPSegment {
    var flags: TCPFlags
    var sequence: SequenceNumber
    var acknowledgment: SequenceNumber
    /// As it stands in the header, unscaled.
    var window: UInt32
    /// Sequence number after the segment's last byte; SYN and FIN count one each.
    var end: SequenceNumber
    /// By how much what it acknowledges has been shifted since its sender wrote it (nf_ct_seq_offset).
    var shift: UInt32 = 0
    /// Options as they stand in the packet, within the bounds that `init` has proved. Read when they are needed, which is with SYN
    /// and with SACK.
    var options: OptionWalk

    /// - Returns: nil if the header or its options are cut off, or for a combination of flags that no sender produces
    ///   (tcp_valid_flags).
    @inline(__always)
    init?(_ packet: Packet) {
        guard packet.hasWholeTCPHeader else { return nil }
        let headerLength = packet.tcpHeaderLength
        flags = packet.tcpFlags
        guard Self.isValid(flags) else { return nil }
        sequence = SequenceNumber(packet.transport32(Offset.tcpSequence))
        acknowledgment = SequenceNumber(packet.transport32(Offset.tcpAcknowledgment))
        window = UInt32(packet.transport16(Offset.tcpWindow))
        let data = UInt32(truncatingIfNeeded: packet.transportLength &- headerLength)
        end = sequence + (data &+ (flags.contains(.syn) ? 1 : 0) &+ (flags.contains(.fin) ? 1 : 0))
        options = packet.tcpOptions(to: headerLength)
    }

    /// SYN, SYN-ACK, RST, RST-ACK, FIN-ACK and ACK; URG only with SYN, FIN-ACK and ACK; PSH, ECE and CWR with any.
    @inline(__always)
    static func isValid(_ flags: TCPFlags) -> Bool {
        switch flags.subtracting([.psh, .ece, .cwr]) {
        case .syn, [.syn, .urg], [.syn, .ack], .rst, [.rst, .ack], [.fin, .ack], [.fin, .ack, .urg], .ack, [.ack, .urg]:
            true
        default: false
        }
    }
}

extension OptionWalk {
    /// What a SYN announces: window scale (RFC 7323) and whether SACK is permitted (RFC 2018).
    func announcement() -> (scale: UInt8?, permitsSACK: Bool) {
        var scale: UInt8?
        var permitsSACK = false
        var walk = self
        while let option = walk.next() {
            switch (option.kind, option.length) {
            case (TCPOption.permitsSACK, TCPOption.permitsSACKLength): permitsSACK = true
            case (TCPOption.windowScale, TCPOption.windowScaleLength):
                scale = min(byte(option.offset &+ 2), TCPOption.highestWindowScale)
            default: break
            }
        }
        return (scale, permitsSACK)
    }

    /// The highest right edge of the SACK blocks (RFC 2018), or `acknowledgment` if none is higher.
    @inline(__always)
    func highestSACK(from acknowledgment: SequenceNumber) -> SequenceNumber {
        var highest = acknowledgment
        var walk = self
        while let option = walk.next() {
            guard option.hasBlocks else { continue }
            var block = option.offset &+ 2
            while block < option.offset &+ option.length {
                let right = SequenceNumber(word(block &+ 4))
                if right.isAfter(highest) { highest = right }
                block &+= 8
            }
            // The first option of this kind is the last that is looked at (tcp_sack).
            break
        }
        return highest
    }
}
