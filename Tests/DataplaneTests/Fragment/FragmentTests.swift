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
        // Each takes what had come with it; what comes then begins anew.
        #expect(bench.drops == ["fragment-length": 4])
        bench.pass(31)
        #expect(bench.drops == ["fragment-length": 4, "fragment-timeout": 1])
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
        // One alone may be the end of a datagram that nobody can put together.
        bench.send("lan ip 10.0.0.2 > 192.0.2.9 proto 17 id 7 off 65528 len 8")
        bench.pass(31)
        #expect(bench.drops == ["fragment-timeout": 1])
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
        #expect(bench.drops == ["fragment-too-large": 47, "fragment-timeout": 1])
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
        // One datagram has at most 1,366 pieces.
        for place in 0..<1400 { bench.send("lan ip 10.0.0.2 > 192.0.2.9 proto 17 id 1 mf off \(place * 16) len 8") }
        #expect(bench.drops == ["fragment-memory": 34])
        for id in 2..<3000 { bench.send("lan ip 10.0.0.2 > 192.0.2.9 proto 17 id \(id) mf off 8 len 8") }
        #expect(bench.total(.held) <= 1366 + 2047)
        #expect(bench.total(.held) > 1366 + 1500)
        bench.pass(31)
        #expect(bench.total(.held) == 0)
    }

    @Test("what is over in a fragment that is no multiple of eight is cut off (ip_frag_queue)")
    func trimmed() throws {
        let bench = Self.bench()
        let pieces = try Self.pieces([24, 34], length: 50)
        #expect(bench.send(pieces[0] + "ffffff") == [])
        expect(bench.send(pieces[1]), try pieces.map { try "wan \(TestPacket(String($0.dropFirst(4)) + " ttl 63"))" })
    }

    @Test("a fragment that lies within two others is a duplicate if those came one behind the other, else an overlap", arguments: [true, false])
    func overTwo(inOrder: Bool) throws {
        let bench = Self.bench()
        let pieces = try Self.pieces([24, 16, 18], length: 50)
        bench.send(inOrder ? pieces[0] : pieces[1], inOrder ? pieces[1] : pieces[0])
        bench.send("lan ip 10.0.0.2 > 192.0.2.9 proto 17 id 7 mf off 16 len 16")
        #expect(bench.drops == (inOrder ? ["fragment-duplicate": 1] : ["fragment-overlap": 3]))
        #expect(bench.send(pieces[2]).count == (inOrder ? 3 : 0))
    }

    @Test("RFC 3168, 5.3: congestion experienced by one is experienced by all; what cannot be is dropped", arguments: [
        (["tos 2", "tos 3"], " tos 0x03"), (["tos 1", "tos 2"], " tos 0x01"), (["tos 0", "tos 2"], nil), (["tos 3", "tos 0"], nil),
    ])
    func congestion(fields: [String], expected: String?) throws {
        let bench = Self.bench()
        let pieces = try Self.pieces([24, 34], length: 50)
        let out = zip(pieces, fields).flatMap { bench.send($0.replacing(" id 7", with: " \($1) id 7")) }
        if let expected {
            #expect(out.count == 2 && out.allSatisfy { $0.contains(expected) }, "\(out)")
        } else {
            #expect(out == [] && bench.drops == ["fragment-ecn": 2])
        }
    }

    @Test("ipfrag_max_dist: 64 fragments of the same sender later, an identification has come round")
    func tooFar() throws {
        let bench = Self.bench()
        let pieces = try Self.pieces([24, 34], length: 50)
        for between in [63, 64] {
            bench.send(pieces[0])
            for id in 0..<between { bench.send("lan ip 10.0.0.2 > 192.0.2.9 proto 17 id \(1000 + between * 100 + id) mf off 8 len 8") }
            #expect(bench.send(pieces[1]).count == (between == 63 ? 2 : 0))
        }
        #expect(bench.dropped(.fragmentMemory) == 1)
    }

    @Test("RFC 792: time exceeded in reassembly, from whom it was for, if the first fragment has come")
    func timeoutForUs() throws {
        let bench = Self.bench()
        let pieces = try Self.pieces([24, 34], length: 50).map { $0.replacing("192.0.2.9", with: "10.0.0.1") }
        bench.send(pieces[1].replacing(" id 7", with: " id 8"), pieces[0])
        let out = bench.pass(31)
        #expect(out.count == 1 && out[0].hasPrefix("lan icmp 10.0.0.1 > 10.0.0.2"), "\(out)")
        #expect(out.first.map { $0.contains("type 11 1") || $0.contains("reassembly") || $0.contains("frag-time") } == true, "\(out)")
        #expect(bench.drops == ["fragment-timeout": 2])
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
        let out = bench.send("lan udp 10.0.0.2:1 > 192.0.2.9:2 ipopt 440405009404000001000000 len 1000")
        #expect(out.count == 2)
        #expect(out[0].contains("ipopt 440405109404000001000000"))
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
