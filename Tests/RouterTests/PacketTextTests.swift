import Net
import TestSupport
import Testing

@Suite("Packet text")
struct PacketTextTests {
    static let canonical = [
        "tcp 10.0.0.2:1000 > 198.51.100.2:80 S seq 7 win 64240 mss 1460 sackok nop ws 7",
        "tcp 10.0.0.2:1000 > 198.51.100.2:80 PA seq 4294967295 ack 9 \"GET / HTTP/1.0\\r\\n\\r\\n\"",
        "tcp 1.2.3.4:1 > 5.6.7.8:2 A seq 1 ack 2 nop nop sack 10-20,30-40 df",
        "tcp 1.2.3.4:1 > 5.6.7.8:2 A nop nop ts 1:2 len 3",
        "tcp 1.2.3.4:1 > 5.6.7.8:2 FPU urg 3 opt 253:abcd badsum",
        "tcp 1.2.3.4:1 > 5.6.7.8:2 -",
        "tcp 1.2.3.4:1 > 5.6.7.8:2 SEC",
        "udp 1.2.3.4:1 > 5.6.7.8:2 ttl 1 tos 0x10 id 7 df len 300",
        "udp 1.2.3.4:1 > 5.6.7.8:2 nosum \"odd\"",
        "udp 1.2.3.4:1 > 5.6.7.8:2 ulen 9 sum 0x1234 x ff00ff",
        "udp 1.2.3.4:1 > 5.6.7.8:2 ipopt 94040000 badipsum",
        "icmp 1.2.3.4 > 5.6.7.8 echo 7 1 len 56",
        "icmp 1.2.3.4 > 5.6.7.8 echo-reply 65535 65535",
        "icmp 1.2.3.4 > 5.6.7.8 port-unreachable tos 0xc0 [udp 5.6.7.8:1 > 9.9.9.9:2 ttl 63 len 10]",
        "icmp 1.2.3.4 > 5.6.7.8 frag-needed 1400 [tcp 5.6.7.8:1 > 9.9.9.9:2 A df len 8]",
        "icmp 1.2.3.4 > 5.6.7.8 ttl-exceeded [ip 5.6.7.8 > 9.9.9.9 proto 6 total 40 x 0001000200000000]",
        "icmp 1.2.3.4 > 5.6.7.8 redirect-host 5.6.7.1 [icmp 5.6.7.8 > 9.9.9.9 echo 1 2]",
        "icmp 1.2.3.4 > 5.6.7.8 parameter-problem 20",
        "icmp 1.2.3.4 > 5.6.7.8 type 42 1 99",
        "ip 1.2.3.4 > 5.6.7.8 proto 17 id 9 mf off 1480 len 16",
        "ip 1.2.3.4 > 5.6.7.8 proto 47 x 00000800",
        "ip 1.2.3.4 > 5.6.7.8 proto 6 x 0102",
        "eth 02:00:00:00:01:02 > 02:00:00:00:01:01 vlan 5:3 udp 1.2.3.4:1 > 5.6.7.8:2",
        "eth 02:00:00:00:01:02 > 02:00:00:00:01:01 svlan 10 vlan 5 udp 1.2.3.4:1 > 5.6.7.8:2",
        "eth 02:00:00:00:01:02 > ff:ff:ff:ff:ff:ff frame 0x0806 x 00010800",
    ]

    @Test("the canonical text of a packet survives being read and printed", arguments: canonical)
    func roundTrip(text: String) throws {
        let packet = try TestPacket(text)
        #expect(packet.description == text)
        guard packet.ip != nil else { return }
        let again = TestPacket(frame: packet.bytes)
        #expect(again.bytes == packet.bytes)
        var printed = again
        printed.ethernet = packet.ethernet
        #expect(printed.description == text)
    }

