import Net

/// Matches that ask what is known around a packet: its mark, its frame, the links and routes, the time of day.
public enum SurroundingsMatch: Sendable {
    case mark(MaskedValueTest)
    /// `-m mac`: the Ethernet source.
    case linkSource(MACAddress, isNegated: Bool)
    /// `-m pkttype`.
    case linkCast(LinkCast, isNegated: Bool)
    case addressType(AddressTypeTest)
    case reversePath(ReversePathTest)
    case realm(MaskedValueTest)
    /// `-m cpu`: as `Worker.cpu` has it.
    case cpu(UInt32, isNegated: Bool)
    /// `-m devgroup --src-group`.
    case ingressGroup(MaskedValueTest)
    /// `-m devgroup --dst-group`.
    case egressGroup(MaskedValueTest)
    /// `-m time`, by its number.
    case time(UInt32)
    /// What is the same for every packet here: `-m policy`, for there is no IPsec, and `-m socket`, for nobody knows the host's sockets.
    case always(Bool)
}

extension Worker {
    @inline(__always)
    mutating func matches(_ match: SurroundingsMatch, _ packet: Packet) -> Bool {
        switch match {
        case .mark(let test): test.matches(packet.mark)
        case .linkSource(let address, let isNegated):
            // What did not come over a link has no such address, and does not lack it either (mac_mt in net/netfilter/xt_mac.c).
            packet.ingress != .host && (packet.linkSource == address) != isNegated
        case .linkCast(let cast, let isNegated): (packet.linkCast == cast) != isNegated
        case .addressType(let test): matches(test, packet)
        case .reversePath(let test): routing.reversePath(of: packet, test) != test.options.contains(.inverted)
        case .realm(let test): test.matches(packet.realm)
        case .cpu(let number, let isNegated): (cpu == number) != isNegated
        case .ingressGroup(let test): test.matches(routing.ports.group(packet.ingress))
        case .egressGroup(let test): test.matches(routing.ports.group(packet.egress))
        case .time(let number): snapshot.rules.around.times[number].matches(wallClock, at: now)
        case .always(let answer): answer
        }
    }

    private func matches(_ test: AddressTypeTest, _ packet: Packet) -> Bool {
        let port: PortIndex? =
            switch test.confinement {
            case .none: nil
            case .ingress: packet.ingress
            case .egress: packet.egress
            }
        return (test.sources == 0
            || (test.sources & 1 << routing.addressKind(packet.source, on: port) != 0) != test.isNotSource)
            && (test.destinations == 0
                || (test.destinations & 1 << routing.addressKind(packet.destination, on: port) != 0)
                    != test.isNotDestination)
    }
}

/// How a frame was addressed (PACKET_… of linux/if_packet.h).
public enum LinkCast: UInt8, Sendable {
    case unicast, broadcast, multicast
    /// To another station. The kernel drops such packets before any rule sees them, and so do we: it never is.
    case otherHost
}

extension Packet {
    /// As skb->pkt_type says it: what the host sends and what is made here counts as unicast (PACKET_HOST is 0), and so does what a
    /// cluster's node made its own; TEE's copies are what the packet was. A copy of the host's own group packet, looped back to it
    /// (PACKET_LOOPBACK, which xt_pkttype.c judges by the IP destination), never leaves the kernel.
    var linkCast: LinkCast {
        guard isLinkBroadcast, linkDestination.isGroup else { return .unicast }
        return linkDestination == .broadcast ? .broadcast : .multicast
    }
}
