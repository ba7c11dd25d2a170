import Net
import TestSupport
import Testing

@testable import Dataplane

/// A TCP connection from the LAN through a bench, whose two ends count as real ones do: each by what it has sent and received.
@safe final class Talk {
    let bench: Bench
    private let client: String
    private let clientOutside: String
    private let server: String
    private let port: Int
    var sent: (client: Int, server: Int) = (1001, 5001)
    /// By how much what the other has received is ahead.
    var growth: (client: Int, server: Int) = (0, 0)

    init(_ bench: Bench, client: String = "10.0.0.2", port: Int = 1000, outside: String = "198.51.100.1:1000", server: String = "192.0.2.9:21") {
        self.bench = bench
        self.client = client
        self.port = port
        clientOutside = outside
        self.server = server
        bench.send("lan tcp \(client):\(port) > \(server) S seq 1000 mss 1460 sackok")
        bench.send("wan tcp \(server) > \(outside) SA seq 5000 ack 1001 mss 1460 sackok")
        bench.send("lan tcp \(client):\(port) > \(server) A seq 1001 ack 5001")
        fromServer("220 ready\r\n")
        fromClient("USER a\r\n")
        fromServer("331 ok\r\n")
    }

    /// What the client says as the server hears it: the text alone, nil if it was dropped.
    @discardableResult
    func fromClient(_ text: String, options: String = "") -> String? {
        let out = bench.send("lan tcp \(client):\(port) > \(server) PA seq \(sent.client) ack \(sent.server + growth.server) \(options)\(quoted(text))")
        guard let heard = heard(out.first) else { return nil }
        sent.client += text.utf8.count
        growth.client += heard.utf8.count - text.utf8.count
        return heard
    }

    @discardableResult
    func fromServer(_ text: String, options: String = "") -> String? {
        let out = bench.send("wan tcp \(server) > \(clientOutside) PA seq \(sent.server) ack \(sent.client + growth.client) \(options)\(quoted(text))")
        guard let heard = heard(out.first) else { return nil }
        sent.server += text.utf8.count
        growth.server += heard.utf8.count - text.utf8.count
        return heard
    }

    /// The client acknowledges everything.
    func acknowledge() { bench.send("lan tcp \(client):\(port) > \(server) A seq \(sent.client) ack \(sent.server + growth.server)") }

    private func quoted(_ text: String) -> String {
        var packet = TestPacket(ip: nil)
        packet.payload = Array(text.utf8)
        return "x " + packet.payload.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private func heard(_ line: String?) -> String? {
        guard let line, let packet = try? TestPacket(line.split(separator: " ", maxSplits: 1)[1].description) else { return nil }
        return String(decoding: packet.payload, as: UTF8.self)
    }
}

@Suite("Helpers: what they read, rewrite and announce")
struct HelperTests {
    static func bench(_ rules: (Hook, RuleText.Rule)..., workers: Int = 1, change: (inout Bench.Setup) -> Void = { _ in }) -> Bench {
        var setup = Bench.Setup()
        setup.workers = workers
        var text = RuleText.tracking
        for hook in [Hook.prerouting, .input, .output, .postrouting] {
            text.chain(.nat, hook, rules.filter { $0.0 == hook }.map(\.1))
        }
        setup.rules = text
        var helpers = HelperAssignments()
        for kind in HelperKind.allCases {
            _ = helpers.assign(kind.rawValue, to: kind.description.port, kind.description.ipProtocol)
        }
        setup.tracking.helpers = helpers
        change(&setup)
        return Bench(setup)
    }

    static func masquerading(change: (inout Bench.Setup) -> Void = { _ in }) -> Bench {
        bench((.postrouting, .masquerade.output("wan")), change: change)
    }

    /// Destinations of what is expected, as `ADDRESS:PORT from ADDRESS`.
    static func expected(_ bench: Bench) -> [String] {
        var lines: [String] = []
        bench.flows.expectations.forEach(at: bench.now) { lines.append("\($0.tuple.destination):\($0.tuple.destinationPort) from \($0.tuple.source)") }
        return lines.sorted()
    }

