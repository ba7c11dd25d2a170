import Control
import Net
import PacketIO
import Router
import TestSupport
import Testing

@Suite("Replay: captures through the data plane")
struct ReplayTests {
    static let configuration = """
        ports: [{name: lan0}, {name: wan0}]
        rules: {ipv4: rules.v4}
        static:
          ports:
            - {name: lan0, mac: "02:00:00:00:01:01", addresses: [10.0.0.1/24]}
            - {name: wan0, mac: "02:00:00:00:02:01", addresses: [198.51.100.1/24]}
          routes:    [{to: 0.0.0.0/0, via: 198.51.100.2, port: wan0}]
          neighbors:
            - {address: 10.0.0.2, mac: "02:00:00:00:01:02", port: lan0}
            - {address: 198.51.100.2, mac: "02:00:00:00:02:02", port: wan0}

        """
    static let rules = "*nat\n-A POSTROUTING -o wan0 -j MASQUERADE\nCOMMIT\n"

    /// A folder with configuration, rules and captures, which goes with the value.
    final class Folder {
        let path: String
        init() throws {
            path = try temporaryFolder("martreplay")
            try writeFile(path + "/martlet.yaml", configuration)
            try writeFile(path + "/rules.v4", rules)
        }
        deinit {
            removeFolder(path + "/out")
            removeFolder(path)
        }

        /// Writes a capture of frames that come in on a side, at times in milliseconds.
        func capture(_ name: String, side: Int, _ packets: [(Double, String)]) throws {
            var writer = PcapWriter()
            for (time, text) in packets {
                var packet = try TestPacket(text)
                Topology.cables().address(&packet, side: side)
                writer.append(PcapFrame(time: ReplayTests.time(time), bytes: packet.bytes))
            }
            try PcapFile.save(writer.bytes, to: "\(path)/\(name)")
        }

        @discardableResult
        func run(_ inputs: [(String, String)], configuration: String = "martlet.yaml") throws -> Stats {
            try Replay.run(
                configurationPath: "\(path)/\(configuration)",
                inputs: inputs.map { Replay.Input(port: $0.0, file: "\(path)/\($0.1)") }, folder: path + "/out")
        }

        /// What came out of a port, with times in milliseconds.
        func output(_ name: String) throws -> [String] {
            try PcapReader.frames(try PcapFile.load("\(path)/out/\(name).pcapng")).map { frame in
                var packet = TestPacket(frame: frame.bytes)
                packet.ethernet = nil
                let milliseconds = Double((frame.time ?? 0) - ReplayTests.time(0)) / 1e6
                return "\(milliseconds) \(packet)"
            }
        }
    }

    static func time(_ milliseconds: Double) -> UInt64 { 1_700_000_000_000_000_000 + UInt64(milliseconds * 1e6) }

    @Test("captures are merged by time, at equal times in the order of the arguments; what leaves bears the same time")
    func merge() throws {
        let folder = try Folder()
        try folder.capture("lan", side: 0, [(1, "udp 10.0.0.2:5000 > 198.51.100.2:53 len 1"), (3, "udp 10.0.0.2:5000 > 198.51.100.2:53 len 3")])
        // The answer at the same moment as the question finds the flow only if the question came first.
        try folder.capture("wan", side: 1, [(1, "udp 198.51.100.2:53 > 198.51.100.1:5000 len 2"), (2, "udp 198.51.100.2:53 > 198.51.100.1:5000 len 4")])
        let stats = try folder.run([("lan0", "lan"), ("wan0", "wan")])
        #expect(stats.isBalanced && stats.received == 4 && stats.transmitted == 4)
        #expect(try folder.output("wan0") == ["1.0 udp 198.51.100.1:5000 > 198.51.100.2:53 ttl 63 len 1", "3.0 udp 198.51.100.1:5000 > 198.51.100.2:53 ttl 63 len 3"])
        #expect(try folder.output("lan0") == ["1.0 udp 198.51.100.2:53 > 10.0.0.2:5000 ttl 63 len 2", "2.0 udp 198.51.100.2:53 > 10.0.0.2:5000 ttl 63 len 4"])
        #expect(try folder.output("host").isEmpty)

        // The other way round the first answer comes before there is a flow: it is the host's, and so is the second.
        try folder.run([("wan0", "wan"), ("lan0", "lan")])
        #expect(try folder.output("host") == ["1.0 udp 198.51.100.2:53 > 198.51.100.1:5000 len 2", "2.0 udp 198.51.100.2:53 > 198.51.100.1:5000 len 4"])
    }

