import Control
import Net
import TestSupport
import Testing

/// Asks a running router, over its socket, what the command line asks.
@Suite(
    "Requests to a running router", .serialized,
    .enabled(if: MartletBinary.isExpected, "no Martlet here: \(MartletBinary.advice)"))
struct RequestTests {
    static let rules = """
        *nat
        -A POSTROUTING -o wan0 -j MASQUERADE
        COMMIT
        *filter
        :FORWARD DROP [0:0]
        -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
        -A FORWARD -i lan0 -j ACCEPT
        COMMIT

        """

    /// A router between two hosts, and a client of its socket.
    struct Running {
        let lab: Lab
        let router: RouterUnderTest

        init(configuration: [String] = []) throws {
            lab = try Lab(.live(queues: 2))
            router = try RouterUnderTest(
                .martlet(workers: 2), in: lab, setup: RouterSetup(rules: RequestTests.rules, configuration: configuration))
        }

        func final(_ request: Request) throws -> Reply {
            var client = try ControlClient(path: router.socket)
            return try client.perform(request, row: { _ in })
        }

        func rows<Row>(_ request: Request, _ row: (Reply) -> Row?) throws -> [Row] {
            var rows: [Row] = []
            var client = try ControlClient(path: router.socket)
            _ = try client.perform(request) { reply in if let value = row(reply) { rows.append(value) } }
            return rows
        }

        var stats: Stats {
            get throws {
                guard case .stats(let stats) = try final(.stats) else { throw LabError("no stats") }
                return stats
            }
        }
        var summary: RulesSummary {
            get throws {
                guard case .rulesSummary(let summary) = try final(.rulesSummary) else { throw LabError("no summary") }
                return summary
            }
        }
        func flows(_ filter: FlowFilter = FlowFilter()) throws -> [FlowRow] {
            try rows(.flowsList(filter)) { if case .flow(let row) = $0 { row } else { nil } }
        }
        func ping(_ count: Int = 1, from host: String = "client", to address: String = "198.51.100.2") throws {
            _ = try lab.run(["ping", "-n", "-c", "\(count)", "-i", "0.05", "-W", "1", address], in: host)
        }
    }

    @Test("ports, workers, drops and the books tell of the same packets")
    func counters() throws {
        let running = try Running()
        try running.ping(3)
        // Nobody inside may be reached from outside: two drops by policy.
        try running.lab.ip(["route add 10.0.0.0/24 via 198.51.100.1"], in: "server")
        try running.ping(2, from: "server", to: "10.0.0.2")
        let ports = try running.rows(.ports) { if case .port(let row) = $0 { row } else { nil } }
        #expect(ports.map(\.name) == ["lan0", "wan0"])
        #expect(ports.map(\.addresses) == [["10.0.0.1/24"], ["198.51.100.1/24"]])
        #expect(ports.map(\.received.packets) == [3, 5] && ports.map(\.transmitted.packets) == [3, 3])
        #expect(ports.map(\.received.bytes) == [3 * 98, 5 * 98])
        for port in ports {
            #expect(port.mode == "copy" && port.isUp && port.isRunning && port.mtu == 1500 && port.lost == 0)
            #expect(port.queues.count == 2 && port.queues.map(\.worker) == [0, 1])
            #expect(port.queues.allSatisfy { $0.fill.used > 0 && $0.fill.size == 2048 && $0.xdp != nil })
        }
        let workers = try running.rows(.workers) { if case .worker(let row) = $0 { row } else { nil } }
        #expect(workers.map(\.id) == [0, 1])
        #expect(workers.reduce(0) { $0 + $1.packets } == 8)
        let drops = try running.rows(.drops) { if case .drop(let row) = $0 { row } else { nil } }
        #expect(drops.filter { $0.packets > 0 }.map { "\($0.reason) \($0.packets)" } == ["policy 2"])
        let stats = try running.stats
        #expect(stats.isBalanced && stats.received == 8 && stats.transmitted == 6 && stats.dropped == ["policy": 2], "\(stats)")
        #expect(stats.framesOwned == stats.framesInUmem && stats.framesInUmem > 0)
    }

    @Test("the books balance at any moment, also while frames are under way and clients ask all at once")
    func busyBooks() async throws {
        let running = try Running()
        let flood = try running.lab.start(["ping", "-n", "-q", "-f", "-c", "20000", "198.51.100.2"], in: "client")
        let socket = running.router.socket
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<3 {
                group.addTask {
                    var balanced = 0
                    for _ in 0..<20 {
                        var client = try ControlClient(path: socket)
                        guard case .stats(let stats) = try client.perform(.stats, row: { _ in }) else { continue }
                        if stats.isBalanced { balanced += 1 }
                    }
                    return balanced
                }
            }
            for try await balanced in group { #expect(balanced == 20) }
        }
        flood.end()
    }