    // MARK: FTP

    @Test(
        "RFC 959, RFC 2428: commands of a client behind MASQUERADE, as the server hears them; nil is a drop",
        arguments: [
            ("PORT 10,0,0,2,19,136\r\n", "PORT 198,51,100,1,19,136\r\n", 1),
            ("port 10,0,0,2,0,21\r\n", "port 198,51,100,1,0,21\r\n", 1),
            ("PORT  10,0,0,2,19,136\r\n", nil, 0),
            ("PORT\t10,0,0,2,19,136\r\n", nil, 0),
            ("PORT 10,0,0,2,19,136\n", nil, 0),
            ("PORT 10,0,0,2,19,136,5\r\n", nil, 0),
            ("PORT 010,000,000,002,019,136\r\n", "PORT 198,51,100,1,19,136\r\n", 1),
            ("PORT 10,0,0,3,19,136\r\n", "PORT 10,0,0,3,19,136\r\n", 0),
            ("PORT 192,0,2,9,19,136\r\n", "PORT 192,0,2,9,19,136\r\n", 0),
            ("PORT 10,0,0,2,19\r\n", nil, 0),
            ("PORT -1,0,0,2,19,136\r\n", nil, 0),
            ("PORT", nil, 0), ("POR", nil, 0), ("E", nil, 0),
            ("PORTAL\r\n", nil, 0),
            ("PASV\r\n", "PASV\r\n", 0), ("QUIT\r\n", "QUIT\r\n", 0), ("PO\r\n", "PO\r\n", 0),
            ("EPRT |1|10.0.0.2|5000|\r\n", "EPRT |1|198.51.100.1|5000|\r\n", 1),
            ("eprt $1$10.0.0.2$5000$\r\n", "eprt |1|198.51.100.1|5000|\r\n", 1),
            ("EPRT |2|::1|5000|\r\n", nil, 0),
            ("EPRT |1|10.0.0.2|0|\r\n", nil, 0),
            ("EPRT |1|10.0.0.2|5000\r\n", nil, 0),
            ("EPRT |1|10.0.0.3|5000|\r\n", "EPRT |1|10.0.0.3|5000|\r\n", 0),
            ("EPRT 11110.0.0.21500011\r\n", nil, 0),
            ("EPRT |\r\n", nil, 0),
            ("PORT 10,0,0,2,19,136\r\nLIST\r\n", "PORT 198,51,100,1,19,136\r\nLIST\r\n", 1),
            ("NOOP\r\nPORT 10,0,0,2,19,136\r\n", "NOOP\r\nPORT 10,0,0,2,19,136\r\n", 0),
        ] as [(String, String?, Int)])
    func commands(said: String, heard: String?, announced: Int) {
        let bench = Self.masquerading()
        let talk = Talk(bench)
        #expect(talk.fromClient(said) == heard)
        #expect(bench.flows.expectations.count == announced)
        #expect(bench.drops == (heard == nil ? ["helper-partial": 1] : [:]))
    }