    @Test("any bytes have a text that gives the same bytes")
    func arbitraryBytes() throws {
        // A fixed sequence of mutations of good packets: lengths, offsets, flags, checksums all go wrong.
        var random = SplitMix(state: 7)
        for text in Self.canonical {
            let frame = try TestPacket(text).bytes
            for _ in 0..<200 {
                var bytes = frame
                for _ in 0..<Int.random(in: 0...3, using: &random) {
                    bytes[Int.random(in: 12..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
                }
                if Bool.random(using: &random) {
                    bytes.removeLast(Int.random(in: 0...(bytes.count - 14), using: &random))
                }
                let packet = TestPacket(frame: bytes)
                let encoded = packet.bytes
                // Padding behind a packet is no part of it.
                #expect(bytes.starts(with: encoded))
                #expect(try TestPacket(packet.description).bytes == encoded, "\(packet)")
            }
        }
    }

    @Test(
        "known bytes read as RFC 791, 792, 768 and 9293 have them",
        arguments: [
            (
                "udp 192.0.2.1:53 > 192.0.2.2:4096 \"hi\"",
                "4500001e000000004011f6cbc0000201c000020200351000000a03386869"
            ),
            (
                "icmp 192.0.2.1 > 192.0.2.2 echo 1 2 \"ab\"",
                "4500001e000000004001f6dbc0000201c00002020800969a000100026162"
            ),
        ])
    func knownBytes(text: String, hex: String) throws {
        let digits = Array(hex.filter { $0 != " " })
        let bytes = stride(from: 0, to: digits.count, by: 2).map { UInt8(String(digits[$0...$0 + 1]), radix: 16)! }
        #expect(try TestPacket(text).packetBytes == bytes)
        #expect(TestPacket(packet: bytes)?.description == text)
    }

    @Test(
        "an error says what is wrong",
        arguments: [
            ("tcp 10.0.0.2 > 10.0.0.3:80 S", "ADDRESS:PORT expected"),
            ("udp 10.0.0.2:1 > 10.0.0.300:80", "not an IPv4 address"),
            ("udp 10.0.0.2:1 > 10.0.0.3:80000", "not a number from 0 to 65535"),
            ("sctp 1.2.3.4 > 1.2.3.4", "not \"sctp\""),
            ("tcp 1.2.3.4:1 > 1.2.3.4:2 SX", "letters"), ("udp 1.2.3.4:1 > 1.2.3.4:2 seq 1", "unknown \"seq\""),
            ("udp 1.2.3.4:1 > 1.2.3.4:2 ttl", "missing"), ("icmp 1.2.3.4 > 1.2.3.4 hello", "unknown ICMP kind"),
            ("udp 1.2.3.4:* > 1.2.3.4:2", "only a pattern"), ("ip 1.2.3.4 > 1.2.3.4 proto 1 off 9", "multiple of 8"),
        ])
    func errors(text: String, message: String) {
        #expect { try TestPacket(text) } throws: { "\($0)".contains(message) }
    }

    @Test("a pattern binds open numbers once and insists on them")
    func patterns() throws {
        var bindings: PacketPattern.Bindings = [:]
        let pattern = try PacketPattern("tcp 1.2.3.4:$p > 5.6.7.8:80 S seq $n id *")
        #expect(
            pattern.differences(from: try TestPacket("tcp 1.2.3.4:7 > 5.6.7.8:80 S seq 9 id 3"), bindings: &bindings)
                == [])
        #expect(bindings == ["$p": 7, "$n": 9])
        let next = try PacketPattern("tcp 5.6.7.8:80 > 1.2.3.4:$p SA ack $n+1")
        #expect(
            next.differences(from: try TestPacket("tcp 5.6.7.8:80 > 1.2.3.4:7 SA ack 10"), bindings: &bindings) == [])
        let wrong = next.differences(
            from: try TestPacket("tcp 5.6.7.8:80 > 1.2.3.4:8 SA ack 10 ttl 3"), bindings: &bindings)
        #expect(wrong == ["dport is 8, not 7", "ttl is 3, not 64"])
        let quoted = try PacketPattern("icmp 9.9.9.9 > 1.2.3.4 ttl-exceeded id * [tcp 1.2.3.4:$p > 5.6.7.8:80 S ttl 1]")
        let error = try TestPacket("icmp 9.9.9.9 > 1.2.3.4 ttl-exceeded id 5 [tcp 1.2.3.4:7 > 5.6.7.8:80 S ttl 1]")
        #expect(quoted.differences(from: error, bindings: &bindings) == [])
    }
}

/// A small generator with a fixed start, so that failures come again.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    // Wrapping is meant: it is what the generator is made of.
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}
