import Net

// What `-m connmark`, `connbytes`, `connlabel`, `helper` and `cluster` ask of a flow.

/// What `-m connbytes` weighs.
public struct Carried: Sendable {
    public enum Unit: UInt8, Sendable {
        case packets, bytes
        /// Bytes divided by packets, rounded down; 0 before the first.
        case averagePacket
    }

    public enum Side: UInt8, Sendable { case original, reply, both }

    public var unit: Unit
    public var side: Side

    public init(_ unit: Unit, _ side: Side) {
        self.unit = unit
        self.side = side
    }
}

extension Worker {
    /// connbytes_mt in net/netfilter/xt_connbytes.c. The packet itself is among what was carried.
    func amount(_ flow: UInt32, _ carried: Carried) -> UInt64 {
        let table = flows.flows
        table[flow].lock.lock()
        let original = table[flow].originalCounter
        let reply = table[flow].replyCounter
        table[flow].lock.unlock()
        var packets: UInt64 = 0
        var bytes: UInt64 = 0
        if carried.side != .reply {
            packets = original.packets
            bytes = original.bytes
        }
        if carried.side != .original {
            packets &+= reply.packets
            bytes &+= reply.bytes
        }
        switch carried.unit {
        case .packets: return packets
        case .bytes: return bytes
        case .averagePacket: return packets == 0 ? 0 : bytes / packets
        }
    }

    /// connlabel_mt in net/netfilter/xt_connlabel.c: a label that the rule sets counts as there.
    func hasLabel(_ flow: UInt32, _ label: UInt8, sets: Bool) -> Bool {
        guard flow != 0 else { return false }
        if flows.hasLabel(flow, label) { return true }
        guard sets, flows.setLabel(flow, label) else { return false }
        note(flow, .label)
        return true
    }

    /// helper_mt in net/netfilter/xt_helper.c: the helper of the flow that announced this one.
    @inline(__always)
    func wasAnnounced(_ flow: UInt32, byOneOf helpers: UInt64) -> Bool {
        guard flow != 0 else { return false }
        let helper = flows.flows[flow].masterHelper
        return helper != 0 && helpers & (1 << UInt64(helper & 63)) != 0
    }

    /// Nodes of a cluster share an Ethernet address, which therefore is a group's. xt_cluster makes such a frame one of our own, or
    /// nothing would be forwarded or taken from it; here its address is replaced.
    @inline(never)
    func adopt(_ packet: Packet) {
        guard !packet.destination.isMulticast, packet.linkDestination != .broadcast, packet.ingress != .host else { return }
        packet.setLinkAddresses(destination: routing.ports.mac(packet.ingress), source: packet.linkSource)
    }

    /// xt_cluster_mt in net/netfilter/xt_cluster.c: the node that the flow's client falls to; that of the flow that announced it,
    /// if another did. The kernel hashes the address as it lies in memory.
    @inline(__always)
    func clusterNode(_ flow: UInt32, nodes: UInt32, seed: UInt32) -> UInt32 {
        let announcer = flows.flows[flow].masterSource
        let source = announcer.isUnspecified ? flows.flows[flow].original.source : announcer
        return JenkinsHash.scale(JenkinsHash.hash(source.rawValue.bigEndian, seed: seed), to: nodes)
    }
}
