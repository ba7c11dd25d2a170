import Control
import Net
import Testing

/// The expected lines were printed by /proc/net/nf_conntrack of Linux 6.18 for such flows.
@Suite("Flows in the text of /proc/net/nf_conntrack")
struct FlowTextTests {
    static func tuple(
        _ source: IPv4Address, _ destination: IPv4Address, _ ports: (UInt16, UInt16)? = nil, icmp: ICMPKey? = nil,
        gre: GREKey? = nil, packets: UInt64, bytes: UInt64
    ) -> FlowTuple {
        FlowTuple(
            source: source, destination: destination, sourcePort: ports?.0, destinationPort: ports?.1, icmp: icmp,
            gre: gre, packets: packets, bytes: bytes)
    }

    static func flow(
        _ number: IPProtocol, _ timeout: UInt32, _ state: String? = nil, _ original: FlowTuple, _ reply: FlowTuple,
        seen: Bool, assured: Bool = false, gre: GRETimeouts? = nil, zone: UInt16 = 0, side: ZoneSide = .both, use: UInt32 = 2
    ) -> FlowRow {
        FlowRow(
            protocol: number, timeout: timeout, state: state, original: original, reply: reply, isReplySeen: seen,
            isAssured: assured, isOffloaded: false, gre: gre, mark: 0, zone: zone, zoneSide: side, use: use)
    }

    static let tcp = flow(
        .tcp, 431999, "ESTABLISHED", tuple("10.0.0.2", "198.51.100.2", (44410, 80), packets: 2, bytes: 112),
        tuple("198.51.100.2", "198.51.100.1", (80, 44410), packets: 1, bytes: 60), seen: true, assured: true)

