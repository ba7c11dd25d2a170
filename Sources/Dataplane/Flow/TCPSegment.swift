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
    /// Options as they stand in the packet.
    var options: Options

    /// Where the options lie, within the bounds that `init` has proved. Read again when they are needed, which is with SYN and
    /// with SACK.
    @safe struct Options {
        fileprivate let header: UnsafeRawPointer
        fileprivate let length: Int
    }

    /// - Returns: nil if the header or its options are cut off, or for a combination of flags that no sender produces
    ///   (tcp_valid_flags).
    @inline(__always)
    init?(_ packet: Packet) {
        guard packet.transportLength >= Offset.tcpHeader else { return nil }
        let dataOffset = Int(packet.transport8(Offset.tcpDataOffset) >> 4) &* 4
        guard dataOffset >= Offset.tcpHeader, dataOffset <= packet.transportLength else { return nil }
        flags = packet.tcpFlags
        guard Self.isValid(flags) else { return nil }
        sequence = SequenceNumber(packet.transport32(Offset.tcpSequence))
        acknowledgment = SequenceNumber(packet.transport32(Offset.tcpAcknowledgment))
        window = UInt32(packet.transport16(Offset.tcpWindow))
        let data = UInt32(truncatingIfNeeded: packet.transportLength &- dataOffset)
        end = sequence + (data &+ (flags.contains(.syn) ? 1 : 0) &+ (flags.contains(.fin) ? 1 : 0))
        unsafe options = Options(header: UnsafeRawPointer(packet.transport), length: dataOffset &- Offset.tcpHeader)
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

extension TCPSegment.Options {
    /// TCP option kinds (IANA, TCP Option Kind Numbers).
    private static let end: UInt8 = 0
    private static let noOperation: UInt8 = 1
    private static let windowScale: UInt8 = 3
    private static let sackPermitted: UInt8 = 4
    private static let sack: UInt8 = 5

    @inline(__always)
    var isEmpty: Bool { length == 0 }

    @inline(__always)
    private func byte(_ offset: Int) -> UInt8 { unsafe header.load(fromByteOffset: offset, as: UInt8.self) }

    /// Visits kind, offset in the transport header and length of each well-formed option.
    @inline(__always)
    private func forEach(_ visit: (UInt8, Int, Int) -> Void) {
        var offset = Offset.tcpHeader
        let limit = Offset.tcpHeader &+ length
        while offset < limit {
            let kind = byte(offset)
            if kind == Self.end { return }
            if kind == Self.noOperation {
                offset &+= 1
                continue
            }
            guard offset &+ 1 < limit else { return }
            let size = Int(byte(offset &+ 1))
            guard size >= 2, offset &+ size <= limit else { return }
            visit(kind, offset, size)
            offset &+= size
        }
    }

    /// What a SYN announces: window scale (RFC 7323, at most 14) and whether SACK is permitted (RFC 2018).
    func announcement() -> (scale: UInt8?, permitsSACK: Bool) {
        var scale: UInt8?
        var permitsSACK = false
        forEach { kind, offset, size in
            if kind == Self.sackPermitted, size == 2 { permitsSACK = true }
            if kind == Self.windowScale, size == 3 { scale = min(byte(offset &+ 2), 14) }
        }
        return (scale, permitsSACK)
    }

    /// The highest right edge of the SACK blocks (RFC 2018), or `acknowledgment` if none is higher.
    @inline(__always)
    func highestSACK(from acknowledgment: SequenceNumber) -> SequenceNumber {
        guard length > 0 else { return acknowledgment }
        var highest = acknowledgment
        var isSeen = false
        forEach { kind, offset, size in
            // The first option of this kind is the last that is looked at (tcp_sack).
            guard !isSeen, kind == Self.sack, size >= 10, (size &- 2) % 8 == 0 else { return }
            isSeen = true
            var block = offset &+ 2
            while block < offset &+ size {
                let right = SequenceNumber(
                    UInt32(bigEndian: unsafe header.loadUnaligned(fromByteOffset: block &+ 4, as: UInt32.self)))
                if right.isAfter(highest) { highest = right }
                block &+= 8
            }
        }
        return highest
    }
}
