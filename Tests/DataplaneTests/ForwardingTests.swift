import Net
import TestSupport
import Testing

@testable import Dataplane

@Suite("A packet's way: routing, TTL, MTU, the host")
struct ForwardingTests {
    @Test("RFC 1812, 5.2.1: a packet is routed, its TTL is one less, its checksum follows")
    func forwards() {
        let bench = Bench()
        #expect(bench.send("lan udp 10.0.0.2:5000 > 192.0.2.9:53 \"question\"") == ["wan udp 10.0.0.2:5000 > 192.0.2.9:53 ttl 63 \"question\""])
        #expect(bench.send("wan tcp 198.51.100.2:80 > 10.0.0.2:999 SA seq 7 ack 9 mss 1460") == ["lan tcp 198.51.100.2:80 > 10.0.0.2:999 SA seq 7 ack 9 mss 1460 ttl 63"])
    }
}
