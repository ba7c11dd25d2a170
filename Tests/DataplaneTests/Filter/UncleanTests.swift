import Net
import TestSupport
import Testing

@testable import Dataplane

@Suite("Unclean packets")
struct UncleanTests {
    /// Whether the match finds a packet, given as text or as the bytes of an IP packet.
    private static func isUnclean(_ text: String) throws -> Bool { isUnclean(try TestPacket(text).packetBytes) }

    private static func isUnclean(_ bytes: [UInt8]) -> Bool {
        withPacket(bytes) { $0.isUnclean }
    }

    @Test(
        "what senders do produce is clean",
        arguments: [
            "udp 10.0.0.2:1 > 198.51.100.2:53 len 20",
            "udp 10.0.0.2:1 > 198.51.100.2:53 nosum len 21",
            "udp 10.0.0.2:0 > 198.51.100.2:53",
            "udp 10.0.0.2:1 > 198.51.100.2:53 ipopt 07040400",
            "tcp 10.0.0.2:1 > 198.51.100.2:80 S mss 1460 sackok ts 5:0 nop ws 7",
            "tcp 10.0.0.2:1 > 198.51.100.2:80 SEC",
            "tcp 10.0.0.2:1 > 198.51.100.2:80 SA",
            "tcp 10.0.0.2:1 > 198.51.100.2:80 R",
            "tcp 10.0.0.2:1 > 198.51.100.2:80 FPUA nop nop ts 5:6 len 3",
            "icmp 10.0.0.2 > 198.51.100.2 echo 7 1 len 56",
            "icmp 10.0.0.2 > 198.51.100.2 timestamp 7 1 len 12",
            "icmp 10.0.0.2 > 198.51.100.2 port-unreachable [udp 198.51.100.2:53 > 10.0.0.2:9 len 4]",
            "icmp 10.0.0.2 > 198.51.100.2 ttl-exceeded [tcp 198.51.100.2:53 > 10.0.0.2:9 S mss 9]",
            "icmp 10.0.0.2 > 198.51.100.2 parameter-problem 19 [udp 198.51.100.2:53 > 10.0.0.2:9]",
            "icmp 10.0.0.2 > 198.51.100.2 type 40 9 77",
            "ip 10.0.0.2 > 198.51.100.2 proto 17 mf x 00010035010000" + String(repeating: "00", count: 105),
            "ip 10.0.0.2 > 198.51.100.2 proto 17 off 112 len 5",
            "ip 10.0.0.2 > 198.51.100.2 proto 6 off 1480 mf len 8",
            "ip 10.0.0.2 > 198.51.100.2 proto 132 len 3",
        ])
    func clean(text: String) throws { #expect(try !Self.isUnclean(text)) }

    @Test(
        "what no sender may produce is unclean",
        arguments: [
            // IP: options, fragments, protocol, the flag that is none.
            "udp 10.0.0.2:1 > 198.51.100.2:53 ipopt 07080400",
            "udp 10.0.0.2:1 > 198.51.100.2:53 ipopt 07010400",
            "udp 10.0.0.2:1 > 198.51.100.2:53 ipopt 01010107",
            "udp 10.0.0.2:1 > 198.51.100.2:53 ipopt 00000703",
            "ip 10.0.0.2 > 198.51.100.2 proto 132 mf len 111",
            "ip 10.0.0.2 > 198.51.100.2 proto 132 mf len 104",
            "ip 10.0.0.2 > 198.51.100.2 proto 132 off 104 len 8",
            "ip 10.0.0.2 > 198.51.100.2 proto 132 off 1480",
            "ip 10.0.0.2 > 198.51.100.2 proto 132 off 1480 df len 8",
            "ip 10.0.0.2 > 198.51.100.2 proto 132 mf df len 112",
            "ip 10.0.0.2 > 198.51.100.2 proto 132 off 65528 len 8",
            "ip 10.0.0.2 > 198.51.100.2 proto 0 len 8",
            "udp 10.0.0.2:1 > 198.51.100.2:53 rf",
            // UDP: header, port, length, checksum.
            "ip 10.0.0.2 > 198.51.100.2 proto 17 x 00010035000700",
            "udp 10.0.0.2:1 > 198.51.100.2:0",
            "udp 10.0.0.2:1 > 198.51.100.2:53 ulen 9",
            "udp 10.0.0.2:1 > 198.51.100.2:53 ulen 7 nosum",
            "udp 10.0.0.2:1 > 198.51.100.2:53 badsum len 9",
            "ip 10.0.0.2 > 198.51.100.2 proto 17 mf x 00010035000a0000" + String(repeating: "00", count: 104),
            // TCP: header, ports, checksum, flags, options.
            "ip 10.0.0.2 > 198.51.100.2 proto 6 len 19",
            "tcp 10.0.0.2:0 > 198.51.100.2:80 S",
            "tcp 10.0.0.2:1 > 198.51.100.2:0 S",
            "tcp 10.0.0.2:1 > 198.51.100.2:80 S badsum",
            "tcp 10.0.0.2:1 > 198.51.100.2:80 -",
            "tcp 10.0.0.2:1 > 198.51.100.2:80 SF",
            "tcp 10.0.0.2:1 > 198.51.100.2:80 SR",
            "tcp 10.0.0.2:1 > 198.51.100.2:80 F",
            "tcp 10.0.0.2:1 > 198.51.100.2:80 FPU",
            "tcp 10.0.0.2:1 > 198.51.100.2:80 P",
            "tcp 10.0.0.2:1 > 198.51.100.2:80 SFRPUA",
            // ICMP: length, checksum, code, reserved words, what is quoted.
            "ip 10.0.0.2 > 198.51.100.2 proto 1 x 08",
            "ip 10.0.0.2 > 198.51.100.2 proto 1 x 0800f7ff",
            "icmp 10.0.0.2 > 198.51.100.2 echo 7 1 badsum",
            "icmp 10.0.0.2 > 198.51.100.2 type 8 1 0",
            "icmp 10.0.0.2 > 198.51.100.2 type 3 16 0 [udp 198.51.100.2:53 > 10.0.0.2:9]",
            "icmp 10.0.0.2 > 198.51.100.2 timestamp 7 1 len 13",
            "icmp 10.0.0.2 > 198.51.100.2 type 10 0 0 len 4",
            "icmp 10.0.0.2 > 198.51.100.2 type 11 0 5 [udp 198.51.100.2:53 > 10.0.0.2:9]",
            "icmp 10.0.0.2 > 198.51.100.2 parameter-problem 20 [udp 198.51.100.2:53 > 10.0.0.2:9]",
            "icmp 10.0.0.2 > 198.51.100.2 type 12 0 318767105 [udp 198.51.100.2:53 > 10.0.0.2:9]",
            "icmp 10.0.0.2 > 198.51.100.2 port-unreachable len 27",
            "icmp 10.0.0.2 > 198.51.100.2 port-unreachable [icmp 198.51.100.2 > 10.0.0.2 port-unreachable]",
            "icmp 10.0.0.2 > 198.51.100.2 port-unreachable [udp 198.51.100.2:53 > 10.0.0.2:0]",
            "icmp 10.0.0.2 > 198.51.100.2 port-unreachable [ip 198.51.100.2 > 10.0.0.2 proto 17 off 1480 len 8]",
        ])
    func unclean(text: String) throws { #expect(try Self.isUnclean(text)) }

    @Test("TCP headers whose length, reserved bits or options are wrong, checksum right")
    func brokenTCP() throws {
        func segment(_ dataOffset: UInt8, _ options: [UInt8]) throws -> [UInt8] {
            var packet = try TestPacket("tcp 10.0.0.2:1 > 198.51.100.2:80 S")
            guard case .tcp(var tcp) = packet.transport else { return [] }
            tcp.options = options
            packet.transport = .tcp(tcp)
            var bytes = packet.packetBytes
            // The byte changes, and the sum by as much.
            let change = UInt32(dataOffset) << 8
            let old = UInt32(bytes[32]) << 8
            let sum = ~(UInt32(bytes[36]) << 8 | UInt32(bytes[37])) & 0xFFFF
            bytes[32] = dataOffset
            let folded = (sum + change + 0xFFFF - old) % 0xFFFF
            let field = ~folded & 0xFFFF
            bytes[36] = UInt8(field >> 8)
            bytes[37] = UInt8(field & 255)
            return bytes
        }
        #expect(try !Self.isUnclean(segment(0x60, [2, 4, 5, 0xB4])))
        // The AE bit has a use by now.
        #expect(try !Self.isUnclean(segment(0x61, [2, 4, 5, 0xB4])))
        #expect(try Self.isUnclean(segment(0x62, [2, 4, 5, 0xB4])))
        #expect(try Self.isUnclean(segment(0x40, [])))
        #expect(try Self.isUnclean(segment(0x70, [2, 4, 5, 0xB4])))
        for options: [UInt8] in [[2, 0, 1, 1], [2, 5, 1, 1], [1, 1, 1, 2], [0, 0, 2, 2]] {
            #expect(try Self.isUnclean(segment(0x60, options)), "\(options)")
        }
    }

    @Test("an IP header that is too short or longer than its packet")
    func brokenIP() throws {
        var bytes = try TestPacket("udp 10.0.0.2:1 > 198.51.100.2:53").packetBytes
        bytes[0] = 0x48
        #expect(Self.isUnclean(bytes))
        bytes[0] = 0x44
        #expect(Self.isUnclean(bytes))
    }
}