    @Test("flows expire by the captures' own time, however long nothing comes", arguments: [
        (29_000.0, true), (31_000.0, false), (40.0 * 365 * 86_400_000, false),
    ])
    func expiry(gap: Double, isKnown: Bool) throws {
        let folder = try Folder()
        try folder.capture("lan", side: 0, [(0, "udp 10.0.0.2:5000 > 198.51.100.2:53 len 1")])
        try folder.capture("wan", side: 1, [(gap, "udp 198.51.100.2:53 > 198.51.100.1:5000 len 2")])
        let stats = try folder.run([("lan0", "lan"), ("wan0", "wan")])
        #expect(stats.isBalanced)
        #expect(try folder.output("lan0").count == (isKnown ? 1 : 0))
        #expect(try folder.output("host").count == (isKnown ? 0 : 1))
    }

    @Test("what waits at the end is waited for: a neighbour that is not described is unreachable in the end")
    func settling() throws {
        let folder = try Folder()
        try folder.capture("lan", side: 0, [(0, "icmp 10.0.0.2 > 198.51.100.77 echo 1 1"), (1, "ip 10.0.0.2 > 198.51.100.2 proto 17 id 9 mf len 8")])
        let stats = try folder.run([("lan0", "lan")])
        #expect(stats.isBalanced && stats.held == 0)
        #expect(stats.dropped == ["neighbor-failed": 1, "fragment-timeout": 1])
        let answers = try folder.output("lan0")
        #expect(answers.count == 1 && answers.first?.contains("host-unreachable") == true, "\(answers)")
    }

    @Test("a second run writes the same bytes")
    func repetition() throws {
        let folder = try Folder()
        // Three sources that want one port: two are given others, chosen at random.
        try folder.capture("lan", side: 0, (2...4).map { (Double($0), "udp 10.0.0.\($0):5000 > 198.51.100.2:53 len 1") })
        try folder.run([("lan0", "lan")])
        let first = try ["lan0", "wan0", "host"].map { try PcapFile.load("\(folder.path)/out/\($0).pcapng") }
        try folder.run([("lan0", "lan")])
        #expect(try ["lan0", "wan0", "host"].map { try PcapFile.load("\(folder.path)/out/\($0).pcapng") } == first)
        #expect(try folder.output("wan0").count == 3)
    }

    @Test("frames that are no packets are dropped by name, and the longest there can be goes through")
    func strangeFrames() throws {
        let folder = try Folder()
        var writer = PcapWriter()
        for bytes in [[], [1, 2, 3], [UInt8](repeating: 0xFF, count: 60)] { writer.append(PcapFrame(time: Self.time(0), bytes: bytes)) }
        var long = try TestPacket("udp 10.0.0.2:5000 > 198.51.100.2:53 len 65507")
        Topology.cables().address(&long, side: 0)
        writer.append(PcapFrame(time: Self.time(1), bytes: long.bytes))
        try PcapFile.save(writer.bytes, to: folder.path + "/lan")
        let stats = try folder.run([("lan0", "lan")])
        #expect(stats.isBalanced && stats.received == 4)
        #expect(stats.dropped["frame-too-short"] == 2 && stats.dropped["not-ipv4"] == 1)
        // 65,515 bytes behind the IP header, 1480 in each fragment.
        #expect(try folder.output("wan0").count == 45)
    }

    @Test("what is wrong is said by name")
    func errors() throws {
        let folder = try Folder()
        try folder.capture("lan", side: 0, [])
        try writeFile(folder.path + "/text", "no capture")
        try writeFile(folder.path + "/bare.yaml", "ports: [{name: lan0}]\n")
        try writeFile(folder.path + "/rules.yaml", "ports: [{name: lan0}]\nrules: {ipv4: bad.v4}\nstatic: {ports: [{name: lan0, mac: \"02:00:00:00:01:01\"}]}\n")
        try writeFile(folder.path + "/bad.v4", "*filter\n-A FORWARD -j NOWHERE\nCOMMIT\n")
        func failure(_ inputs: [(String, String)], _ configuration: String = "martlet.yaml") -> String {
            do throws(Failure) {
                _ = try Replay.run(
                    configurationPath: "\(folder.path)/\(configuration)",
                    inputs: inputs.map { Replay.Input(port: $0.0, file: "\(folder.path)/\($0.1)") }, folder: folder.path + "/out")
                return ""
            } catch {
                return ([error.message] + error.diagnostics.map(\.description)).joined()
            }
        }
        #expect(failure([("dmz0", "lan")]) == "the configuration has no port \"dmz0\"; it has lan0, wan0")
        #expect(failure([("lan0", "nothing")]) == "\(folder.path)/nothing: No such file or directory")
        #expect(failure([("lan0", "text")]).hasPrefix("\(folder.path)/text: at byte 0: "))
        #expect(failure([("lan0", "lan")], "bare.yaml").contains("no \"static\" part"))
        #expect(failure([("lan0", "lan")], "rules.yaml").hasPrefix("\(folder.path)/bad.v4:2:"))
        #expect(failure([("lan0", "lan")], "none.yaml").contains("none.yaml"))
    }
}