    @Test("line for line as the kernel's", arguments: [
        (tcp, "ipv4     2 tcp      6 431999 ESTABLISHED src=10.0.0.2 dst=198.51.100.2 sport=44410 dport=80 packets=2 bytes=112 src=198.51.100.2 dst=198.51.100.1 sport=80 dport=44410 packets=1 bytes=60 [ASSURED] mark=0 zone=0 use=2"),
        (flow(.tcp, 119, "SYN_SENT", tuple("198.51.100.1", "198.51.100.77", (59370, 80), packets: 1, bytes: 60),
            tuple("198.51.100.77", "198.51.100.1", (80, 59370), packets: 0, bytes: 0), seen: false, use: 3),
        "ipv4     2 tcp      6 119 SYN_SENT src=198.51.100.1 dst=198.51.100.77 sport=59370 dport=80 packets=1 bytes=60 [UNREPLIED] src=198.51.100.77 dst=198.51.100.1 sport=80 dport=59370 packets=0 bytes=0 mark=0 zone=0 use=3"),
        (flow(.udp, 29, nil, tuple("10.0.0.2", "198.51.100.2", (53264, 99), packets: 1, bytes: 30),
            tuple("198.51.100.2", "198.51.100.1", (99, 53264), packets: 0, bytes: 0), seen: false),
        "ipv4     2 udp      17 29 src=10.0.0.2 dst=198.51.100.2 sport=53264 dport=99 packets=1 bytes=30 [UNREPLIED] src=198.51.100.2 dst=198.51.100.1 sport=99 dport=53264 packets=0 bytes=0 mark=0 zone=0 use=2"),
        (flow(.icmp, 29, nil,
            tuple("10.0.0.2", "198.51.100.2", icmp: ICMPKey(type: 8, code: 0, id: 7871), packets: 2, bytes: 168),
            tuple("198.51.100.2", "198.51.100.1", icmp: ICMPKey(type: 0, code: 0, id: 7871), packets: 2, bytes: 168), seen: true),
        "ipv4     2 icmp     1 29 src=10.0.0.2 dst=198.51.100.2 type=8 code=0 id=7871 packets=2 bytes=168 src=198.51.100.2 dst=198.51.100.1 type=0 code=0 id=7871 packets=2 bytes=168 mark=0 zone=0 use=2"),
        (flow(.gre, 29, nil, tuple("10.0.0.2", "198.51.100.2", gre: GREKey(source: 0, destination: 0), packets: 1, bytes: 64),
            tuple("198.51.100.2", "198.51.100.1", gre: GREKey(source: 0, destination: 0), packets: 0, bytes: 0), seen: false,
            gre: GRETimeouts(unreplied: 30, stream: 180)),
        "ipv4     2 gre      47 29 timeout=30, stream_timeout=180 src=10.0.0.2 dst=198.51.100.2 srckey=0x0 dstkey=0x0 packets=1 bytes=64 [UNREPLIED] src=198.51.100.2 dst=198.51.100.1 srckey=0x0 dstkey=0x0 packets=0 bytes=0 mark=0 zone=0 use=2"),
        (flow(.esp, 599, nil, tuple("10.0.0.2", "198.51.100.2", packets: 1, bytes: 60),
            tuple("198.51.100.2", "198.51.100.1", packets: 0, bytes: 0), seen: false),
        "ipv4     2 unknown  50 599 src=10.0.0.2 dst=198.51.100.2 packets=1 bytes=60 [UNREPLIED] src=198.51.100.2 dst=198.51.100.1 packets=0 bytes=0 mark=0 zone=0 use=2"),
        (flow(.udp, 29, nil, tuple("127.0.0.1", "127.0.0.1", (4053, 53), packets: 1, bytes: 29),
            tuple("127.0.0.1", "127.0.0.1", (53, 4053), packets: 0, bytes: 0), seen: false, zone: 7, side: .original),
        "ipv4     2 udp      17 29 src=127.0.0.1 dst=127.0.0.1 sport=4053 dport=53 zone-orig=7 packets=1 bytes=29 [UNREPLIED] src=127.0.0.1 dst=127.0.0.1 sport=53 dport=4053 packets=0 bytes=0 mark=0 use=2"),
        (flow(.udp, 29, nil, tuple("127.0.0.1", "127.0.0.1", (4054, 54), packets: 1, bytes: 29),
            tuple("127.0.0.1", "127.0.0.1", (54, 4054), packets: 0, bytes: 0), seen: false, zone: 8, side: .reply),
        "ipv4     2 udp      17 29 src=127.0.0.1 dst=127.0.0.1 sport=4054 dport=54 packets=1 bytes=29 [UNREPLIED] src=127.0.0.1 dst=127.0.0.1 sport=54 dport=4054 zone-reply=8 packets=0 bytes=0 mark=0 use=2"),
        (flow(.udp, 29, nil, tuple("127.0.0.1", "127.0.0.1", (4055, 55), packets: 1, bytes: 29),
            tuple("127.0.0.1", "127.0.0.1", (55, 4055), packets: 0, bytes: 0), seen: false, zone: 9, side: .both),
        "ipv4     2 udp      17 29 src=127.0.0.1 dst=127.0.0.1 sport=4055 dport=55 packets=1 bytes=29 [UNREPLIED] src=127.0.0.1 dst=127.0.0.1 sport=55 dport=4055 packets=0 bytes=0 mark=0 zone=9 use=2"),
    ])
    func line(_ flow: FlowRow, _ text: String) { #expect(flow.procText == text) }

    static let expectation = ExpectationRow(
        protocol: .tcp, timeout: 299, source: "172.23.0.2", destination: "198.51.100.1", sourcePort: 0, destinationPort: 35627,
        sourceMask: "255.255.255.255", sourcePortMask: 0, zone: 0, masterSource: "172.23.0.3", masterDestination: "172.23.0.2",
        masterProtocol: .tcp, masterSourcePort: 44550, masterDestinationPort: 21, helper: "ftp")

    @Test("what is expected reads as /proc/net/nf_conntrack_expect has it")
    func expectationLine() {
        // As Linux 6.18 printed it for this PORT.
        let text = "299 l3proto = 2 proto=6 src=172.23.0.2 dst=198.51.100.1 sport=0 dport=35627 ftp"
        #expect(Self.expectation.procText == text)
        var row = Self.expectation
        row.isPermanent = true
        row.isInactive = true
        #expect(row.procText == text.replacing(" ftp", with: " PERMANENT,INACTIVE ftp"))
    }

    @Test("a filter takes flows that agree with every field it names", arguments: [
        (FlowFilter(), true), (FlowFilter(protocol: .tcp, source: "10.0.0.0/8", destinationPort: 80), true),
        (FlowFilter(protocol: .udp), false), (FlowFilter(source: "10.1.0.0/16"), false), (FlowFilter(sourcePort: 80), false),
        (FlowFilter(replyDestination: "198.51.100.1/32", state: "ESTABLISHED", mark: 0), true),
        (FlowFilter(mark: 1), false), (FlowFilter(state: "CLOSE"), false), (FlowFilter(zone: 0), true), (FlowFilter(zone: 5), false),
    ])
    func filter(_ filter: FlowFilter, _ isTaken: Bool) { #expect(filter.matches(Self.tcp) == isTaken) }
}
