import Glibc
import Net
import TestSupport
import Testing

extension NamespaceTests {
    /// `martlet flows events` beside `conntrack -E`: the same rules, the same packets.
    @Suite("Flow events", .serialized)
    struct FlowEventTests {
        private static let rules = """
            *raw
            :PREROUTING ACCEPT [0:0]
            :OUTPUT ACCEPT [0:0]
            -A PREROUTING -p udp -m udp --dport 7000 -j CT --ctevents new,destroy
            -A PREROUTING -p udp -m udp --dport 7001 -j CT --zone 5
            -A PREROUTING -p udp -m udp --sport 7001 -j CT --zone 5
            -A PREROUTING -p udp -m udp --dport 7004 -j CT --ctevents reply,assured
            COMMIT
            *mangle
            :PREROUTING ACCEPT [0:0]
            :INPUT ACCEPT [0:0]
            :FORWARD ACCEPT [0:0]
            :OUTPUT ACCEPT [0:0]
            :POSTROUTING ACCEPT [0:0]
            -A FORWARD -p tcp -m tcp --dport 80 -j CONNMARK --set-xmark 0x7/0xffffffff
            -A FORWARD -p udp -m udp --dport 7002 -m length --length 150:400 -j CONNMARK --set-xmark 0x9/0xffffffff
            COMMIT
            *nat
            :PREROUTING ACCEPT [0:0]
            :INPUT ACCEPT [0:0]
            :OUTPUT ACCEPT [0:0]
            :POSTROUTING ACCEPT [0:0]
            -A POSTROUTING -o wan0 -p udp -m udp --dport 7003 -j SNAT --to-source 198.51.100.1
            COMMIT
            *filter
            :INPUT ACCEPT [0:0]
            :FORWARD ACCEPT [0:0]
            :OUTPUT ACCEPT [0:0]
            -A FORWARD -p udp -m udp --dport 7002 -m length --length 200:400 -j DROP
            -A FORWARD -p tcp -m tcp --dport 82 --tcp-flags PSH PSH -j REJECT --reject-with tcp-reset
            COMMIT

            """

        /// Side 0 is the LAN, side 1 the WAN.
        private static let packets: [(side: Int, text: String)] = [
            (0, "tcp 10.0.0.2:1000 > 198.51.100.2:80 S seq 100 mss 1460"),
            (1, "tcp 198.51.100.2:80 > 10.0.0.2:1000 SA seq 500 ack 101 mss 1460"),
            (0, "tcp 10.0.0.2:1000 > 198.51.100.2:80 A seq 101 ack 501"),
            (0, "tcp 10.0.0.2:1000 > 198.51.100.2:80 PA seq 101 ack 501 \"GET\""),
            (0, "tcp 10.0.0.2:1000 > 198.51.100.2:80 FA seq 104 ack 501"),
            (1, "tcp 198.51.100.2:80 > 10.0.0.2:1000 FA seq 501 ack 105"),
            (0, "tcp 10.0.0.2:1000 > 198.51.100.2:80 A seq 105 ack 502"),
            // Refused at once: begun and ended by the answer.
            (0, "tcp 10.0.0.2:1001 > 198.51.100.2:81 S seq 100 mss 1460"),
            (1, "tcp 198.51.100.2:81 > 10.0.0.2:1001 RA seq 0 ack 101"),
            // Reset by a rule.
            (0, "tcp 10.0.0.2:1002 > 198.51.100.2:82 S seq 100 mss 1460"),
            (1, "tcp 198.51.100.2:82 > 10.0.0.2:1002 SA seq 500 ack 101 mss 1460"),
            (0, "tcp 10.0.0.2:1002 > 198.51.100.2:82 A seq 101 ack 501"),
            (0, "tcp 10.0.0.2:1002 > 198.51.100.2:82 PA seq 101 ack 501 \"GET\""),
            // Rules choose what is told of these two, and a zone for the third.
            (0, "udp 10.0.0.2:1000 > 198.51.100.2:7000 len 40"), (1, "udp 198.51.100.2:7000 > 10.0.0.2:1000 len 40"),
            (0, "udp 10.0.0.2:1000 > 198.51.100.2:7004 len 40"), (1, "udp 198.51.100.2:7004 > 10.0.0.2:1000 len 40"),
            (0, "udp 10.0.0.2:1000 > 198.51.100.2:7001 len 40"), (1, "udp 198.51.100.2:7001 > 10.0.0.2:1000 len 40"),
            // A mark that changes; one that a dropped packet changes is told of with the next one that passes.
            (0, "udp 10.0.0.2:1000 > 198.51.100.2:7002 len 40"), (0, "udp 10.0.0.2:1000 > 198.51.100.2:7002 len 140"),
            (0, "udp 10.0.0.2:1000 > 198.51.100.2:7002 len 140"),
            (0, "udp 10.0.0.3:1000 > 198.51.100.2:7002 len 40"), (0, "udp 10.0.0.3:1000 > 198.51.100.2:7002 len 240"),
            (0, "udp 10.0.0.3:1000 > 198.51.100.2:7002 len 40"),
            // Translated.
            (0, "udp 10.0.0.2:1000 > 198.51.100.2:7003 len 40"), (1, "udp 198.51.100.2:7003 > 198.51.100.1:1000 len 40"),
            (0, "icmp 10.0.0.2 > 198.51.100.2 echo 7 1 len 8"),
            (1, "icmp 198.51.100.2 > 10.0.0.2 echo-reply 7 1 len 8"),
        ]

