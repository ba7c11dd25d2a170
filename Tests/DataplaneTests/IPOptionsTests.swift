import Net
import Testing

@testable import Dataplane

@Suite("Time stamps in IP options (RFC 791, 3.1)")
struct IPOptionsTests {
    @Test("the time is milliseconds since midnight, alone, with the address the packet leaves by, or beside an address of ours",
        arguments: [
            ("440c05000000000000000000", "440c09000012d68700000000"), ("440c05010000000000000000", "440c0d01c63364010012d687"),
            ("440c05030a00000100000000", "440c0d030a0000010012d687"), ("440c05030a00000900000000", "440c05030a00000900000000"),
        ])
    func stamps(sent: String, leaves: String) {
        let bench = Bench()
        // 00:20:34.567 on some day.
        let midnight: Int64 = 1_700_000_000 / 86_400 * 86_400
        bench.shared.wallClock.set(
            offset: midnight * 1_000_000_000 + 1_234_567_000_000 - Int64(bench.now.nanoseconds), minutesWest: 0)
        let sent = bench.send("lan udp 10.0.0.2:1000 > 192.0.2.9:53 len 4 ipopt \(sent)")
        #expect(sent == ["wan udp 10.0.0.2:1000 > 192.0.2.9:53 ttl 63 ipopt \(leaves) len 4"])
    }
}
