import Net
import TestSupport
import Testing

@testable import Dataplane

@Suite("Checksums")
struct ChecksumTests {
    private static func full(_ bytes: [UInt8]) -> UInt16 {
        var sum = Checksum()
        unsafe bytes.withUnsafeBytes { if let base = $0.baseAddress { unsafe sum.add(base, count: $0.count) } }
        return sum.field
    }

    @Test("RFC 1071: the sum over any number of bytes at any alignment is the plain reading's")
    func sums() {
        var random = RandomSource(seed: 1)
        for length in 0..<300 {
            let bytes = (0..<length).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            #expect(Self.full(bytes) == ~UInt16(internetSum(bytes)))
            let ones = [UInt8](repeating: 0xFF, count: length)
            #expect(Self.full(ones) == ~UInt16(internetSum(ones)))
        }
        #expect(Self.full([UInt8](repeating: 0xFF, count: 65535)) == ~UInt16(internetSum([UInt8](repeating: 0xFF, count: 65535))))
    }

    @Test("RFC 1624, equation 3: the updated field is what a full sum gives, for thousands of rewrites, corners included")
    func updates() {
        var random = RandomSource(seed: 2)
        let corners: [UInt16] = [0, 1, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF]
        for round in 0..<20000 {
            func word() -> UInt16 {
                random.next(below: 4) == 0
                    ? corners[Int(random.next(below: 6))] : UInt16(truncatingIfNeeded: random.next())
            }
            var words = (0..<10).map { _ in word() }
            // A real header is never all zero.
            words[0] = 0x4500
            func bytes() -> [UInt8] { words.flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] } }
            let before = Self.full(bytes())
            let place = 1 + Int(random.next(below: 8))
            let old = words[place]
            words[place] = word()
            let updated = Checksum.updated(before, from: old, to: words[place])
            if updated != Self.full(bytes()) { Issue.record("round \(round): \(before) \(old) \(words)") }
        }
    }

    @Test("the same for 32 bits, and for the TTL")
    func updatesOfAddresses() {
        var random = RandomSource(seed: 3)
        for _ in 0..<5000 {
            var packet = TestPacket(ip: .init(source: .init(rawValue: UInt32(truncatingIfNeeded: random.next())), destination: "10.0.0.1", proto: .udp))
            let before = packet.packetBytes
            let old = packet.ip?.source ?? .any
            let new = IPv4Address(rawValue: UInt32(truncatingIfNeeded: random.next()))
            packet.ip?.source = new
            let after = packet.packetBytes
            let field = UInt16(before[10]) << 8 | UInt16(before[11])
            #expect(Checksum.updated(field, from: old.rawValue, to: new.rawValue) == UInt16(after[10]) << 8 | UInt16(after[11]))
        }
    }

    @Test("translated packets carry the sums that a sender would have written", arguments: 0..<4)
    func translated(seed: Int) throws {
        var setup = Bench.Setup()
        setup.rules = .nat((.postrouting, .masquerade.output("wan")))
        setup.seed = UInt64(seed)
        let bench = Bench(setup)
        var random = RandomSource(seed: UInt64(seed) + 99)
        for _ in 0..<500 {
            let port = random.next(below: 65536)
            let bytes = (0..<random.next(below: 40)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            let payload = bytes.isEmpty ? "" : " x " + bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            let kind = random.next(below: 3)
            let text = kind == 0 ? "lan udp 10.0.0.2:\(port) > 192.0.2.9:53" : kind == 1 ? "lan tcp 10.0.0.2:\(port) > 192.0.2.9:80 S seq \(random.next(below: .max))" : "lan icmp 10.0.0.2 > 192.0.2.9 echo \(port) 1"
            for line in bench.send(text + payload) {
                // The printer names every sum that is not right.
                #expect(!line.contains("sum"), "\(text) became \(line)")
            }
        }
        #expect(bench.total(.transmitted) == 500)
    }

    @Test("RFC 768: no checksum stays none; a sum that becomes zero is sent as all ones")
    func udpZero() throws {
        var setup = Bench.Setup()
        setup.rules = .nat((.postrouting, .masquerade.output("wan")))
        let bench = Bench(setup)
        #expect(bench.send("lan udp 10.0.0.2:7 > 192.0.2.9:53 nosum len 3") == ["wan udp 198.51.100.1:7 > 192.0.2.9:53 nosum ttl 63 len 3"])
        // A payload for which the translated packet's sum comes out as zero.
        var found = 0
        for word in 0..<0x10000 where found == 0 {
            var packet = try TestPacket("udp 198.51.100.1:9 > 192.0.2.9:53 ttl 63 x " + Self.hex(word))
            let bytes = packet.packetBytes
            guard bytes[26] == 0xFF, bytes[27] == 0xFF else { continue }
            found += 1
            packet.ethernet = nil
            #expect(bench.send("lan udp 10.0.0.2:9 > 192.0.2.9:53 x " + Self.hex(word)) == ["wan \(packet)"])
            // The other way, from all ones.
            #expect(bench.send("wan udp 192.0.2.9:53 > 198.51.100.1:9 x " + Self.hex(word)).first?.contains("sum") == false)
        }
        #expect(found == 1)
    }

    private static func hex(_ word: Int) -> String {
        let text = String(word, radix: 16)
        return String(repeating: "0", count: 4 - text.count) + text
    }

    @Test("a partial checksum, as a veth peer leaves it, is completed", arguments: ["udp 10.0.0.2:7 > 192.0.2.9:53 len 31", "tcp 10.0.0.2:7 > 192.0.2.9:53 S mss 1460 len 31"])
    func partial(text: String) throws {
        var packet = try TestPacket(text)
        let bytes = packet.packetBytes
        let length = bytes.count - 20
        let sum = internetSum(bytes[12..<20] + [0, bytes[9], UInt8(length >> 8), UInt8(length & 255)])
        #expect(Bench().send("lan \(text) sum \(sum)") == ["wan \(text.replacing("len 31", with: "ttl 63 len 31"))"])
        packet.ethernet = nil
        // The host's own as well.
        let own = try TestPacket(text.replacing("10.0.0.2", with: "198.51.100.1"))
        let ownBytes = own.packetBytes
        let ownSum = internetSum(ownBytes[12..<20] + [0, ownBytes[9], UInt8(length >> 8), UInt8(length & 255)])
        #expect(Bench().send("host wan \(own) ".replacing("len 31 ", with: "") + "sum \(ownSum) len 31") == ["wan \(own)"])
    }
}

extension String {
    /// Replaces every occurrence of one text by another.
    func replacing(_ old: String, with new: String) -> String {
        var result = ""
        var rest = self[...]
        while let place = rest.firstRange(of: old) {
            result += rest[..<place.lowerBound] + new
            rest = rest[place.upperBound...]
        }
        return result + rest
    }
}
