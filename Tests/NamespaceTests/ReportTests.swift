import Glibc
import Net
import TestSupport
import Testing

extension NamespaceTests {
    /// What rules tell, beside the kernel. (Lines of LOG are compared in scenarios; here is what they do not show.)
    @Suite("Reports", .serialized)
    struct Reports {
        private static let rules = """
            *filter
            :INPUT ACCEPT [0:0]
            :FORWARD ACCEPT [0:0]
            :OUTPUT ACCEPT [0:0]
            -A FORWARD -p udp -m udp --dport 1 -j NFLOG --nflog-group 5
            -A FORWARD -p udp -m udp --dport 2 -j NFLOG --nflog-group 5 --nflog-prefix "a prefix" --nflog-size 33
            -A FORWARD -p tcp -j NFLOG --nflog-group 5 --nflog-prefix "tcp" --nflog-threshold 1
            COMMIT

            """

        /// The attributes of each message of a capture of the link type NFLOG, without times and serial numbers.
        private static func messages(_ bytes: [UInt8]) throws -> [[UInt8: [UInt8]]] {
            func u16(_ at: Int) -> Int { Int(bytes[at]) | Int(bytes[at + 1]) << 8 }
            func u32(_ at: Int) -> Int { u16(at) | u16(at + 2) << 16 }
            var frames: [Range<Int>] = []
            if u32(0) == 0x0A0D_0D0A {
                var at = 0
                while at + 12 <= bytes.count {
                    if u32(at) == 6 { frames.append(at + 28..<at + 28 + u32(at + 20)) }
                    at += u32(at + 4)
                }
            } else {
                var at = 24
                while at + 16 <= bytes.count {
                    frames.append(at + 16..<at + 16 + u32(at + 8))
                    at += 16 + u32(at + 8)
                }
            }
            return frames.map { frame in
                var attributes: [UInt8: [UInt8]] = [0: Array(bytes[frame.prefix(4)])]
                var at = frame.lowerBound + 4
                while at + 4 <= frame.upperBound {
                    let length = u16(at)
                    // NFULA_TIMESTAMP, NFULA_SEQ, NFULA_SEQ_GLOBAL.
                    if ![3, 12, 13].contains(bytes[at + 2]) { attributes[bytes[at + 2]] = Array(bytes[at + 4..<at + length]) }
                    at += (length + 3) / 4 * 4
                }
                return attributes
            }
        }

        private static func copies(_ kind: RouterKind) throws -> [[UInt8: [UInt8]]] {
            let topology = Topology.cables()
            let lab = try Lab(topology)
            defer { lab.tearDown() }
            let folder = try temporaryFolder("martnflog")
            defer { removeFolder(folder) }
            let file = folder + "/copies"
            let cables = try topology.sides.map { try Cable(namespace: lab.namespace($0.host), interface: "eth0") }
            let router = try RouterUnderTest(
                kind, in: lab, setup: RouterSetup(rules: rules, configuration: ["effects: {nflog: \(file)}"]))
            var reader: Program?
            if kind == .kernel {
                let tcpdump = try lab.start(["tcpdump", "-i", "nflog:5", "-U", "-w", file], in: "router")
                reader = tcpdump
                try #require(Clock.wait(seconds: 5) { tcpdump.errors.contains("listening") })
            }
            for text in [
                "udp 10.0.0.2:1000 > 198.51.100.2:1 len 40", "udp 10.0.0.2:1000 > 198.51.100.2:2 len 41",
                "tcp 10.0.0.2:1000 > 198.51.100.2:80 S seq 9", "udp 10.0.0.2:1000 > 198.51.100.2:2",
                "udp 10.0.0.2:1000 > 198.51.100.2:1 len 1300",
            ] {
                var packet = try TestPacket(text)
                topology.address(&packet, side: 0)
                try cables[0].send(packet.bytes)
            }
            func found() throws -> [[UInt8: [UInt8]]] {
                guard let bytes = try? readFile(file), bytes.count > 24 else { return [] }
                return try messages(bytes)
            }
            _ = try Clock.wait(seconds: 5) { try found().count >= 5 }
            _ = reader?.end(grace: 2)
            let result = try found()
            try router.stop()
            return result
        }

        @Test("NFLOG's copies hold what the kernel's do, but for times", .needsMartlet, arguments: RouterKind.martlets)
        func copies(kind: RouterKind) throws {
            let kernel = try Self.copies(.kernel)
            #expect(kernel.count == 5)
            #expect(kernel.map { String(decoding: $0[10] ?? [0], as: UTF8.self) } == ["\0", "a prefix\0", "tcp\0", "a prefix\0", "\0"])
            // Two workers may take the packets of one burst in either order.
            func sorted(_ messages: [[UInt8: [UInt8]]]) -> [String] {
                messages.map { $0.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: "; ") }.sorted()
            }
            let martlet = sorted(try Self.copies(kind))
            for (ours, theirs) in zip(martlet, sorted(kernel)) where ours != theirs { Issue.record("\(ours)\n  not\n\(theirs)") }
            #expect(martlet.count == kernel.count)
        }

        /// What has files opened anew.
        enum Rotation: String, CaseIterable, Sendable { case hangUp = "SIGHUP", user = "SIGUSR1", command = "martlet logs reopen" }

        @Test(
            "a log that is moved away is begun anew, and the books count no loss; only SIGHUP reads the rules again", .needsMartlet,
            arguments: Rotation.allCases)
        func rotation(by rotation: Rotation) throws {
            let lab = try Lab(.cables())
            defer { lab.tearDown() }
            let cable = try Cable(namespace: lab.namespace("client"), interface: "eth0")
            let router = try RouterUnderTest(
                .martlet(workers: 1), in: lab,
                setup: RouterSetup(rules: "*filter\n-A FORWARD -j LOG --log-prefix \"line \"\nCOMMIT\n"))
            let path = router.folder + "/log"
            func send(_ port: Int) throws {
                var packet = try TestPacket("udp 10.0.0.2:1000 > 198.51.100.2:\(port)")
                lab.topology.address(&packet, side: 0)
                try cable.send(packet.bytes)
            }
            func has(_ port: Int, _ file: String) -> Bool {
                String(decoding: (try? readFile(file)) ?? [], as: UTF8.self).contains("DPT=\(port) ")
            }
            try send(1)
            #expect(Clock.wait(seconds: 5) { has(1, path) })
            try #require(unsafe rename(path, path + ".1") == 0)
            try send(2)
            #expect(Clock.wait(seconds: 5) { has(2, path + ".1") })
            let pid = try #require(router.program).pid
            try router.martlet(["rules", "restore", "--noflush", "-"], input: "*filter\n-A INPUT -s 192.0.2.7 -j DROP\nCOMMIT\n")
            switch rotation {
            case .hangUp:
                kill(pid, SIGHUP)
                #expect(Clock.wait(seconds: 5) { router.log.contains("read again") })
            case .user:
                kill(pid, SIGUSR1)
                // Nothing tells that it has come: the file is made with the next line.
                Clock.sleep(seconds: 0.5)
            case .command: try router.martlet(["logs", "reopen"])
            }
            try send(3)
            #expect(Clock.wait(seconds: 5) { has(3, path) })
            #expect(!has(1, path) && !has(3, path + ".1"))
            #expect(try router.martlet(["rules", "save"]).contains("192.0.2.7") == (rotation != .hangUp))
            let stats = try router.martlet(["show", "stats", "--json"])
            #expect(stats.contains("\"effectsLost\":0") || stats.contains("\"effectsLost\" : 0"))
            try router.stop()
        }
    }
}
