import Control
import Dataplane
import Net
import Router
import Rules
import TestSupport
import Testing

@Suite("Rules about a packet's own bytes")
struct HeaderRuleTests {
    /// Every match and target that looks at or changes a packet's bytes, most of them for every packet. Rules without a target only
    /// look.
    static let everything = """
        *mangle
        -A PREROUTING -p udplite -m udplite --sport 1:1000 ! --dport 7
        -A PREROUTING -p sctp -m sctp --sport 1:1000 ! --dport 7
        -A PREROUTING -p sctp -m sctp --chunk-types any DATA:Be,ABORT
        -A PREROUTING -p sctp -m sctp ! --chunk-types all INIT,SACK
        -A PREROUTING -p sctp -m sctp --chunk-types only DATA,SACK
        -A PREROUTING -p dccp -m dccp --dport 80 --dccp-types REQUEST,INVALID
        -A PREROUTING -p dccp -m dccp ! --dccp-option 32
        -A PREROUTING -p ah -m ah --ahspi 5:99999999
        -A PREROUTING -p esp -m esp ! --espspi 5:99999999
        -A PREROUTING -p ipcomp -m ipcomp --ipcompspi 5:9999
        -A PREROUTING -m length --length 20:100
        -A PREROUTING -m ttl --ttl-gt 5
        -A PREROUTING -m tos --tos 0x10/0x1f
        -A PREROUTING -m dscp ! --dscp 5
        -A PREROUTING -m ecn --ecn-ip-ect 2
        -A PREROUTING -p tcp -m ecn --ecn-tcp-cwr ! --ecn-tcp-ece
        -A PREROUTING -p tcp -m tcpmss ! --mss 100:1000
        -A PREROUTING -m iprange --src-range 10.0.0.2-10.0.0.9
        -A PREROUTING -m string --string "aab" --algo kmp --icase
        -A PREROUTING -m string --hex-string "|00 00 01|" --algo bm --from 21 --to 900
        -A PREROUTING -m u32 --u32 "0>>22&0x3C@12>>26&0x3C@0&0xFFFF@4=0:0x7FFFFFFF&&4&0x1FFF=0"
        -A PREROUTING -m bpf --bytecode "9,177 0 0 0,72 0 0 2,7 0 0 0,80 0 0 3,12 0 0 0,32 0 0 4294963252,69 0 1 4,22 0 0 0,6 0 0 0"
        -A PREROUTING -m unclean
        -A FORWARD -j TOS --xor-tos 0x5a
        -A FORWARD -j DSCP --set-dscp 0x2e
        -A FORWARD -m ttl --ttl-lt 30 -j TTL --ttl-inc 7
        -A FORWARD -m ttl --ttl-gt 200 -j TTL --ttl-dec 90
        -A FORWARD -j ECN --ecn-ip-ect 1
        -A FORWARD -p tcp -j ECN --ecn-tcp-cwr 1 --ecn-tcp-ece 0
        -A FORWARD -p tcp -m length --length 40:80 -j TCPOPTSTRIP --strip-options 2,8,77
        -A POSTROUTING -p tcp -m tcp --tcp-flags SYN SYN -j TCPMSS --clamp-mss-to-pmtu
        -A POSTROUTING -p tcp -m tcp --tcp-flags SYN SYN -j TCPMSS --set-mss 300
        -A POSTROUTING -j CHECKSUM --checksum-fill
        COMMIT

        """

    private static func router(_ rules: String) throws -> OfflineRouter {
        var configuration = Configuration(ports: Topology.cables().sides.map { PortConfiguration(name: $0.interface) })
        var network = StaticNetwork(cables: .cables())
        network.routes = [StaticNetwork.StaticRoute(to: .all)]
        network.routes[0].hops = [StaticNetwork.Hop(gateway: "198.51.100.2", port: "wan0")]
        configuration.staticNetwork = network
        return try OfflineRouter(
            configuration, ruleset: try Ruleset.restoring(rules, file: "rules"), longestFrame: 1600, start: .seconds(1000))
    }

    private static func receive(_ packet: TestPacket, _ router: OfflineRouter) -> [[UInt8]] {
        var packet = packet
        let topology = Topology.cables()
        topology.address(&packet, side: 0)
        router.receive(packet.bytes, on: PortIndex(rawValue: 0), at: router.now + 1000)
        return router.takeDepartures().map(\.bytes)
    }

    private static func bytes(_ count: Int, _ random: inout RandomSource) -> [UInt8] {
        // Small numbers are lengths, kinds and types more often than large ones.
        (0..<count).map { _ in UInt8(random.next(below: random.next(below: 2) == 0 ? 12 : 256)) }
    }