    @Test("flows are listed, filtered, counted, deleted and flushed")
    func flowRequests() throws {
        let running = try Running()
        try running.ping()
        try running.ping(1, to: "10.0.0.1")
        let flows = try running.flows()
        #expect(flows.count == 2)
        let out = try #require(flows.first { $0.original.destination == "198.51.100.2" })
        #expect(out.protocol == .icmp && out.state == nil && out.isReplySeen && !out.isAssured)
        #expect(out.original.icmp?.type == 8 && out.reply.icmp?.type == 0 && out.reply.destination == "198.51.100.1")
        #expect(out.original.packets == 1 && out.reply.bytes == 84)
        #expect((25...30).contains(out.timeout ?? 0))
        #expect(try running.flows(FlowFilter(destination: "10.0.0.1/32")).count == 1)
        #expect(try running.flows(FlowFilter(protocol: .tcp)).isEmpty)
        guard case .flowCount(let count) = try running.final(.flowsCount) else { throw LabError("no count") }
        #expect(count.count == 2 && count.max > 0 && count.buckets > 0)
        #expect(try running.final(.flowsDelete(FlowFilter(destination: "198.51.100.0/24"))) == .done(Done(count: 1)))
        #expect(try running.flows().map(\.original.destination) == ["10.0.0.1"])
        #expect(try running.final(.flowsFlush) == .done(Done(count: 1)))
        #expect(try running.flows().isEmpty)
        try running.ping()
        #expect(try running.flows().count == 1)
    }

