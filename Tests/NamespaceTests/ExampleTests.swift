import TestSupport
import Testing

extension NamespaceTests {
    @Suite("The examples that people learn from", .serialized)
    struct ExampleTests {
        @Test("they do what they say on the kernel", arguments: Examples.scenes.names)
        func kernel(name: String) throws { try Examples.scenes.play(name, on: .kernel) }

        @Test("they do what they say on Martlet", .needsMartlet, arguments: Examples.scenes.names, RouterKind.martlets)
        func martlet(name: String, kind: RouterKind) throws { try Examples.scenes.play(name, on: kind) }
    }
}

/// The rulesets of config/examples with real packets, each on the kernel first: what fails there is wrong with the example.
enum Examples {
    static let scenes = Scenes([
        ("port-knocking", portKnocking), ("small-office", smallOffice), ("http-gate", httpGate),
    ])

    private static func household(_ example: String, _ kind: RouterKind, routed: Bool = false) throws -> Household {
        let folder = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        return try Household(kind, rules: String(decoding: try readFile("/\(folder)/config/examples/\(example).v4"), as: UTF8.self), routed: routed)
    }

    /// Whether a TCP port answers within a second: yes, no (a reset), or not at all.
    private enum Answer: Equatable { case open, refused, silent }

    private static func knock(_ house: Household, at address: String, port: Int, from name: String) throws -> Answer {
        let result = try house.curl("http://\(address):\(port)/", in: name, options: ["--connect-timeout", "1"])
        // curl: 7 could not connect, 28 time is up.
        return result.status == 7 ? .refused : result.status == 28 ? .silent : .open
    }

    // MARK: Port knocking

    static func portKnocking(_ kind: RouterKind) throws {
        let house = try household("port-knocking", kind)
        let door = try house.webServer(in: "router", port: 22)
        func ping() throws -> Bool {
            try house.lab.run(["ping", "-c", "1", "-W", "2", "10.0.0.1"], in: "client").succeeded
        }
        #expect(try knock(house, at: "10.0.0.1", port: 22, from: "client") == .silent, "closed to strangers")
        #expect(try ping())
        #expect(try knock(house, at: "10.0.0.1", port: 22, from: "client") == .silent, "a ping alone opens nothing")
        #expect(try knock(house, at: "10.0.0.1", port: 79, from: "client") == .silent, "the first knock is not answered")
        #expect(try house.recent("PHASE1").contains("src=10.0.0.2 "))
        #expect(try knock(house, at: "10.0.0.1", port: 22, from: "client") == .silent, "nor does the first knock alone")
        #expect(try ping())
        #expect(try !house.recent("PHASE1").contains("src=10.0.0.2 "), "taken from the first list")
        #expect(try house.recent("PHASE2").contains("src=10.0.0.2 "), "into the second")
        #expect(try knock(house, at: "10.0.0.1", port: 22, from: "client") == .open)
        #expect(try knock(house, at: "198.51.100.1", port: 22, from: "server") == .silent, "open to nobody else")
        door.end()
        try house.close()
    }

    // MARK: Small office

