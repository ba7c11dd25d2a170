import Control
import Net
import Testing

@Suite("Requests and replies as lines of JSON")
struct CodecTests {
    static let filter = FlowFilter(
        protocol: .tcp, source: "10.0.0.0/24", destination: "198.51.100.2/32", sourcePort: 1, destinationPort: 65535,
        replySource: "198.51.100.2/32", replyDestination: "198.51.100.1/32", state: "ESTABLISHED", mark: .max)

    @Test("every request comes back as it was sent", arguments: [
        Request.ports, .workers, .stats, .drops, .routes, .neighbors, .rulesSummary, .version, .flowsCount, .flowsFlush,
        .recentLists, .recentEntries("bad guys"), .hashlimitTables, .hashlimitEntries("ssh"), .expectations, .helpers,
        .recentEdit(RecentEdit(list: "bad guys", action: .add, address: "192.0.2.1")),
        .recentEdit(RecentEdit(list: "DEFAULT", action: .flush)),
        .reload, .logsReopen, .flowsList(FlowFilter()), .flowsList(filter), .flowsDelete(filter),
        .rulesSave(RulesSave(counters: true, table: "nat")),
        .rulesRestore(
            RulesRestore(file: "r\"ü.v4", text: "*filter\n:INPUT DROP [0:0]\nCOMMIT\n\u{0}\u{1F600}", counters: true,
                noflush: true, table: "filter")),
        .rulesRestore(
            RulesRestore(file: "-", text: "", test: true, allowInactive: true, confirm: 60,
                hosts: ["a.example": HostAnswer(addresses: ["192.0.2.1"]), "b.example": HostAnswer(failure: "none")])),
        .rulesConfirm, .rulesRollback, .iptables(IPTablesRequest(program: .iptables, arguments: ["-A", "INPUT", ""])),
        .iptables(IPTablesRequest(program: .restore, arguments: [], input: "*nat\n", hosts: [:])),
        .rulesList(RulesList(table: "nat", chain: "a", verbose: true, numeric: true, exact: true, lineNumbers: true)),
    ])
    func requestRoundTrip(_ request: Request) throws {
        let line = try LineCodec.encode(request)
        #expect(line.last == 10 && !line.dropLast().contains(10))
        #expect(try LineCodec.decode(Request.self, from: line.dropLast()) == request)
    }

    static let ring = RingStatus(used: 3, size: 2048)
    static let everyReply: [Reply] = [
        .port(
            PortStatus(
                name: "lan0", index: PortIndex(rawValue: 1), link: LinkIndex(rawValue: 7), mode: "copy",
                mac: "02:00:00:00:00:01", mtu: 1500, isUp: true, isRunning: false, addresses: ["10.0.0.1/24"],
                received: Traffic(packets: .max, bytes: 1), transmitted: Traffic(packets: 2, bytes: 3), lost: 4,
                queues: [
                    QueueStatus(
                        queue: 0, worker: 1, fill: ring, receive: ring, transmit: ring, completion: ring,
                        xdp: XDPStatistics(
                            receiveDropped: 1, receiveInvalid: 2, transmitInvalid: 3, receiveRingFull: 4,
                            fillRingEmpty: 5, transmitRingEmpty: 6))
                ])),
        .worker(
            WorkerStatus(
                id: 0, cpu: nil, poll: "busy", bursts: 1, packets: 2, wakeups: 3, kicks: 4, busyShare: 0.25,
                framesHeld: 6, framesFree: 7, effectsLost: 8)),
        .drop(DropRow(reason: "no-route", text: "no route leads there", packets: 3)),
        .route(
            RouteRow(
                table: "main", prefix: .all, kind: "unicast", metric: 1, preferredSource: "10.0.0.1",
                hops: [RouteHopRow(link: "wan0", gateway: "10.0.0.9", weight: 1, isDead: false, isPort: true)])),
        .neighbor(NeighborRow(address: "10.0.0.2", mac: nil, link: "lan0", state: "incomplete")),
        .recentList(RecentListRow(name: "a b", count: 1, max: 100, stamps: 32, mask: "255.255.255.0")),
        .recentEntry(
            RecentEntryRow(address: "192.0.2.1", ttl: 64, lastSeen: .max, oldestPacket: 2, stamps: [1, .max])),
        .hashlimitTable(HashlimitTableRow(name: "ssh", count: 1, max: 65536, buckets: 8192)),
        .hashlimitEntry(
            HashlimitEntryRow(
                expires: -1, source: "192.0.2.1", sourcePort: 0, destination: .any, destinationPort: .max, credit: .max,
                creditCap: 2, cost: 3)),
        .expectation(FlowTextTests.expectation),
        .helper(HelperRow(name: "ftp-2121", protocol: .tcp, ports: [2121], flows: 1, expectations: 2, limit: 3, timeout: 300)),
        .flow(FlowTextTests.tcp), .stats(stats), .version(
            VersionReply(version: "0.1", kernel: "6.6", pid: 1, configuration: "/etc/martlet.yaml")),
        .rulesSummary(
            RulesSummary(generation: 3, isModified: true, tables: [.init(name: "nat", chains: 4, rules: 1)])),
        .rulesSummary(RulesSummary(generation: 3, isModified: true, tables: [], secondsToConfirm: 7, inactive: 2)),
        .command(CommandReply(output: "a\n", errors: "b\n", exitCode: 2)), .hostsWanted(HostsWanted(names: ["a.example"])),
        .rules(RulesReply(text: "*nat\nCOMMIT\n")), .flowCount(FlowCount(count: 1, max: 2, buckets: 3)),
        .done(Done()), .done(Done(message: "x", count: 1)),
        .failure(Failure("no", exitCode: 2, diagnostics: [Diagnostic(file: "a", line: 1, column: 2, message: "b")])),
        .end(End(count: 0)),
    ]

