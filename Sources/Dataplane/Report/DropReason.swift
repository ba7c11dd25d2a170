/// Why a packet was dropped. This one list gives each reason its number, its name in `show drops` and its sentence; the
/// counters are indexed by it.
public enum DropReason: UInt8, CaseIterable, Sendable {
    // Frames that are no packet for us, in the order in which they are found out.
    case frameTooShort
    case notIPv4
    case otherHost
    case ipHeader
    case ipTruncated
    case ipChecksum
    case ipOptions
    case sourceRoute

    // Defragmentation.
    case fragmentLength
    case fragmentOverlap
    case fragmentDuplicate
    case fragmentTimeout
    case fragmentMemory
    case fragmentTooLarge
    case fragmentECN

    // Rules.
    case transportCut
    case tcpHeader
    case pathMTU
    case noRoomToGrow
    case rule
    case policy
    case reject
    case mirror
    case connlimitFull
    case connlimitClosed
    case hashlimitFull

    // Tracking and NAT.
    case flowTableFull
    case flowClash
    case flowReopened
    case natExhausted
    case natNoAddress
    case natICMP
    case natEgressChanged
    case synproxy
    case synproxyCookie

    // Helpers.
    case helperPartial
    case helperRoom
    case expectationRefused
    case expectationPorts
    case sequenceAdjustment

    // Routing.
    case martianSource
    case martianDestination
    case reversePath
    case noRoute
    case blackhole
    case unreachable
    case prohibited
    case egressNotAPort
    case linkBroadcastForward
    case groupNotJoined
    case ttlExpired
    case tooBig

    // On the way out.
    case neighborQueueFull
    case neighborFailed
    case linkDown
    case noFrame
    case outputFull
    case ringFull
    case hostQueueFull
    case hostHeader

    /// The name in `show drops`, in counters and in traces.
    public var name: String {
        switch self {
        case .frameTooShort: "frame-too-short"
        case .notIPv4: "not-ipv4"
        case .otherHost: "other-host"
        case .ipHeader: "ip-header"
        case .ipTruncated: "ip-truncated"
        case .ipChecksum: "ip-checksum"
        case .ipOptions: "ip-options"
        case .sourceRoute: "source-route"
        case .fragmentLength: "fragment-length"
        case .fragmentOverlap: "fragment-overlap"
        case .fragmentDuplicate: "fragment-duplicate"
        case .fragmentTimeout: "fragment-timeout"
        case .fragmentMemory: "fragment-memory"
        case .fragmentTooLarge: "fragment-too-large"
        case .fragmentECN: "fragment-ecn"
        case .transportCut: "transport-cut"
        case .tcpHeader: "tcp-header"
        case .pathMTU: "path-mtu"
        case .noRoomToGrow: "no-room-to-grow"
        case .rule: "rule"
        case .policy: "policy"
        case .reject: "reject"
        case .mirror: "mirror"
        case .connlimitFull: "connlimit-full"
        case .connlimitClosed: "connlimit-closed"
        case .hashlimitFull: "hashlimit-full"
        case .flowTableFull: "flow-table-full"
        case .flowClash: "flow-clash"
        case .flowReopened: "flow-reopened"
        case .natExhausted: "nat-exhausted"
        case .natNoAddress: "nat-no-address"
        case .natICMP: "nat-icmp"
        case .natEgressChanged: "nat-egress-changed"
        case .synproxy: "synproxy"
        case .synproxyCookie: "synproxy-cookie"
        case .helperPartial: "helper-partial"
        case .helperRoom: "helper-room"
        case .expectationRefused: "expectation-refused"
        case .expectationPorts: "expectation-ports"
        case .sequenceAdjustment: "sequence-adjustment"
        case .martianSource: "martian-source"
        case .martianDestination: "martian-destination"
        case .reversePath: "reverse-path"
        case .noRoute: "no-route"
        case .blackhole: "blackhole"
        case .unreachable: "unreachable"
        case .prohibited: "prohibited"
        case .egressNotAPort: "egress-not-a-port"
        case .linkBroadcastForward: "link-broadcast"
        case .groupNotJoined: "group-not-joined"
        case .ttlExpired: "ttl-expired"
        case .tooBig: "too-big"
        case .neighborQueueFull: "neighbor-queue-full"
        case .neighborFailed: "neighbor-failed"
        case .linkDown: "link-down"
        case .noFrame: "no-frame"
        case .outputFull: "output-full"
        case .ringFull: "ring-full"
        case .hostQueueFull: "host-queue-full"
        case .hostHeader: "host-header"
        }
    }