    static func smallOffice(_ kind: RouterKind) throws {
        let house = try household("small-office", kind, routed: true)
        var servers: [Program] = []
        servers.append(try house.webServer(in: "server"))
        servers.append(try house.webServer(in: "client", port: 8080))
        servers.append(try house.webServer(in: "router", port: 25))
        servers.append(try house.webServer(in: "server", port: 25))

        #expect(try house.curl("http://198.51.100.2/", in: "client").output == "It works.\n", "out")
        let flows = try house.router.flows()
        #expect(
            flows.contains { $0.original["dport"] == "80" && $0.reply["dst"] == "198.51.100.1" }, "by the one address: \(flows)")
        #expect(try house.curl("http://198.51.100.1/", in: "server").output == "It works.\n", "in, by the forwarded port")
        #expect(try knock(house, at: "10.0.0.2", port: 22, from: "server") == .silent, "nothing else comes in")
        #expect(try knock(house, at: "10.0.0.2", port: 113, from: "server") == .refused, "ident behind the gateway")
        #expect(try knock(house, at: "198.51.100.1", port: 113, from: "server") == .refused, "ident of the gateway")
        let log = try house.log()
        if let log {
            let line = log.split(separator: "\n").first { $0.contains("DPT=22 ") }
            #expect(line?.contains("refused: IN=wan0 OUT=lan0 ") == true, "\(log)")
            #expect(!log.contains("DPT=113 "), "\(log)")
        }
        let forwarded = try serviceTypes(house, in: "server", "tcp and src 198.51.100.1 and dst port 25") {
            try house.requirePage("http://198.51.100.2:25/", in: "client")
        }
        #expect(forwarded == ["0x2"], "mail to the world is Minimize-Cost")
        let own = try serviceTypes(house, in: "server", "tcp and src 198.51.100.1 and src port 25") {
            try house.requirePage("http://198.51.100.1:25/", in: "server")
        }
        #expect(own == ["0x2"], "and so is what our own mail server answers")
        for server in servers { server.end() }
        try house.close()
    }

    /// The TOS bytes of the packets that a namespace sees while something is done, each once.
    private static func serviceTypes(
        _ house: Household, in name: String, _ filter: String, while action: () throws -> Void
    ) throws -> Set<String> {
        let watcher = try house.lab.start(["tcpdump", "-n", "-l", "-v", "-i", "eth0", filter], in: name)
        guard Clock.wait(seconds: 5, until: { watcher.errors.contains("listening on") }) else {
            throw LabError("tcpdump does not listen: \(watcher.errors)")
        }
        try action()
        _ = Clock.wait(seconds: 2) { watcher.output.contains("Flags [F") }
        watcher.end()
        var types: Set<String> = []
        for line in watcher.output.split(separator: "\n") {
            let parts = line.split(separator: "(tos ", maxSplits: 1)
            if parts.count == 2 { types.insert(String(parts[1].prefix { $0 != "," })) }
        }
        return types
    }

    // MARK: The gate of recent lists

    static func httpGate(_ kind: RouterKind) throws {
        let house = try household("http-gate", kind)
        let server = try house.webServer(in: "router")
        func scan(_ kind: String) throws -> String {
            let result = try house.lab.run(
                ["nmap", "-n", "-Pn", kind, "-p", "80", "--max-retries", "0", "10.0.0.1"], in: "client", seconds: 30)
            return result.output
        }
        #expect(try scan("-sA").contains("80/tcp filtered"), "an ACK without a SYN before it")
        #expect(try scan("-sF").contains("80/tcp open|filtered"), "a FIN without a connection")
        #expect(try house.recent("open").isEmpty, "nobody is let in by that")
        #expect(try house.curl("http://10.0.0.1/", in: "client").output == "It works.\n")
        #expect(try house.recent("asked").contains("src=10.0.0.2 "), "the SYN")
        #expect(try house.recent("open").isEmpty, "the SYN-ACK and the first FIN")
        #expect(try house.recent("leaving").contains("src=10.0.0.2 "), "the first FIN")
        let large = try house.curl("http://10.0.0.1/large", in: "client")
        #expect(large.output.utf8.count == 16 * 131_072, "data in both directions: \(large.errors)")
        let steps = try house.router.counters().lines.filter { $0.text.hasPrefix("-A HTTP-") }
        let (first, others) = (steps.filter { $0.text.contains("FIN,ACK FIN,ACK") }, steps.filter { !$0.text.contains("FIN,ACK FIN,ACK") })
        #expect(others.count == 6 && others.allSatisfy { $0.packets > 0 }, "every step was taken: \(others)")
        #expect(first.reduce(0) { $0 + $1.packets } == 2, "each connection left the list by the first FIN: \(first)")
        server.end()
        try house.close()
    }
}

extension Household {
    fileprivate func requirePage(_ url: String, in name: String) throws {
        let result = try curl(url, in: name)
        guard result.output == "It works.\n" else { throw LabError("\(url): \(result.errors)") }
    }

    /// A `recent` list as /proc/net/xt_recent shows it.
    fileprivate func recent(_ name: String) throws -> String {
        switch router.kind {
        case .kernel: try Program.require(["cat", "/proc/net/xt_recent/\(name)"], in: lab.router)
        case .martlet: try router.martlet(["show", "recent", name])
        }
    }
}