        private static func events(_ kind: RouterKind) throws -> [String] {
            let topology = Topology.cables(queues: kind.queues)
            let lab = try Lab(topology)
            defer { lab.tearDown() }
            let cables = try topology.sides.map { try Cable(namespace: lab.namespace($0.host), interface: "eth0") }
            let router = try RouterUnderTest(
                kind, in: lab,
                setup: RouterSetup(
                    rules: rules, configuration: ["conntrack: {timestamps: true}"],
                    sysctls: [
                        // Otherwise the kernel forgets what rules say of events if nobody listens when they are loaded.
                        "net.netfilter.nf_conntrack_events=1", "net.netfilter.nf_conntrack_acct=1", "net.netfilter.nf_conntrack_timestamp=1"]))
            let listen =
                kind == .kernel
                ? ["conntrack", "-E"] : [try MartletBinary.require(), "flows", "events", "--socket", router.socket]
            let listener = try lab.start(listen, in: "router")
            Clock.sleep(seconds: 1)
            func send(_ side: Int, _ text: String) throws {
                var packet = try TestPacket(text)
                topology.address(&packet, side: side)
                try cables[side].send(packet.bytes)
                Clock.sleep(seconds: 0.03)
            }
            for (side, text) in packets { try send(side, text) }
            // A UDP flow that is still active after two seconds is a stream.
            Clock.sleep(seconds: 2.1)
            for side in [0, 1] {
                try send(side, side == 0 ? "udp 10.0.0.2:1000 > 198.51.100.2:7003 len 40" : "udp 198.51.100.2:7003 > 198.51.100.1:1000 len 40")
                try send(side, side == 0 ? "udp 10.0.0.2:1000 > 198.51.100.2:7004 len 40" : "udp 198.51.100.2:7004 > 10.0.0.2:1000 len 40")
            }
            if kind == .kernel {
                try Program.require(["conntrack", "-D", "-p", "tcp"], in: lab.router)
                try Program.require(["conntrack", "-F"], in: lab.router)
            } else {
                try router.martlet(["flows", "delete", "-p", "tcp"])
                try router.martlet(["flows", "flush"])
            }
            Clock.sleep(seconds: 0.5)
            _ = listener.end(grace: 2)
            let lines = listener.output.split(separator: "\n").map(String.init)
            try router.stop()
            return lines
        }

        /// Without what the kernel says of who deleted a flow, and with timeouts and ages rounded, which a tick may change.
        private static func comparable(_ lines: [String]) -> [String] {
            let plain = lines.map { line in
                var words = line.split(separator: " ").map(String.init)
                if let user = words.firstIndex(of: "[USERSPACE]") { words.removeSubrange(user...) }
                if words.count > 3, let timeout = Int(words[3]) { words[3] = "\((timeout + 5) / 10)" }
                return words.filter { !$0.hasPrefix("delta-time=") }.joined(separator: " ")
            }
            // Which of many the flush takes first is the table's own affair.
            return plain.filter { !$0.hasPrefix("[DESTROY]") } + plain.filter { $0.hasPrefix("[DESTROY]") }.sorted()
        }

        @Test("flows events prints what conntrack -E prints of the same packets", .needsMartlet)
        func events() throws {
            let kernel = Self.comparable(try Self.events(.kernel))
            #expect(kernel.count > 25)
            let martlet = Self.comparable(try Self.events(.martlet(workers: 1)))
            for (ours, theirs) in zip(martlet, kernel) where ours != theirs { Issue.record("\(ours)\n  not\n\(theirs)") }
            #expect(martlet.count == kernel.count, "\(martlet.joined(separator: "\n"))\n---\n\(kernel.joined(separator: "\n"))")
        }