    static let stats = Stats(
        received: 10, fromHost: 5, madeHere: 1, extraFragments: 2, transmitted: 8, toHost: 4,
        dropped: ["a": 2, "b": 1], absorbed: 1, held: 2, framesOwned: 9, framesInUmem: 9, lostInRings: 7, generation: 1,
        uptime: 60)

    @Test("every reply comes back as it was sent", arguments: everyReply)
    func replyRoundTrip(_ reply: Reply) throws {
        #expect(try LineCodec.decode(Reply.self, from: LineCodec.encode(reply).dropLast()) == reply)
    }

    @Test("the books balance, and one packet more anywhere unbalances them")
    func books() {
        #expect(Self.stats.isBalanced)
        for change: WritableKeyPath<Stats, UInt64> in [
            \.received, \.fromHost, \.madeHere, \.extraFragments, \.transmitted, \.toHost, \.absorbed, \.held, \.framesOwned,
        ] {
            var stats = Self.stats
            stats[keyPath: change] += 1
            #expect(!stats.isBalanced)
        }
    }

    @Test("a line that is no request is answered with what is wrong", arguments: [
        ("", "not JSON"), ("{", "not JSON"), ("nonsense", "not JSON"), ("\u{0}\u{1}", "not JSON"),
        ("{}", "\"command\" is missing"), ("{\"command\":7}", "not a text at command"),
        ("{\"command\":\"fly\"}", "unknown command \"fly\""), ("{\"command\":\"flows-delete\"}", "\"filter\" is missing"),
        ("{\"command\":\"flows-delete\",\"filter\":{}}", "would delete every flow"),
        ("{\"command\":\"flows-list\",\"filter\":{\"source\":\"10.0.0\"}}", "not an IPv4 prefix: \"10.0.0\" at filter.source"),
        ("{\"command\":\"rules-restore\",\"restore\":{\"file\":\"-\"}}", "\"text\" is missing at restore"),
        ("[1,2]", "not an object"),
    ])
    func malformed(_ line: String, _ message: String) throws {
        let failure = #expect(throws: Failure.self) { try LineCodec.decode(Request.self, from: Array(line.utf8)) }
        #expect(try #require(failure).message.contains(message), "\(failure!.message)")
    }

    @Test("JSON nested too deeply is refused, not followed to the end of the stack")
    func deep() {
        let line = [UInt8](repeating: UInt8(ascii: "["), count: 1_000_000)
        #expect(throws: Failure.self) { try LineCodec.decode(Request.self, from: line) }
    }
}
