import Net

/// Targets that change a packet's bytes. Checksums follow; a header that is cut off or contradicts itself is dropped where the kernel
/// drops it.
public enum HeaderTarget: Sendable, Equatable {
    /// TOS, DSCP: tos = tos & ~mask ^ value (net/netfilter/xt_DSCP.c).
    case tos(value: UInt8, mask: UInt8)
    /// net/netfilter/xt_HL.c.
    case ttl(TTLChange, UInt8)
    /// ECN: bits of the TOS byte, and of the TCP flags in TCP packets; a mask of 0 leaves them (net/ipv4/netfilter/ipt_ECN.c).
    case congestion(tos: UInt8, tosMask: UInt8, tcp: UInt8, tcpMask: UInt8)
    /// TCPMSS --set-mss.
    case segmentSize(UInt16)
    /// TCPMSS --clamp-mss-to-pmtu.
    case clampSegmentSize
    /// TCPOPTSTRIP: option kinds as eight of the rules' words, a bit each.
    case stripOptions(UInt32)
    /// CHECKSUM: a partial checksum is computed in full (net/netfilter/xt_CHECKSUM.c).
    case completeChecksum

    public enum TTLChange: UInt8, Sendable, Equatable { case set, increase, decrease }
}

extension Worker {
    @inline(never)
    mutating func apply(_ target: HeaderTarget, _ packet: inout Packet) -> TargetOutcome {
        switch target {
        case .tos(let value, let mask):
            packet.setTOS(packet.tos & ~mask ^ value)
            return .next
        case .ttl(let change, let amount):
            let old = Int(packet.ttl)
            let new =
                switch change {
                case .set: Int(amount)
                case .increase: min(old + Int(amount), 255)
                case .decrease: max(old - Int(amount), 0)
                }
            packet.setTTL(UInt8(new))
            return .next
        case .congestion(let tos, let tosMask, let tcp, let tcpMask):
            packet.setTOS(packet.tos & ~tosMask | tos & tosMask)
            guard tcpMask != 0, packet.ipProtocol == .tcp else { return .next }
            return packet.setCongestionBits(tcp, mask: tcpMask)
        case .segmentSize(let size): return setSegmentSize(size, &packet)
        case .clampSegmentSize: return clampSegmentSize(&packet)
        case .stripOptions(let words): return stripOptions(words, packet)
        case .completeChecksum:
            // What comes in partial is completed at once; only what was made so since could still be.
            packet.completePartialChecksum()
            return .next
        }
    }
}

extension Packet {
    func setTOS(_ value: UInt8) {
        let old = ip16(Offset.ipVersionAndLength)
        let new = old & 0xFF00 | UInt16(value)
        guard new != old else { return }
        setIP8(Offset.ipTOS, value)
        setIP16(Offset.ipChecksum, Checksum.updated(ip16(Offset.ipChecksum), from: old, to: new))
    }

    func setTTL(_ value: UInt8) {
        let old = ip16(Offset.ipTTL)
        let new = old & 0x00FF | UInt16(value) << 8
        guard new != old else { return }
        setIP8(Offset.ipTTL, value)
        setIP16(Offset.ipChecksum, Checksum.updated(ip16(Offset.ipChecksum), from: old, to: new))
    }

    /// set_ect_tcp in ipt_ECN.c, which does not ask whether this is a later fragment.
    fileprivate mutating func setCongestionBits(_ bits: UInt8, mask: UInt8) -> TargetOutcome {
        guard transportLength >= Offset.tcpHeader else { return .drop(.tcpHeader) }
        let old = transport8(Offset.tcpFlags)
        let new = old & ~mask | bits & mask
        guard new != old else { return .next }
        setTCPByte(Offset.tcpFlags, new)
        if hasTransport { tcpFlags = TCPFlags(rawValue: new) }
        return .next
    }
}
