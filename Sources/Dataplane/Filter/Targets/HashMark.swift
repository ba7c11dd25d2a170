import Net

/// What an HMARK rule hashes (struct xt_hmark_info); numbers in host order. Fields that take no part have an empty mask.
public struct HashMark: Sendable, Equatable {
    public var sourceMask: UInt32
    public var destinationMask: UInt32
    /// Source port above destination port, or an SPI.
    public var portMask: UInt32
    public var portSet: UInt32
    public var protocolMask: UInt16
    /// Of the flow's two ends as they are before and behind NAT, not of the packet.
    public var usesFlow: Bool
    public var seed: UInt32
    /// At least 1.
    public var modulus: UInt32
    public var offset: UInt32

    public init(
        sourceMask: UInt32, destinationMask: UInt32, portMask: UInt32, portSet: UInt32, protocolMask: UInt16,
        usesFlow: Bool, seed: UInt32, modulus: UInt32, offset: UInt32
    ) {
        self.sourceMask = sourceMask
        self.destinationMask = destinationMask
        self.portMask = portMask
        self.portSet = portSet
        self.protocolMask = protocolMask
        self.usesFlow = usesFlow
        self.seed = seed
        self.modulus = modulus
        self.offset = offset
    }

    /// The greater port above the lesser, so that both directions come to the same (hmark_swap_ports).
    @inline(__always)
    func ordered(_ ports: UInt32) -> UInt32 {
        let masked = ports & portMask | portSet
        return max(masked, masked &<< 16 | masked &>> 16)
    }

    /// hmark_hash in net/netfilter/xt_HMARK.c.
    @inline(__always)
    func mark(_ source: UInt32, _ destination: UInt32, _ ports: UInt32, _ ipProtocol: UInt8) -> UInt32 {
        let hash = JenkinsHash.hash(min(source, destination), max(source, destination), ports, seed: seed)
        // The sum may wrap, as the kernel's does.
        return JenkinsHash.scale(hash ^ UInt32(UInt16(ipProtocol) & protocolMask), to: modulus) &+ offset
    }
}

extension Worker {
    /// Gives a packet the mark that its addresses, ports and protocol hash to. An ICMP error hashes as the packet that it carries;
    /// fragments and ICMP hash without ports.
    @inline(never)
    func hashMark(_ packet: inout Packet, _ number: UInt32) {
        let hashed = snapshot.rules.hashMarks[number]
        if hashed.usesFlow {
            let flow = packet.tracking.flow
            guard flow != 0 else {
                // Before the flow is known, what CT has given is taken for one without addresses (nf_ct_get, hmark_ct_set_htuple).
                if hasFlowForRules(packet) { packet.mark = hashed.mark(0, 0, hashed.ordered(0), 0) }
                return
            }
            let original = flows.flows[flow].original
            let reply = flows.flows[flow].reply
            var ports: UInt32 = 0
            if original.ipProtocol != .icmp {
                ports = hashed.ordered(UInt32(original.sourcePort) << 16 | UInt32(reply.sourcePort))
            }
            packet.mark = hashed.mark(
                original.source.rawValue & hashed.sourceMask, reply.source.rawValue & hashed.destinationMask, ports,
                original.ipProtocol.rawValue)
            return
        }
        var start = 0
        if packet.ipProtocol == .icmp, packet.transportLength >= Offset.icmpHeader,
            ICMPType.isError(packet.transport8(Offset.icmpType))
        {
            start = packet.headerLength + Offset.icmpHeader
            guard packet.totalLength >= start + Offset.ipHeader else { return }
        }
        let ipProtocol = IPProtocol(rawValue: packet.ip8(start + Offset.ipProtocol))
        var ports: UInt32 = 0
        let offset = start + Int(packet.ip8(start) & 0x0F) * 4 + (ipProtocol == .ah ? 4 : 0)
        if Self.hasPortsOrSPI(ipProtocol), packet.ip16(start + Offset.ipFragment) & 0x3FFF == 0,
            packet.totalLength >= offset + 4
        {
            ports = hashed.ordered(packet.ip32(offset))
        }
        packet.mark = hashed.mark(
            packet.ip32(start + Offset.ipSource) & hashed.sourceMask,
            packet.ip32(start + Offset.ipDestination) & hashed.destinationMask, ports, ipProtocol.rawValue)
    }

    /// proto_ports_offset in include/net/ip.h.
    private static func hasPortsOrSPI(_ ipProtocol: IPProtocol) -> Bool {
        switch ipProtocol {
        case .tcp, .udp, .dccp, .esp, .sctp, .udpLite, .ah: true
        default: false
        }
    }
}
