import Net
import Testing

@testable import Dataplane

@Suite("Time stamps in IP options (RFC 791, 3.1)")
struct IPOptionsTests {
    @Test("the time is milliseconds since midnight, alone, with the address the packet leaves by, or beside an address of ours",
        arguments: [
            ("440c05000000000000000000", "440c09000012d68700000000"), ("440c05010000000000000000", "440c0d01c63364010012d687"),
            ("440c05030a00000100000000", "440c0d030a0000010012d687"), ("440c05030a00000900000000", "440c05030a00000900000000"),
            ("440c05030000000000000000", "440c0d03000000000012d687"),
        ])
    func stamps(sent: String, leaves: String) {
        let bench = Self.benchAtTwentyPastMidnight()
        let sent = bench.send("lan udp 10.0.0.2:1000 > 192.0.2.9:53 len 4 ipopt \(sent)")
        #expect(sent == ["wan udp 10.0.0.2:1000 > 192.0.2.9:53 ttl 63 ipopt \(leaves) len 4"])
    }

    /// 00:20:34.567 on some day.
    private static func benchAtTwentyPastMidnight() -> Bench {
        let bench = Bench()
        let midnight: Int64 = 1_700_000_000 / 86_400 * 86_400
        bench.shared.wallClock.set(
            offset: midnight * 1_000_000_000 + 1_234_567_000_000 - Int64(bench.now.nanoseconds), minutesWest: 0)
        return bench
    }

    /// But for the time, what Linux 6.18 brings back.
    @Test("an error brings time stamps back, with one more where there is room",
        arguments: [
            ("440c0500000000000000000000000000", "440c0d000012d6870012d687"),
            ("44140501000000000000000000000000000000000000000000000000", "441415010a0000010012d6870a0000010012d687"),
            ("440c05030a00000100000000", "440c0d030a0000010012d687"),
            ("441405030a000001000000000a00000100000000", "441415030a0000010012d6870a0000010012d687"),
            ("441405030a00000100000000c633640200000000", "44140d030a0000010012d687c633640200000000"),
            ("440c0502000000000000000000000000", "440c05020000000000000000"),
        ])
    func echoed(sent: String, back: String) {
        let sent = Self.benchAtTwentyPastMidnight().send("lan udp 10.0.0.2:1000 > 192.0.2.9:53 ttl 1 len 4 ipopt \(sent)")
        #expect(sent.count == 1 && sent[0].contains(" ipopt \(back) [udp"), "\(sent)")
    }

    @Test("half a place that is left keeps an error from being sent",
        arguments: ["070904000000000000000000", "440a0500000000000000000000000000"])
    func halfPlace(options: String) {
        let bench = Self.benchAtTwentyPastMidnight()
        #expect(bench.send("lan udp 10.0.0.2:1000 > 192.0.2.9:53 ttl 1 len 4 ipopt \(options)") == [])
        #expect(bench.drops == ["ttl-expired": 1])
    }
}
