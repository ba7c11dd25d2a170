import Net
import TestSupport
import Testing

@testable import Dataplane

@Suite("Fragments: gathered before tracking, cut again behind NAT")
struct FragmentTests {
    private static func bench(mtu: Int = 1500, rules: RuleText = .tracking, chunks: Int = 512) -> Bench {
        var setup = Bench.Setup()
        setup.rules = rules
        setup.mtu[1] = mtu
        setup.chunks = chunks
        return Bench(setup)
    }

    /// A UDP datagram with `length` bytes of payload as fragments of these sizes.
    private static func pieces(_ sizes: [Int], length: Int, id: Int = 7, extra: String = "", options: [Int: String] = [:]) throws -> [String] {
        let body = try TestPacket("udp 10.0.0.2:5000 > 192.0.2.9:53 len \(length)").packetBytes[20...]
        var at = body.startIndex
        return sizes.enumerated().map { number, size in
            let part = body[at..<min(at + size, body.endIndex)]
            let offset = at - 20
            at += part.count
            let hex = part.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            return "lan ip 10.0.0.2 > 192.0.2.9 proto 17 id \(id)\(at < body.endIndex ? " mf" : "") off \(offset)\(extra)\(options[number] ?? "") x \(hex)"
        }
    }

    @Test("without tracking fragments pass one by one")
    func untracked() throws {
        let bench = Self.bench(rules: RuleText())
        for piece in try Self.pieces([24, 16, 8], length: 40) { #expect(bench.send(piece).count == 1) }
    }

    @Test("RFC 791, 3.2: in whatever order they come, the datagram leaves in the same pieces, and is one packet of its flow")
    func anyOrder() throws {
        let pieces = try Self.pieces([24, 16, 8, 10], length: 50)
        let expected = try pieces.map { try "wan \(TestPacket(String($0.dropFirst(4)) + " ttl 63"))" }
        for order in permutations([0, 1, 2, 3]) {
            let bench = Self.bench()
            for place in order.dropLast() { #expect(bench.send(pieces[place]) == []) }
            #expect(bench.total(.held) == 3)
            #expect(bench.send(pieces[order[3]]) == expected)
            #expect(bench.flowList == ["udp 30 10.0.0.2:5000>192.0.2.9:53 192.0.2.9:53>10.0.0.2:5000 UNREPLIED 1/0"])
            #expect(bench.total(.absorbed) == 3)
            #expect(bench.total(.extraFragments) == 3)
        }
    }

    private func permutations(_ items: [Int]) -> [[Int]] {
        items.isEmpty ? [[]] : items.flatMap { first in permutations(items.filter { $0 != first }).map { [first] + $0 } }
    }

    @Test("NAT translates the whole datagram, checksum included")
    func translated() throws {
        let bench = Self.bench(rules: .nat((.postrouting, .translate("198.51.100.1", ports: 7000...7000).proto(.udp))))
        let out = try Self.pieces([24, 34], length: 50).flatMap { bench.send($0) }
        let whole = try TestPacket("udp 198.51.100.1:7000 > 192.0.2.9:53 len 50").packetBytes[20...]
        #expect(try out.flatMap { try TestPacket(String($0.dropFirst(4))).payload } == Array(whole))
        #expect(out.allSatisfy { $0.hasPrefix("wan ip 198.51.100.1 > 192.0.2.9 proto 17 ttl 63 id 7") })
    }

    @Test("a repeated fragment is dropped alone")
    func duplicate() throws {
        let bench = Self.bench()
        let pieces = try Self.pieces([24, 16, 18], length: 50)
        for piece in [pieces[0], pieces[0], pieces[1], pieces[1]] { #expect(bench.send(piece) == []) }
        #expect(bench.send(pieces[2]).count == 3)
        #expect(bench.drops == ["fragment-duplicate": 2])
    }

    @Test("so is one that lies within another (IPFRAG_DUP)")
    func contained() throws {
        let bench = Self.bench()
        let pieces = try Self.pieces([24, 16, 18], length: 50)
        bench.send(pieces[0], "lan ip 10.0.0.2 > 192.0.2.9 proto 17 id 7 mf len 8", "lan ip 10.0.0.2 > 192.0.2.9 proto 17 id 7 mf off 8 len 8")
        bench.send(pieces[1], "lan ip 10.0.0.2 > 192.0.2.9 proto 17 id 7 mf off 16 len 16")
        #expect(bench.send(pieces[2]).count == 3)
        #expect(bench.drops == ["fragment-duplicate": 3])
    }

    @Test("RFC 5722's rule, which Linux follows: an overlap drops what has come", arguments: [
        "lan ip 10.0.0.2 > 192.0.2.9 proto 17 id 7 mf off 16 len 16", "lan ip 10.0.0.2 > 192.0.2.9 proto 17 id 7 mf off 8 len 40",
    ])
    func overlap(bad: String) throws {
        let bench = Self.bench()
        let pieces = try Self.pieces([24, 16, 18], length: 50)
        bench.send(pieces[0], bad)
        #expect(bench.total(.held) == 0)
        #expect(bench.send(pieces[1], pieces[2]) == [])
        #expect(bench.drops["fragment-overlap"] ?? 0 >= 2)
        bench.pass(31)
        #expect(bench.total(.held) == 0)
    }

    @Test("an end that contradicts another")
    func contradiction() {
        let bench = Self.bench()
        bench.send("lan ip 10.0.0.2 > 192.0.2.9 proto 17 id 7 off 16 len 9", "lan ip 10.0.0.2 > 192.0.2.9 proto 17 id 7 off 24 len 9")
        bench.send("lan ip 10.0.0.2 > 192.0.2.9 proto 17 id 7 mf off 64 len 8")
        bench.send("lan ip 10.0.0.2 > 192.0.2.9 proto 17 id 8 mf off 64 len 8", "lan ip 10.0.0.2 > 192.0.2.9 proto 17 id 8 off 16 len 8")
        #expect(bench.drops == ["fragment-length": 3])
        bench.pass(31)
        #expect(bench.drops == ["fragment-length": 3, "fragment-timeout": 2])
        #expect(bench.total(.held) == 0)
    }

    @Test("ipfrag_time: what is not whole after 30 seconds is given up, without a word")
    func timeout() throws {
        let bench = Self.bench()
        let pieces = try Self.pieces([24, 34], length: 50)
        bench.send(pieces[0])
        #expect(bench.pass(29) == [])
        #expect(bench.total(.held) == 1)
        #expect(bench.pass(1.1) == [])
        #expect(bench.drops == ["fragment-timeout": 1])
        // The rest begins anew.
        #expect(bench.send(pieces[1]) == [])
        #expect(bench.send(pieces[0]).count == 2)
    }

    @Test("fragments that add up to more than 65,535 bytes", arguments: ["", " ipopt 01010101"])
    func tooLarge(options: String) {
        let bench = Self.bench()
        bench.send("lan ip 10.0.0.2 > 192.0.2.9 proto 17 id 7 off 65528 len 8")
        #expect(bench.drops == ["fragment-too-large": 1])
        // Each for itself is not too large, but the first has the longer header.
        let long = " ipopt " + String(repeating: "01", count: 40)
        var at = 0
        while at < 65504 {
            let size = min(1440, 65504 - at)
            bench.send("lan ip 10.0.0.2 > 192.0.2.9 proto 17 id 8 mf off \(at)\(at == 0 ? long : options) len \(size)")
            at += size
        }
        #expect(bench.total(.held) == 46)
        #expect(bench.send("lan ip 10.0.0.2 > 192.0.2.9 proto 17 id 8 off 65504 len 8") == [])
        #expect(bench.total(.held) == 0)
        #expect(bench.drops == ["fragment-too-large": 48])
    }

    @Test("the longest datagram there is")
    func longest() throws {
        let bench = Self.bench()
        let sizes = [Int](repeating: 1480, count: 44) + [65515 - 44 * 1480]
        let out = try Self.pieces(sizes, length: 65507).flatMap { bench.send($0) }
        #expect(out.count == 45)
        #expect(bench.drops == [:])
    }

    @Test("RFC 1858: a fragment without data", arguments: ["mf off 0", "off 8"])
    func empty(fields: String) {
        let bench = Self.bench()
        #expect(bench.send("lan ip 10.0.0.2 > 192.0.2.9 proto 17 id 7 \(fields)") == [])
        #expect(bench.drops == ["fragment-length": 1])
    }

    @Test("so many may wait at a time, and no more")
    func limits() {
        let bench = Self.bench(chunks: 6000)
        // One datagram has at most 192 pieces.
        for place in 0..<200 { bench.send("lan ip 10.0.0.2 > 192.0.2.9 proto 17 id 1 mf off \(place * 16) len 8") }
        #expect(bench.drops == ["fragment-memory": 8])
        for id in 2..<3000 { bench.send("lan ip 10.0.0.2 > 192.0.2.9 proto 17 id \(id) mf off 8 len 8") }
        #expect(bench.total(.held) <= 192 + 1023)
        #expect(bench.total(.held) > 900)
        bench.pass(31)
        #expect(bench.total(.held) == 0)
    }

    @Test("a smaller way out cuts anew; Don't Fragment on the largest piece forbids it")
    func smaller() throws {
        let pieces = try Self.pieces([800, 208], length: 1000)
        let bench = Self.bench(mtu: 576)
        let out = pieces.flatMap { bench.send($0) }
        expect(out, [
            "wan ip 10.0.0.2 > 192.0.2.9 proto 17 ttl 63 id 7 mf …552", "wan ip 10.0.0.2 > 192.0.2.9 proto 17 ttl 63 id 7 off 552 …456",
        ])
        let strict = Self.bench(mtu: 576)
        let answer = try Self.pieces([800, 208], length: 1000, extra: " df").flatMap { strict.send($0.replacing(" mf", with: " df mf").replacing(" df df", with: " df").replacing(" off 0 df", with: " off 0").replacing(" off 800 df", with: " off 800")) }
        #expect(answer.count == 1 && answer[0].hasPrefix("lan icmp 10.0.0.1 > 10.0.0.2 frag-needed 576"), "\(answer)")
        #expect(strict.drops == ["too-big": 1])
    }

    @Test("what was cut may be cut so again, and then loses Don't Fragment as in the kernel")
    func losesDontFragment() throws {
        let bench = Self.bench()
        let pieces = try Self.pieces([800, 208], length: 1000).map { $0.replacing(" id 7", with: " id 7 df") }
        let out = pieces.map { bench.send($0) }.joined()
        #expect(out.count == 2 && !out.contains { $0.contains(" df") }, "\(Array(out))")
    }

    @Test("options without the copied flag stand in the first piece only (RFC 791, 3.1)")
    func options() throws {
        let bench = Self.bench(mtu: 576, rules: RuleText())
        let out = bench.send("lan udp 10.0.0.2:1 > 192.0.2.9:2 ipopt 440404009404000001000000 len 1000")
        #expect(out.count == 2)
        #expect(out[0].contains("ipopt 440404009404000001000000"))
        #expect(out[1].contains("ipopt 010101019404000001000000"))
    }

    @Test("for the host: gathered for INPUT, handed over in pieces as they came")
    func toHost() throws {
        var rules = RuleText.tracking
        rules.chain(.filter, .input, policy: .policyDrop, [.accept.udp(to: 53)])
        let bench = Self.bench(rules: rules)
        let pieces = try Self.pieces([24, 34], length: 50).map { $0.replacing("192.0.2.9", with: "10.0.0.1") }
        let out = pieces.flatMap { bench.send($0) }
        #expect(out.count == 2 && out.allSatisfy { $0.hasPrefix("host lan ") })
    }

    @Test("what the host sends in fragments is gathered apart and leaves as it wrote it")
    func fromHost() throws {
        let bench = Self.bench()
        let pieces = try Self.pieces([24, 34], length: 50).map { "host " + $0.replacing("10.0.0.2", with: "198.51.100.1").replacing("lan", with: "wan") }
        let out = pieces.flatMap { bench.send($0) }
        #expect(out.count == 2 && out.allSatisfy { $0.hasPrefix("wan ip 198.51.100.1 > 192.0.2.9 proto 17 id 7") }, "\(out)")
    }

    @Test("no memory for the pieces is a drop by name and loses no frame")
    func noMemory() throws {
        var setup = Bench.Setup()
        setup.chunks = 4
        setup.mtu[1] = 68
        let bench = Bench(setup)
        let out = bench.send("lan udp 10.0.0.2:1 > 192.0.2.9:2 len 400")
        #expect(out.count == 3)
        #expect(bench.drops == ["no-frame": 1])
    }
}
