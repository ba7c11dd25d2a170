import Net
import TestSupport
import Testing

extension NamespaceTests {
    /// `martlet flows events --expectations` beside `conntrack -E expect`, and what the kernel says of the flows themselves while their
    /// text grows: the same rules, the same packets.
    @Suite("Events of expectations", .serialized)
    struct ExpectationEventTests {
        private static let rules = """
            *raw
            :PREROUTING ACCEPT [0:0]
            :OUTPUT ACCEPT [0:0]
            -A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp
            -A PREROUTING -p tcp -m tcp --dport 2121 -j CT --helper ftp --ctevents new
            -A PREROUTING -p tcp -m tcp --dport 2122 -j CT --helper ftp --expevents new
            -A PREROUTING -p tcp -m tcp --dport 6667 -j CT --helper irc
            -A PREROUTING -p udp -m udp --dport 69 -j CT --helper tftp
            COMMIT
            *nat
            :PREROUTING ACCEPT [0:0]
            :INPUT ACCEPT [0:0]
            :OUTPUT ACCEPT [0:0]
            :POSTROUTING ACCEPT [0:0]
            -A POSTROUTING -o wan0 -j MASQUERADE
            COMMIT

            """

        /// An FTP session: two announcements, the second of which takes the place of the first, and one that is taken. Side 0 is the LAN.
        private static func ftp(from client: Int, to port: Int, _ first: Int) -> [(side: Int, text: String)] {
            let out = "tcp 10.0.0.2:\(client) > 198.51.100.2:\(port)"
            let back = "tcp 198.51.100.2:\(port) > 198.51.100.1:\(client)"
            func command(_ number: Int) -> String { "PORT 10,0,0,2,\(number >> 8),\(number & 255)\\r\\n" }
            // 10,0,0,2 becomes 198,51,100,1: four bytes more.
            let length = command(first).utf8.count - 2
            return [
                (0, "\(out) S seq 100 mss 1460"), (1, "\(back) SA seq 500 ack 101 mss 1460"), (0, "\(out) A seq 101 ack 501"),
                (1, "\(back) PA seq 501 ack 101 \"220 hi\\r\\n\""), (0, "\(out) PA seq 101 ack 509 \"USER a\\r\\n\""),
                (1, "\(back) PA seq 509 ack 109 \"331 pw\\r\\n\""),
                (0, "\(out) PA seq 109 ack 517 \"\(command(first))\""),
                (1, "\(back) PA seq 517 ack \(109 + length + 4) \"200 ok\\r\\n\""),
                (0, "\(out) PA seq \(109 + length) ack 525 \"\(command(first + 1))\""),
                (1, "\(back) A seq 525 ack \(109 + 2 * length + 8)"),
                (1, "tcp 198.51.100.2:20 > 198.51.100.1:\(first + 1) S seq 1 mss 1460"),
                (0, "\(out) PA seq \(109 + 2 * length) ack 525 \"\(command(first + 2))\""),
            ]
        }

        private static let packets: [(side: Int, text: String)] =
            ftp(from: 1000, to: 21, 5001) + ftp(from: 1001, to: 2121, 6001) + ftp(from: 1002, to: 2122, 7001) + [
                (0, "tcp 10.0.0.2:1003 > 198.51.100.2:6667 S seq 100 mss 1460"),
                (1, "tcp 198.51.100.2:6667 > 198.51.100.1:1003 SA seq 500 ack 101 mss 1460"),
                (0, "tcp 10.0.0.2:1003 > 198.51.100.2:6667 PA seq 101 ack 501 \"PRIVMSG nick :\\x01DCC SEND file 167772162 8001 99\\x01\\r\\n\""),
                (0, "udp 10.0.0.2:1004 > 198.51.100.2:69 x 00016100"),
                (1, "udp 198.51.100.2:4000 > 198.51.100.1:1004 len 8"),
                (0, "udp 10.0.0.2:1005 > 198.51.100.2:69 x 00016100"),
            ]

        private static func run(_ kind: RouterKind) throws -> (expectations: [String], flows: [String]) {
            let topology = Topology.cables(queues: kind.queues)
            let lab = try Lab(topology)
            defer { lab.tearDown() }
            let cables = try topology.sides.map { try Cable(namespace: lab.namespace($0.host), interface: "eth0") }
            let router = try RouterUnderTest(
                kind, in: lab,
                setup: RouterSetup(
                    rules: rules, sysctls: ["net.netfilter.nf_conntrack_events=1", "net.netfilter.nf_conntrack_acct=1"]))
            let listen =
                kind == .kernel
                ? [["conntrack", "-E", "expect"], ["conntrack", "-E"]]
                : try [["--expectations"], []].map {
                    [try MartletBinary.require(), "flows", "events"] + $0 + ["--socket", router.socket]
                }
            let listeners = try listen.map { try lab.start($0, in: "router") }
            Clock.sleep(seconds: 1)
            for (side, text) in packets {
                var packet = try TestPacket(text)
                topology.address(&packet, side: side)
                try cables[side].send(packet.bytes)
                Clock.sleep(seconds: 0.03)
            }
            if kind == .kernel {
                try Program.require(["conntrack", "-F"], in: lab.router)
            } else {
                try router.martlet(["flows", "flush"])
            }
            Clock.sleep(seconds: 0.5)
            for listener in listeners { _ = listener.end(grace: 2) }
            let lines = listeners.map { $0.output.split(separator: "\n").map(String.init) }
            try router.stop()
            return (lines[0], lines[1])
        }

        /// Timeouts in tens of seconds, which a tick may change; without who flushed. What the flush ends comes in the table's own order.
        private static func comparable(_ lines: [String], timeout: Int) -> [String] {
            let plain = lines.map { line in
                var words = line.split(separator: " ").map(String.init)
                if let user = words.firstIndex(of: "[USERSPACE]") { words.removeSubrange(user...) }
                if words.count > timeout, let seconds = Int(words[timeout]) { words[timeout] = "\((seconds + 5) / 10)" }
                return words.joined(separator: " ")
            }
            return plain.filter { !$0.hasPrefix("[DESTROY]") } + plain.filter { $0.hasPrefix("[DESTROY]") }.sorted()
        }

        @Test(
            "flows events prints what conntrack -E and -E expect print of helpers' flows and what those announce, as far as rules allow",
            .needsMartlet, arguments: RouterKind.martlets)
        func events(kind: RouterKind) throws {
            let kernel = try Self.run(.kernel)
            #expect(kernel.expectations.count > 10, "\(kernel.expectations)")
            let martlet = try Self.run(kind)
            for (ours, theirs, timeout) in [(martlet.expectations, kernel.expectations, 1), (martlet.flows, kernel.flows, 3)] {
                let ours = Self.comparable(ours, timeout: timeout)
                let theirs = Self.comparable(theirs, timeout: timeout)
                for (one, other) in zip(ours, theirs) where one != other { Issue.record("\(one)\n  not\n\(other)") }
                #expect(ours.count == theirs.count, "\(ours.joined(separator: "\n"))\n---\n\(theirs.joined(separator: "\n"))")
            }
        }
    }
}