    @Test(
        "RFC 1123, 4.1.2.6: answers of a server, as the client behind MASQUERADE hears them",
        arguments: [
            ("227 Entering Passive Mode (192,0,2,9,19,136).\r\n", true, 1),
            ("227 =192,0,2,9,19,136\r\n", true, 1),
            ("227 Entering Passive Mode (192,0,2,8,19,136).\r\n", true, 0),
            ("227 Entering Passive Mode\r\n", false, 0),
            ("227 (192,0,2,9,19)\r\n", false, 0),
            ("229 Entering Extended Passive Mode (|||5000|)\r\n", true, 1),
            ("229 (!!!5000!)\r\n", true, 1),
            ("229 (|||0|)\r\n", false, 0),
            ("229 |||5000|\r\n", false, 0),
            ("229 (||1|5000|)\r\n", false, 0),
            ("226 done\r\n", true, 0),
        ])
    func answers(said: String, passes: Bool, announced: Int) {
        let bench = Self.masquerading()
        let talk = Talk(bench)
        talk.fromClient("PASV\r\n")
        let heard = talk.fromServer(said)
        #expect((heard != nil) == passes)
        if let heard { #expect(heard == said.replacing("!!!5000!", with: "|||5000|")) }
        #expect(bench.flows.expectations.count == announced)
    }

    @Test("the data connection of PORT goes inside without a rule for it, RELATED, once, and with its master's mark")
    func active() {
        let bench = Self.masquerading()
        let talk = Talk(bench)
        talk.fromClient("PORT 10,0,0,2,19,136\r\n")
        #expect(Self.expected(bench) == ["198.51.100.1:5000 from 192.0.2.9"])
        #expect(bench.send("wan tcp 192.0.2.8:20 > 198.51.100.1:5000 S seq 1")[0].hasPrefix("host"))
        #expect(bench.send("wan tcp 192.0.2.9:20 > 198.51.100.1:5000 S seq 1") == ["lan tcp 192.0.2.9:20 > 10.0.0.2:5000 S seq 1 ttl 63"])
        #expect(bench.send("lan tcp 10.0.0.2:5000 > 192.0.2.9:20 SA seq 7 ack 2") == ["wan tcp 198.51.100.1:5000 > 192.0.2.9:20 SA seq 7 ack 2 ttl 63"])
        #expect(Self.expected(bench) == [])
        #expect(bench.send("wan tcp 192.0.2.9:19 > 198.51.100.1:5000 S seq 1")[0].hasPrefix("host"))
    }

    @Test("numbers shift in both directions after every rewrite, growing and shrinking, SACK blocks and retransmissions included")
    func sequence() {
        // The client's address shrinks outside, 172.16.0.2 to 9.9.9.9, the server's grows inside.
        let bench = Self.bench(
            (.postrouting, .translate("9.9.9.9").output("wan")), (.prerouting, .translate("192.0.2.99").input("dmz")))
        let client = "dmz tcp 172.16.0.2:1000 > 1.1.1.1:21"
        let server = "wan tcp 192.0.2.99:21 > 9.9.9.9:1000"
        func text(_ lines: [String]) -> String { lines.first ?? "" }
        #expect(text(bench.send("\(client) S seq 1000 sackok")) == "wan tcp 9.9.9.9:1000 > 192.0.2.99:21 S seq 1000 sackok ttl 63")
        bench.send("\(server) SA seq 5000 ack 1001 sackok")
        bench.send("\(client) A seq 1001 ack 5001")
        bench.send("\(server) PA seq 5001 ack 1001 \"220\\r\\n\"")
        bench.send("\(client) PA seq 1001 ack 5006 \"A\\r\\n\"")
        // 172,16,0,2 to 9,9,9,9 is three bytes less.
        #expect(text(bench.send("\(client) PA seq 1004 ack 5006 \"PORT 172,16,0,2,19,136\\r\\n\"")) == "wan tcp 9.9.9.9:1000 > 192.0.2.99:21 PA seq 1004 ack 5006 ttl 63 \"PORT 9,9,9,9,19,136\\r\\n\"")
        #expect(text(bench.send("\(client) PA seq 1004 ack 5006 \"PORT 172,16,0,2,19,136\\r\\n\"")) == "wan tcp 9.9.9.9:1000 > 192.0.2.99:21 PA seq 1004 ack 5006 ttl 63 \"PORT 9,9,9,9,19,136\\r\\n\"", "the same sent again")
        #expect(text(bench.send("\(server) A seq 5006 ack 1025")) == "dmz tcp 1.1.1.1:21 > 172.16.0.2:1000 A seq 5006 ack 1028 ttl 63")
        #expect(text(bench.send("\(client) PA seq 1028 ack 5006 \"PORT 172,16,0,2,19,137\\r\\n\"")) == "wan tcp 9.9.9.9:1000 > 192.0.2.99:21 PA seq 1025 ack 5006 ttl 63 \"PORT 9,9,9,9,19,137\\r\\n\"", "a second one")
        #expect(text(bench.send("\(client) PA seq 1052 ack 5006 \"PASV\\r\\n\"")) == "wan tcp 9.9.9.9:1000 > 192.0.2.99:21 PA seq 1046 ack 5006 ttl 63 \"PASV\\r\\n\"")
        // The server has the last but not the one before: SACK.
        #expect(text(bench.send("\(server) A seq 5006 ack 1025 nop nop sack 1046-1052")) == "dmz tcp 1.1.1.1:21 > 172.16.0.2:1000 A seq 5006 ack 1028 nop nop sack 1052-1058 ttl 63")
        #expect(text(bench.send("\(server) A seq 5006 ack 1052")) == "dmz tcp 1.1.1.1:21 > 172.16.0.2:1000 A seq 5006 ack 1058 ttl 63")
        // 192,0,2,99 to 1,1,1,1 is three bytes less the other way.
        #expect(text(bench.send("\(server) PA seq 5006 ack 1052 \"227 (192,0,2,99,4,1)\\r\\n\"")) == "dmz tcp 1.1.1.1:21 > 172.16.0.2:1000 PA seq 5006 ack 1058 ttl 63 \"227 (1,1,1,1,4,1)\\r\\n\"")
        #expect(text(bench.send("\(server) PA seq 5028 ack 1052 \"200\\r\\n\"")) == "dmz tcp 1.1.1.1:21 > 172.16.0.2:1000 PA seq 5025 ack 1058 ttl 63 \"200\\r\\n\"")
        #expect(text(bench.send("\(client) A seq 1058 ack 5006 nop nop sack 5025-5030")) == "wan tcp 9.9.9.9:1000 > 192.0.2.99:21 A seq 1052 ack 5006 nop nop sack 5028-5033 ttl 63")
        #expect(text(bench.send("\(client) FA seq 1058 ack 5030")) == "wan tcp 9.9.9.9:1000 > 192.0.2.99:21 FA seq 1052 ack 5033 ttl 63")
        #expect(bench.drops == [:])
    }

    @Test("a SACK option at an odd place is shifted with a right checksum; options cut short drop a segment that must be shifted")
    func oddOptions() {
        let bench = Self.masquerading()
        let talk = Talk(bench)
        talk.fromClient("PORT 10,0,0,2,19,136\r\n")
        talk.fromClient("LIST\r\n")
        let ack = talk.sent.client + talk.growth.client
        #expect(bench.send("wan tcp 192.0.2.9:21 > 198.51.100.1:1000 A seq \(talk.sent.server) ack \(ack - 6) nop sack \(ack - 3)-\(ack)") == ["lan tcp 192.0.2.9:21 > 10.0.0.2:1000 A seq \(talk.sent.server) ack \(ack - 10) nop sack \(ack - 7)-\(ack - 4) ttl 63"])
        #expect(bench.send("wan tcp 192.0.2.9:21 > 198.51.100.1:1000 A seq \(talk.sent.server) ack \(ack) opt 99:") .count == 1)
        #expect(bench.drops == [:])
    }

    @Test("commands in pieces: only what begins a line is read")
    func pieces() {
        let bench = Self.masquerading()
        let talk = Talk(bench)
        #expect(talk.fromClient("NO") == "NO")
        #expect(talk.fromClient("PORT 10,0,0,2,19,136\r\n") == "PORT 10,0,0,2,19,136\r\n")
        #expect(talk.fromClient("PORT 10,0,0,2") == nil)
        #expect(talk.fromClient("PORT 10,0,0,2,19,136\r\n") == "PORT 198,51,100,1,19,136\r\n")
        #expect(bench.drops == ["helper-partial": 1])
    }

    @Test("one port for two clients: the second is announced as another")
    func takenPort() {
        let bench = Self.masquerading()
        let first = Talk(bench)
        let second = Talk(bench, client: "10.0.0.3", port: 1001, outside: "198.51.100.1:1001")
        #expect(first.fromClient("PORT 10,0,0,2,19,136\r\n") == "PORT 198,51,100,1,19,136\r\n")
        let heard = second.fromClient("PORT 10,0,0,3,19,136\r\n") ?? ""
        #expect(heard.hasPrefix("PORT 198,51,100,1,") && heard != "PORT 198,51,100,1,19,136\r\n")
        let numbers = heard.dropLast().split(separator: ",").suffix(2).compactMap { Int($0) }
        #expect(bench.send("wan tcp 192.0.2.9:20 > 198.51.100.1:\(numbers[0] * 256 + numbers[1]) S seq 1") == ["lan tcp 192.0.2.9:20 > 10.0.0.3:5000 S seq 1 ttl 63"])
        // The answers after it fit what was said.
        #expect(second.fromServer("200 ok\r\n") == "200 ok\r\n" && bench.drops == [:])
    }

    @Test("a datagram put together is rewritten too, and what outgrows its frame is dropped by name")
    func room() throws {
        let bench = Self.masquerading()
        let talk = Talk(bench)
        let line = "PORT 10,0,0,2,19,136\r\n"
        // A frame as long as its chunk has room for.
        let filler = String(repeating: "x", count: 2048 - 256 - 14 - 40 - line.utf8.count - 2) + "\r\n"
        #expect(talk.fromClient(line + filler) == nil)
        #expect(bench.drops == ["helper-room": 1] && Self.expected(bench) == [])
        // In fragments.
        var packet = try TestPacket("tcp 10.0.0.2:1000 > 192.0.2.9:21 PA seq \(talk.sent.client) ack \(talk.sent.server)")
        packet.payload = Array((line + String(repeating: "y", count: 40) + "\r\n").utf8)
        var out: [String] = []
        for fragment in fragments(of: packet, size: 40) { out += bench.send("lan \(fragment)") }
        #expect(out.count > 1 && Self.expected(bench) == ["198.51.100.1:5000 from 192.0.2.9"])
        var pieces: [UInt8] = []
        for line in out { pieces += try TestPacket(line.split(separator: " ", maxSplits: 1)[1].description).payload }
        #expect(String(decoding: pieces.dropFirst(20), as: UTF8.self) == "PORT 198,51,100,1,19,136\r\n" + String(repeating: "y", count: 40) + "\r\n")
    }

    // MARK: Expectations

    @Test("nf_conntrack_expect: one at a time for FTP, given up after five minutes, gone with its master")
    func lifetime() {
        let bench = Self.masquerading()
        let talk = Talk(bench)
        talk.fromClient("PORT 10,0,0,2,19,136\r\n")
        talk.fromClient("PORT 10,0,0,2,19,137\r\n")
        #expect(Self.expected(bench) == ["198.51.100.1:5001 from 192.0.2.9"])
        // What is not acknowledged would not live longer.
        talk.fromServer("200 ok\r\n")
        talk.acknowledge()
        bench.pass(299)
        #expect(Self.expected(bench).count == 1)
        bench.pass(2)
        #expect(Self.expected(bench) == [] && bench.send("wan tcp 192.0.2.9:20 > 198.51.100.1:5001 S seq 1")[0].hasPrefix("host"))
        bench.pass(1.1)
        #expect(bench.flows.expectations.count == 0)
        talk.fromClient("PORT 10,0,0,2,19,138\r\n")
        #expect(bench.flows.expectations.count == 1)
        bench.flows.forEach { if $0.helper != 0 { bench.flows.kill($0.index) } }
        #expect(bench.send("wan tcp 192.0.2.9:20 > 198.51.100.1:5002 S seq 1")[0].hasPrefix("host"))
        bench.pass(0.1)
        #expect(bench.flows.expectations.count == 0)
        let totals = bench.flows.expectations.totals
        #expect(totals.created == 3 && totals.taken == 0 && totals.deleted == 3)
    }

    @Test("the table of expectations holds four for each 256 flows; beyond it the announcement is dropped")
    func full() {
        let bench = Self.bench(change: { $0.flows = 256 })
        #expect(bench.flows.expectations.limit == 4)
        for port in 1...4 { #expect(bench.send("lan udp 10.0.0.2:\(port) > 192.0.2.9:69 x 0001").count == 1) }
        #expect(bench.send("lan udp 10.0.0.2:5 > 192.0.2.9:69 x 0001") == [])
        #expect(bench.drops == ["expectation-refused": 1])
        #expect(bench.send("wan udp 192.0.2.9:4000 > 10.0.0.2:4 x 0003") == ["lan udp 192.0.2.9:4000 > 10.0.0.2:4 ttl 63 x 0003"])
        #expect(bench.send("lan udp 10.0.0.2:5 > 192.0.2.9:69 x 0001").count == 1)
    }

    @Test("two workers: announced on one, taken on the other")
    func workers() {
        let bench = Self.bench((.postrouting, .masquerade.output("wan")), workers: 2)
        bench.send("lan udp 10.0.0.2:1000 > 192.0.2.9:69 x 0001", worker: 0)
        #expect(bench.send("wan udp 192.0.2.9:4000 > 198.51.100.1:1000 x 0003", worker: 1) == ["lan udp 192.0.2.9:4000 > 10.0.0.2:1000 ttl 63 x 0003"])
    }

    // MARK: IRC

    @Test(
        "DCC of a client behind MASQUERADE, as the server hears it",
        arguments: [
            ("PRIVMSG b :\u{1}DCC SEND f 167772162 5000 9\u{1}\r\n", "PRIVMSG b :\u{1}DCC SEND f 3325256705 5000 9\u{1}\r\n"),
            // A name with spaces, in the quotation marks that clients put around it: beyond the kernel.
            ("PRIVMSG b :\u{1}DCC SEND \"a \\\"b c\" 167772162 5000 9\u{1}\r\n", "PRIVMSG b :\u{1}DCC SEND \"a \\\"b c\" 3325256705 5000 9\u{1}\r\n"),
            ("\r\n privmsg b :\u{1}DCC CHAT chat 167772162 5000\u{1}\r\n", "\r\n privmsg b :\u{1}DCC CHAT chat 3325256705 5000\u{1}\r\n"),
            // Quotations in the name are the clients' own affair.
            ("PRIVMSG b :\u{1}DCC SEND a\\\\b\u{10}rc 167772162 5000 9\u{1}\r\n", "PRIVMSG b :\u{1}DCC SEND a\\\\b\u{10}rc 3325256705 5000 9\u{1}\r\n"),
            ("PRIVMSG b :\u{1}DCC SEND f 167772162    5000\u{1}\r\n", "PRIVMSG b :\u{1}DCC SEND f 3325256705 5000\u{1}\r\n"),
        ])
    func dcc(said: String, heard: String) {
        let bench = Self.masquerading()
        let talk = Talk(bench, server: "192.0.2.9:6667")
        #expect(talk.fromClient(said) == heard)
        #expect(Self.expected(bench) == ["198.51.100.1:5000 from 0.0.0.0"])
        #expect(bench.send("wan tcp 192.0.2.77:9 > 198.51.100.1:5000 S seq 1") == ["lan tcp 192.0.2.9:9 > 10.0.0.2:5000 S seq 1 ttl 63"])
    }

    @Test(
        "DCC that announces nothing passes as it is",
        arguments: [
            "PRIVMSG b :\u{1}DCC RESUME f 5000 100\u{1}\r\n", "PRIVMSG b :\u{1}DCC ACCEPT f 5000 100 and more text\u{1}\r\n",
            "PRIVMSG b :\u{1}DCC SEND f 167772163 5000 9\u{1}\r\n", "PRIVMSG b :\u{1}DCC SEND f 167772162 0 99999\u{1}\r\n",
            "PRIVMSG b :\u{1}DCC SEND f 167772162 5000 999999\u{1}", "PRIVMSG b :\u{1}DCC SEND \"f 167772162 5000 999999\u{1}\r\n",
            // CTCP's quotations within or behind a number: the other client reads another number than stands there.
            "PRIVMSG b :\u{1}DCC SEND f 167772162 50\\00 99999\u{1}\r\n", "PRIVMSG b :\u{1}DCC SEND f 167772162 50\u{10}00 99999\u{1}\r\n",
            "PRIVMSG b :\u{1}DCC SEND f 16777\\2162 5000 99999\u{1}\r\n", "PRIVMSG b :\u{1}DCC SEND f 167772162 \\5000 99999\u{1}\r\n",
            "PRIVMSG b :\u{1}DCC SEND f 167772162\\ 5000 99999\u{1}\r\n",
            "PRIVMSG b :\u{1}DCC SEND fffffffffffffffffffffff\r\n", "NICK dddddddddddddddddddddddddddddddd\r\n", "\r\n",
        ])
    func noDCC(said: String) {
        let bench = Self.masquerading()
        #expect(Talk(bench, server: "192.0.2.9:6667").fromClient(said) == said)
        #expect(bench.flows.expectations.count == 0 && bench.drops == [:])
    }

    // MARK: Amanda, TFTP

    @Test("Amanda's ports change where one is taken, and the datagram's length and checksum with them")
    func amanda() {
        let bench = Self.bench((.prerouting, .translate("10.0.0.2").input("wan").udp(to: 10080)), (.prerouting, .translate("10.0.0.3").input("wan").udp(to: 10080)))
        bench.send("wan udp 192.0.2.9:1000 > 198.51.100.1:10080 \"REQ\\n\"")
        bench.send("wan udp 192.0.2.9:1001 > 198.51.100.1:10080 \"REQ\\n\"")
        #expect(bench.send("lan udp 10.0.0.2:10080 > 192.0.2.9:1000 \"CONNECT DATA 9 MESG 10\\n\"") == ["wan udp 198.51.100.1:10080 > 192.0.2.9:1000 ttl 63 \"CONNECT DATA 9 MESG 10\\n\""])
        let other = bench.send("lan udp 10.0.0.2:10080 > 192.0.2.9:1001 nosum \"CONNECT DATA 9 MESG 11\\n\"")
        #expect(other.count == 1 && other[0].contains(" MESG 11\\n") && !other[0].contains("DATA 9 "))
        #expect(Self.expected(bench).count == 4)
        #expect(bench.send("wan tcp 192.0.2.9:5 > 198.51.100.1:11 S seq 1") == ["lan tcp 192.0.2.9:5 > 10.0.0.2:11 S seq 1 ttl 63"])
    }

    // MARK: Parts

    @Test("helpers go by their names, with another port behind it as the kernel's modules have it")
    func names() {
        #expect(HelperKind(named: "ftp") == .ftp && HelperKind(named: "ftp-2121") == .ftp && HelperKind(named: "amanda-1") == .amanda)
        for name in ["ftp-21", "ftp-", "ftp-0", "ftp-021", "ftp-65536", "ftp-+5", "sip", "FTP", ""] { #expect(HelperKind(named: name) == nil) }
        #expect(HelperKind.ftp.name(onPort: 21) == "ftp" && HelperKind.ftp.name(onPort: 2121) == "ftp-2121")
        #expect(HelperKind.allCases.map(\.description.name) == HelperNames().names)
    }

    @Test("update_nl_seq: of the places where a line ended, the two newest are remembered")
    func newlines() {
        var memory = NewlineMemory()
        #expect(!memory.contains(SequenceNumber(0)))
        for number in [10, 20, 30] as [UInt32] { memory.note(SequenceNumber(number)) }
        #expect(!memory.contains(SequenceNumber(10)) && memory.contains(SequenceNumber(20)) && memory.contains(SequenceNumber(30)))
        memory.note(SequenceNumber(5))
        #expect(memory.contains(SequenceNumber(20)) && memory.contains(SequenceNumber(30)))
    }

    @Test("what few flows need lies beside the table: a flow with its share of the index stays at most 256 bytes")
    func size() { #expect(FlowTable(maximum: 1 << 16, workerCount: 1, key: 1).bytesPerFlow <= 256 && MemoryLayout<FlowHelp>.stride <= 80) }
}