    @Test("random bytes trap nowhere, and what comes out has the length and the header checksum that it says", arguments: 1...4)
    func randomBytes(seed: Int) throws {
        let router = try Self.router(Self.everything)
        var random = RandomSource(seed: UInt64(seed))
        let protocols: [UInt8] = [1, 6, 17, 33, 50, 51, 108, 132, 136, 200]
        var forwarded = 0
        for _ in 0..<4000 {
            var ip = TestPacket.IP(
                source: "10.0.0.2", destination: "198.51.100.2",
                proto: IPProtocol(rawValue: protocols[Int(random.next(below: UInt32(protocols.count)))]))
            ip.tos = UInt8(random.next(below: 256))
            ip.ttl = UInt8(random.next(below: 256))
            if random.next(below: 8) == 0 { ip.offset = 8 * Int(random.next(below: 200)) }
            let packet = TestPacket(ip: ip, payload: Self.bytes(Int(random.next(below: 90)), &random))
            for frame in Self.receive(packet, router) {
                let out = TestPacket(frame: frame)
                let header = try #require(out.ip)
                // A packet that is answered with an error is not one that was forwarded.
                guard header.source == ip.source else { continue }
                forwarded += 1
                #expect(header.checksum == .computed, "\(packet) became \(out)")
                #expect(header.totalLength == nil, "\(packet) became \(out)")
            }
        }
        #expect(forwarded > 1000)
        #expect(router.books().isBalanced)
    }

    @Test("a right TCP checksum stays right, whatever options a segment has", arguments: 1...4)
    func segments(seed: Int) throws {
        let router = try Self.router(Self.everything)
        var random = RandomSource(seed: UInt64(seed))
        var changed = 0
        for round in 0..<4000 {
            var tcp = TestPacket.TCP(sourcePort: UInt16(round & 0xFFF) + 1, destinationPort: 80)
            tcp.flags = random.next(below: 2) == 0 ? 2 : UInt8(random.next(below: 256))
            tcp.options = Self.bytes(4 * Int(random.next(below: 11)), &random)
            let ip = TestPacket.IP(source: "10.0.0.2", destination: "198.51.100.2", proto: .tcp)
            let payload = Self.bytes(random.next(below: 2) == 0 ? 0 : Int(random.next(below: 30)), &random)
            let packet = TestPacket(ip: ip, transport: .tcp(tcp), payload: payload)
            for frame in Self.receive(packet, router) {
                let out = TestPacket(frame: frame)
                guard case .tcp(let after) = out.transport else {
                    Issue.record("\(packet) became \(out)")
                    continue
                }
                #expect(after.checksum == .computed, "\(packet) became \(out)")
                #expect(out.payload == payload)
                if after.options != tcp.options { changed += 1 }
            }
        }
        #expect(changed > 500)
    }

    @Test("udplite matches ports as udp does: the kernel has the match, iptables 1.8.9 no plug-in to load it")
    func udpLite() throws {
        let router = try Self.router(
            """
            *filter
            -A FORWARD -p udplite -m udplite --sport 1000:2000 --dport 53
            -A FORWARD -p udplite -m udplite ! --dport 53
            COMMIT

            """)
        for payload: [UInt8] in [
            [0x03, 0xE8, 0, 53, 0, 0, 0, 0], [0x03, 0xE8, 0, 54, 0, 0, 0, 0], [0x03, 0xE7, 0, 53, 0, 0, 0, 0], [0x03, 0xE8, 0, 53],
        ] {
            let ip = TestPacket.IP(source: "10.0.0.2", destination: "198.51.100.2", proto: .udpLite)
            _ = Self.receive(TestPacket(ip: ip, payload: payload), router)
        }
        let saved = router.savedRules()
        #expect(saved.contains("[1:28] -A FORWARD -p udplite -m udplite --sport 1000:2000 --dport 53"), "\(saved)")
        #expect(saved.contains("[1:28] -A FORWARD -p udplite -m udplite ! --dport 53"), "\(saved)")
        #expect(router.books().dropped["transport-cut"] == 1)
    }

    @Test(
        "a program that the kernel would not load is refused, and what only the kernel knows is named",
        arguments: [
            ("2,32 0 0 4294963264,6 0 0 1", "no place that exists"), ("2,96 0 0 3,6 0 0 1", "nothing has written"),
            ("4,21 0 1 5,2 0 0 3,96 0 0 3,6 0 0 0", "nothing has written"), ("2,32 0 0 4294963224,6 0 0 1", "a receive queue"),
            ("2,32 0 0 4294963232,6 0 0 1", "a receive hash"), ("1,5 0 0 0", "jumps past the end"),
        ])
    func refusedProgram(program: String, reason: String) {
        #expect {
            _ = try Ruleset.restoring(
                "*filter\n-A FORWARD -m bpf --bytecode \"\(program)\"\nCOMMIT\n", file: "rules")
        } throws: { "\($0)".contains(reason) }
    }

    @Test("a shift by more than a word has bits is refused, as the kernel does", arguments: ["0>>32=0", "0<<99=0"])
    func refusedShift(test: String) {
        #expect {
            _ = try Ruleset.restoring("*filter\n-A FORWARD -m u32 --u32 \"\(test)\"\nCOMMIT\n", file: "rules")
        } throws: { "\($0)".contains("cannot be shifted") }
    }
}