    @Test("routes and neighbours follow the kernel's; a blackhole has no way out")
    func routes() throws {
        let running = try Running()
        try running.ping()
        try running.lab.ip(
            ["route add 192.0.2.0/24 via 198.51.100.2 metric 5", "route add blackhole 192.0.3.0/24 table 100"], in: "router")
        func routes() throws -> [RouteRow] { try running.rows(.routes) { if case .route(let row) = $0 { row } else { nil } } }
        #expect(try Clock.wait(seconds: 2) { try routes().contains { $0.prefix == "192.0.3.0/24" } })
        let all = try routes()
        #expect(
            all.first { $0.prefix == "192.0.2.0/24" }
                == RouteRow(
                    table: "main", prefix: "192.0.2.0/24", kind: "unicast", metric: 5,
                    hops: [RouteHopRow(link: "wan0", gateway: "198.51.100.2", weight: 1, isDead: false, isPort: true)]))
        #expect(all.first == RouteRow(table: "100", prefix: "192.0.3.0/24", kind: "blackhole", metric: 0, hops: []))
        #expect(all.contains { $0.table == "local" && $0.prefix == "10.0.0.1/32" && $0.kind == "local" })
        #expect(all.first { $0.prefix == "127.0.0.0/8" }?.hops.first?.isPort == false)
        let neighbors = try running.rows(.neighbors) { if case .neighbor(let row) = $0 { row } else { nil } }
        let server = try #require(neighbors.first { $0.address == "198.51.100.2" })
        #expect(server.link == "wan0" && server.mac == running.lab.topology.hostMAC(1, 2))
    }

    @Test("what a restore refuses changes nothing; what it takes is in force at once, and flows stay")
    func restore() throws {
        let running = try Running()
        try running.ping()
        let before = try running.router.martlet(["rules", "save"])
        func failure(_ text: String, table: String? = nil) throws -> Failure? {
            var client = try ControlClient(path: running.router.socket)
            do {
                _ = try client.perform(.rulesRestore(RulesRestore(file: "new", text: text, table: table)), row: { _ in })
                return nil
            } catch let failure as Failure { return failure }
        }
        let refused = try failure("*filter\n-A FORWARD -j ACCEPT\nCOMMIT\n*nat\n-A POSTROUTING -j NOWHERE\nCOMMIT\n")
        #expect(refused?.diagnostics.first?.file == "new" && refused?.diagnostics.first?.line == 5, "\(String(describing: refused))")
        #expect(try failure("*filter\nCOMMIT\n", table: "bogus")?.message.contains("bogus") == true)
        let after = try running.router.martlet(["rules", "save"])
        func withoutComments(_ text: String) -> [Substring] { text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { $0.hasPrefix(":") ? $0.prefix { $0 != "[" } : $0 } }
        #expect(withoutComments(before) == withoutComments(after))
        #expect(try running.summary == RulesSummary(file: running.router.folder + "/rules.v4", generation: 1, isModified: false, tables: try running.summary.tables))

        let connection = try running.flows()
        try running.router.replaceRules("*filter\n:FORWARD DROP [0:0]\nCOMMIT\n")
        let summary = try running.summary
        #expect(summary.isModified && summary.generation > 1)
        #expect(summary.tables.first { $0.name == "filter" }?.rules == 0 && summary.tables.first { $0.name == "nat" }?.rules == 1)
        let dropped = try running.stats.dropped["policy"] ?? 0
        try running.ping()
        #expect(try running.stats.dropped["policy"] == dropped + 1)
        #expect(Set(try running.flows().map(\.original.icmp)).isSuperset(of: connection.map(\.original.icmp)))
    }

    @Test("a reload brings the file's rules and timeouts back into force, or nothing if the file is wrong")
    func reload() throws {
        let running = try Running()
        try running.router.replaceRules("*filter\nCOMMIT\n")
        guard case .done(let done) = try running.final(.reload) else { throw LabError("not reloaded") }
        #expect(done.message?.contains("changed by command") == true)
        #expect(try running.summary.isModified == false && running.summary.tables.first { $0.name == "filter" }?.rules == 2)

        let path = running.router.folder + "/martlet.yaml"
        let old = String(decoding: try readFile(path), as: UTF8.self)
        try writeFile(path, old + "conntrack: {timeouts: {icmp: 300}}\n")
        _ = try running.final(.reload)
        try running.ping()
        #expect((290...300).contains(try running.flows().first?.timeout ?? 0))

        try writeFile(path, old + "conntrack: {timeouts: {icmp: 0x}}\n")
        #expect(throws: Failure.self) { try running.final(.reload) }
        try writeFile(path, old)
        try writeFile(running.router.folder + "/rules.v4", "*filter\n-A FORWARD -j NOWHERE\nCOMMIT\n")
        #expect(throws: Failure.self) { try running.final(.reload) }
        #expect(try running.summary.tables.first { $0.name == "filter" }?.rules == 2)
    }

    static let listed = """
        *filter
        :INPUT DROP [12:3456]
        :FORWARD ACCEPT [123456:7890123456]
        :OUTPUT ACCEPT [0:0]
        :lan - [0:0]
        :web - [0:0]
        [5:300] -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
        [0:0] -A INPUT -i lan0 -p icmp -m icmp --icmp-type 8 -j ACCEPT
        [1:60] -A INPUT ! -i wan+ -p tcp -m tcp --dport 22 -j ACCEPT
        [0:0] -A INPUT -s 10.0.0.0/8 ! -d 192.0.2.1/32 -p udp -m udp --sport 67:68 --dport 67 -j ACCEPT
        [0:0] -A INPUT -p tcp -j REJECT --reject-with tcp-reset
        [0:0] -A INPUT -j REJECT --reject-with icmp-port-unreachable
        [1234567:987654321012] -A FORWARD -i lan0 -j lan
        [0:0] -A FORWARD -o lan0 -g web
        [0:0] -A FORWARD -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j RETURN
        [0:0] -A FORWARD -m state --state INVALID -j DROP
        [0:0] -A FORWARD -f -j DROP
        [0:0] -A lan -p tcp -m multiport --dports 80,443,8000:8080 -j ACCEPT
        [0:0] -A lan -m mark --mark 0x1/0xff -j ACCEPT
        [0:0] -A lan -m comment --comment "to the printers" -j ACCEPT
        [0:0] -A web -p 47
        COMMIT
        *nat
        :PREROUTING ACCEPT [0:0]
        :INPUT ACCEPT [0:0]
        :OUTPUT ACCEPT [0:0]
        :POSTROUTING ACCEPT [0:0]
        [0:0] -A PREROUTING -i wan0 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.2:8080
        [7:420] -A POSTROUTING -o wan0 -j MASQUERADE
        [0:0] -A POSTROUTING -s 10.0.0.0/24 -o dmz0 -p udp -j SNAT --to-source 172.16.0.1-172.16.0.9:1024-2048
        COMMIT

        """

    @Test("rules list prints what iptables-legacy -L prints", arguments: [
        ["-t", "filter", "-v", "-n", "-x", "--line-numbers"], ["-t", "filter", "-n"], ["-t", "filter", "-v", "-n"],
        ["-t", "nat", "-v", "-n"], ["-t", "nat", "-n", "--line-numbers"], ["-t", "filter", "lan", "-v", "-n", "-x"],
    ])
    func listing(_ options: [String]) throws {
        let running = try Running()
        // The client's namespace is the kernel that the same rules go to; its loopback is all that could count there.
        try Program.require(["iptables-legacy-restore", "-c"], in: running.lab.namespace("client"), input: Self.listed)
        try running.router.martlet(["rules", "restore", "-c", "-"], input: Self.listed)
        var arguments = options
        arguments.insert("-L", at: 2)
        let kernel = try Program.require(["iptables-legacy"] + arguments, in: running.lab.namespace("client"))
        let ours = try running.router.martlet(["rules", "list"] + options)
        for (one, other) in zip(ours.split(separator: "\n"), kernel.split(separator: "\n")) { #expect(one == other) }
        #expect(ours == kernel)
    }
}