    /// What it means, in one sentence for the operator.
    public var text: String {
        switch self {
        case .frameTooShort: "The frame ends before an Ethernet and IPv4 header do."
        case .notIPv4: "The frame's Ethernet type is not IPv4."
        case .otherHost: "The frame is addressed to another station's Ethernet address."
        case .ipHeader: "Version, header length or total length of the IPv4 header contradict each other."
        case .ipTruncated: "The frame is shorter than the IPv4 total length says."
        case .ipChecksum: "The IPv4 header checksum is wrong."
        case .ipOptions: "The IPv4 options are malformed; the sender is told which byte."
        case .sourceRoute: "The packet asks for source routing, which is not done."
        case .fragmentLength: "A fragment is empty or contradicts where another said that the datagram ends; it takes all of them with it."
        case .fragmentOverlap: "A fragment overlaps another of its datagram, which takes all of them with it (RFC 5722, as Linux)."
        case .fragmentDuplicate: "The fragment had come before."
        case .fragmentTimeout: "The rest of the datagram did not come in time."
        case .fragmentMemory: "Too many fragments were waiting, or too many of their sender's had come since the last one of the datagram."
        case .fragmentTooLarge: "The fragments add up to more than 65,535 bytes."
        case .fragmentECN: "Some fragments say that their sender understands ECN, others that it does not (RFC 3168, 5.3)."
        case .transportCut: "A rule wanted a transport header or SCTP chunk that is cut off."
        case .tcpHeader: "A rule was to change a TCP header that is cut off or contradicts itself."
        case .pathMTU: "TCPMSS found a path MTU that leaves no room for TCP."
        case .noRoomToGrow: "TCPMSS was to add an option, and the frame's memory or an IP packet's length has no room for it."
        case .rule: "A rule's DROP."
        case .policy: "A built-in chain's DROP policy."
        case .reject: "A rule's REJECT."
        case .mirror: "A rule's MIRROR; a copy went back to the sender, unless it was none that may be answered."
        case .connlimitFull: "A connlimit rule had no room to count one more flow."
        case .connlimitClosed: "A packet of a closed connection met a connlimit rule, and its address has no other, as in the kernel: ask for SYNs alone."
        case .hashlimitFull: "The table of a rule's hashlimit holds as many entries as it may."
        case .flowTableFull: "No room for a new flow, and none near its place to put out for it: none unanswered, not assured or closing."
        case .flowClash: "While this flow began another was entered with the same addresses and ports, in one direction or the other."
        case .flowReopened: "The segment ended an old flow; the sender's next try begins a new one."
        case .natExhausted: "All ports that a NAT rule allows toward this destination are taken."
        case .natNoAddress: "MASQUERADE found no address on the egress port."
        case .natICMP: "An ICMP error could not be translated."
        case .natEgressChanged: "The route of a masqueraded flow has moved to another port; the flow has ended."
        case .synproxy: "A segment of a handshake that SYNPROXY carried on with segments of its own."
        case .synproxyCookie: "SYNPROXY was sent an acknowledgment of no SYN-ACK of its own, or a damaged segment."
        case .helperPartial: "A line that may announce an FTP data connection was cut off or malformed, so that it could not be read or rewritten."
        case .helperRoom: "A packet whose text a helper had to rewrite could not grow."
        case .expectationRefused: "What a helper read could not be expected: the table of expectations is full, or another flow is expected there."
        case .expectationPorts: "No port was free for a flow that a helper had to announce."
        case .sequenceAdjustment: "A segment whose numbers had to be shifted had malformed options."
        case .martianSource: "The source address cannot be one of another host."
        case .martianDestination: "The destination address cannot be forwarded to."
        case .reversePath: "The way back to the source leads out another port (rp_filter)."
        case .noRoute: "No route to the destination."
        case .blackhole: "A blackhole route or rule."
        case .unreachable: "An unreachable route or rule."
        case .prohibited: "A prohibit route or rule."
        case .egressNotAPort: "The route leads to an interface that is not a port of Martlet."
        case .linkBroadcastForward: "A frame to a group's Ethernet address is not forwarded."
        case .groupNotJoined: "Nobody on the host has joined the multicast group on this port."
        case .ttlExpired: "The time to live ran out."
        case .tooBig: "The packet is larger than the egress MTU and must not be fragmented."
        case .neighborQueueFull: "Too many packets wait for the next hop's Ethernet address."
        case .neighborFailed: "The next hop did not answer."
        case .linkDown: "The egress link is down."
        case .noFrame: "No free frame in memory."
        case .outputFull: "A burst made more frames than its output holds."
        case .ringFull: "The transmit ring of the egress port stayed full."
        case .hostQueueFull: "The queue to the host is full."
        case .hostHeader: "A frame from the host carried no valid header of its port."
        }
    }
}
