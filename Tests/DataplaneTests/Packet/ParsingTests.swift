import Net
import TestSupport
import Testing

@testable import Dataplane

@Suite("Nothing on the wire traps")
struct ParsingTests {
    static let frames = [
        "lan tcp 10.0.0.2:1000 > 192.0.2.9:80 S seq 7 mss 1460 sackok ts 1:0 nop ws 7",
        "lan tcp 10.0.0.2:1000 > 192.0.2.9:80 A seq 7 ack 9 nop nop sack 1-2,3-4 len 20",
        "lan udp 10.0.0.2:5000 > 192.0.2.9:53 ipopt 94040000 len 30",
        "lan svlan 7 vlan 5 udp 10.0.0.2:5000 > 192.0.2.9:53 len 30",
        "lan icmp 10.0.0.2 > 192.0.2.9 echo 7 1 len 56",
        "wan icmp 192.0.2.9 > 198.51.100.1 port-unreachable [udp 198.51.100.1:5000 > 192.0.2.9:53 ttl 63 len 10]",
        "wan icmp 192.0.2.9 > 198.51.100.1 frag-needed 900 [tcp 198.51.100.1:1000 > 192.0.2.9:80 A ipopt 94040000 seq 7 len 10]",
        "wan icmp 192.0.2.9 > 198.51.100.1 ttl-exceeded [icmp 198.51.100.1 > 192.0.2.9 echo 7 1 len 20]",
        "lan ip 10.0.0.2 > 192.0.2.9 proto 17 id 3 mf len 24",
        "lan ip 10.0.0.2 > 192.0.2.9 proto 132 len 32",
        "lan ip 10.0.0.2 > 192.0.2.9 proto 47 len 8",
    ]

    /// Rules that look at everything.
    static var everything: RuleText {
        var text = RuleText.nat((.postrouting, .masquerade.output("wan")), (.prerouting, .translate("10.0.0.3", ports: 8080...8090).tcp(to: 80).input("wan")))
        text.chain(
            .filter, .forward,
            [
                .accept.tcp(to: 22).header(.tcpOption(kind: 99, isNegated: false)),
                .accept.proto(.tcp).header(.tcpOption(kind: 99, isNegated: false)), .drop.udp(to: 99),
                .accept.proto(.icmp).header(.icmp(type: 5, firstCode: 0, lastCode: 255, isNegated: false)),
                .accept.flags(.fragment).states(.untracked),
                RuleText.Rule(.reject(.tcpReset)).proto(.tcp).states(.invalid),
                RuleText.Rule(.reject(.portUnreachable)).states(.invalid),
            ])
        return text
    }

    @Test("a frame cut at every length, with the IP header as it was and with its length made true", arguments: frames)
    func truncated(text: String) {
        for tells in [true, false] {
            var setup = Bench.Setup()
            setup.rules = Self.everything
            let bench = Bench(setup)
            bench.send("lan udp 10.0.0.2:5000 > 192.0.2.9:53 len 10", "lan tcp 10.0.0.2:1000 > 192.0.2.9:80 S seq 6", "lan icmp 10.0.0.2 > 192.0.2.9 echo 7 1 len 20")
            let whole = bench.read(text)
            let start = whole.bytes.count - (Self.packetLength(whole.bytes))
            for length in 0...whole.bytes.count {
                var bytes = Array(whole.bytes[..<length])
                if tells, length >= start + 20 { Self.setLength(&bytes, start) }
                bench.send([(whole.port, false, bytes)])
            }
            #expect(bench.total(.received) == UInt64(whole.bytes.count + 4))
        }
    }

    private static func packetLength(_ frame: [UInt8]) -> Int {
        var at = 12
        while frame[at] == 0x81 || frame[at] == 0x88 { at += 4 }
        return frame.count - at - 2
    }

    /// Makes total length and header checksum true.
    private static func setLength(_ frame: inout [UInt8], _ start: Int) {
        let total = frame.count - start
        let header = Int(frame[start] & 15) * 4
        guard total >= header else { return }
        frame[start + 2] = UInt8(total >> 8)
        frame[start + 3] = UInt8(total & 255)
        setSum(&frame, start)
    }

    private static func setSum(_ frame: inout [UInt8], _ start: Int) {
        let header = min(Int(frame[start] & 15) * 4, frame.count - start)
        guard header >= 20 else { return }
        frame[start + 10] = 0
        frame[start + 11] = 0
        let sum = ~UInt16(internetSum(frame[start..<start + header]))
        frame[start + 10] = UInt8(sum >> 8)
        frame[start + 11] = UInt8(sum & 255)
    }

    @Test("thousands of frames with random bytes changed and the header checksum made right again", arguments: [1, 2, 3, 4] as [UInt64])
    func mutated(seed: UInt64) {
        var setup = Bench.Setup()
        setup.rules = Self.everything
        setup.chunks = 16384
        setup.mtu[1] = 576
        let bench = Bench(setup)
        var random = RandomSource(seed: seed)
        let originals = Self.frames.map { bench.read($0) }
        for round in 0..<3000 {
            let original = originals[Int(random.next(below: UInt32(originals.count)))]
            var bytes = original.bytes
            let start = bytes.count - Self.packetLength(bytes)
            for _ in 0...random.next(below: 4) {
                bytes[Int(random.next(below: UInt32(bytes.count)))] = UInt8(truncatingIfNeeded: random.next())
            }
            if random.next(below: 8) == 0 { bytes += Array(repeating: 0xA5, count: Int(random.next(below: 900))) }
            // Keep most of them ours.
            if random.next(below: 8) != 0 { bytes.replaceSubrange(0..<12, with: original.bytes[0..<12]) }
            Self.setSum(&bytes, start)
            bench.send([(original.port, random.next(below: 10) == 0, bytes)])
            if round % 500 == 499 { bench.pass(10) }
        }
        bench.pass(40)
    }

    @Test("a tower of VLAN tags fills no buffer")
    func tags() {
        var setup = Bench.Setup()
        setup.rules = .tracking
        let bench = Bench(setup)
        let plain = bench.read("lan udp 10.0.0.2:1 > 192.0.2.9:2 ttl 1 len 40").bytes
        for count in 0..<420 {
            let bytes = plain[..<12] + Array(repeating: [0x81, 0, 0, 5] as [UInt8], count: count).joined() + plain[12...]
            bench.send([(0, false, Array(bytes))])
        }
        #expect(bench.dropped(.notIPv4) == 417)
    }
}