        @Test("two workers tell of each flow what one does; between flows the order may differ", .needsMartlet)
        func twoWorkers() throws {
            /// Events by flow, in their order.
            func byFlow(_ lines: [String]) -> [String: [String]] {
                Dictionary(grouping: lines) { line in
                    line.split(separator: " ").filter { word in ["src=", "dst=", "sport=", "dport=", "id="].contains { word.hasPrefix($0) } }
                        .prefix(4).joined(separator: " ")
                }
            }
            let kernel = byFlow(Self.comparable(try Self.events(.kernel)))
            let martlet = byFlow(Self.comparable(try Self.events(.martlet(workers: 2))))
            for flow in Set(kernel.keys).union(martlet.keys).sorted() where kernel[flow] != martlet[flow] {
                Issue.record("\((martlet[flow] ?? []).joined(separator: "\n"))\n  not\n\((kernel[flow] ?? []).joined(separator: "\n"))")
            }
        }

        @Test("timeouts and policies can be read, set and reloaded, and flows follow their policy", .needsMartlet)
        func settings() throws {
            let topology = Topology.cables()
            let lab = try Lab(topology)
            defer { lab.tearDown() }
            let cables = try topology.sides.map { try Cable(namespace: lab.namespace($0.host), interface: "eth0") }
            let router = try RouterUnderTest(
                .martlet(workers: 1), in: lab,
                setup: RouterSetup(
                    rules: "*raw\n-A PREROUTING -p udp -m udp --dport 9 -j CT --timeout short\nCOMMIT\n",
                    configuration: [
                        "conntrack: {always: true, timeouts: {preset: tutorial}, policies: {short: {l4proto: udp, unreplied: 7, replied: 8}}}"
                    ]))
            func send(_ port: Int) throws -> String {
                var packet = try TestPacket("udp 10.0.0.2:1000 > 198.51.100.2:\(port) len 40")
                topology.address(&packet, side: 0)
                try cables[0].send(packet.bytes)
                var text = ""
                _ = try Clock.wait(seconds: 3) {
                    text = try router.martlet(["flows", "list", "--dport", "\(port)"])
                    return !text.isEmpty
                }
                return text.split(separator: " ").map(String.init).prefix(5).dropFirst(2).joined(separator: " ")
            }
            #expect(["udp 17 6", "udp 17 7"].contains(try send(9)))
            #expect(["udp 17 29", "udp 17 30"].contains(try send(10)))
            let table = try router.martlet(["show", "timeouts"])
            #expect(table.contains("nf_conntrack_udp_timeout_stream"))
            #expect(table.contains("policy short: udp unreplied"))
            #expect(try router.martlet(["set", "net/netfilter/nf_conntrack_udp_timeout", "99"]) == "nf_conntrack_udp_timeout = 99\n")
            #expect(["udp 17 98", "udp 17 99"].contains(try send(11)))
            #expect(["udp 17 6", "udp 17 7"].contains(try send(9)))
            #expect(try router.martlet(["show", "timeouts"]).contains("until the next reload"))
            _ = try router.martlet(["set", "nf_conntrack_acct=0"])
            _ = try send(12)
            #expect(!(try router.martlet(["flows", "list", "--dport", "12"])).contains("packets="))
            #expect(try router.martlet(["flows", "list", "--dport", "11", "--format", "ip_conntrack"]).hasPrefix("udp      17 9"))
            #expect(try router.martlet(["flows", "count"]) == "4\n")
            #expect(try router.martlet(["flows", "count", "--expectations"]) == "0\n")
            #expect(try router.martlet(["set", "net.netfilter.nf_conntrack_expect_max=8"]) == "nf_conntrack_expect_max = 8\n")
            #expect(try router.martlet(["flows", "count", "--json"]).contains("\"maxExpectations\":8"))
            #expect(throws: (any Error).self) { try router.martlet(["set", "nf_conntrack_expect_max", "999999999"]) }
            #expect(try router.martlet(["show", "stats"]).contains("expect_new=0 expect_create=0 expect_delete=0"))
            #expect(throws: (any Error).self) { try router.martlet(["set", "nf_conntrack_udp_timeot", "9"]) }
            #expect(throws: (any Error).self) {
                try router.martlet(
                    ["rules", "restore", "-"], input: "*raw\n-A PREROUTING -p udp -j CT --timeout shrt\nCOMMIT\n")
            }
            try router.stop()
        }
    }
}
