import Glibc
import Net
import TestSupport
import Testing

/// Mixed traffic for a while: pings, downloads, a rate-limited iperf3, a churn of short UDP flows, fragments; and all the
/// time rules are replaced and links go down and up. Every ten seconds the router gives account.
final class Soak {
    private let house: Household
    private let kind: RouterKind
    private var checks = 0
    private var reloads = 0
    private var flaps = 0
    private var memory: [Int] = []

    private static let rules = """
        *nat
        -A PREROUTING -i wan0 -p tcp --dport 8080 -j DNAT --to-destination 10.0.0.2:80
        -A POSTROUTING -o wan0 -j MASQUERADE
        COMMIT
        *filter
        :FORWARD DROP [0:0]
        -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
        -A FORWARD -p tcp --dport 81 -j REJECT --reject-with tcp-reset
        -A FORWARD -i lan0 -j ACCEPT
        -A FORWARD -m conntrack --ctstate DNAT -j ACCEPT
        COMMIT

        """
    /// The same with other numbers of rules, so that a reload changes something.
    private static let otherRules =
        rules + """
            *mangle
            -A FORWARD -p udp -m udp --dport 53 -j ACCEPT
            COMMIT

            """

    init(_ kind: RouterKind) throws {
        self.kind = kind
        house = try Household(kind, rules: Self.rules)
    }

    /// Every loop prints one word a turn, which the report counts.
    private static func loop(_ command: String, pause: Double) -> [String] {
        [
            "bash", "-c",
            "while :; do if \(command) >/dev/null 2>&1; then echo good; else echo bad; fi; sleep \(pause); done",
        ]
    }

    private static let loops: [(name: String, host: String, command: [String])] = [
        ("ping through", "client", loop("ping -c 1 -W 1 198.51.100.2", pause: 0.1)),
        ("ping to the router", "client", loop("ping -c 1 -W 1 10.0.0.1", pause: 0.1)),
        ("fragments", "client", loop("ping -c 1 -W 1 -s 4000 198.51.100.2", pause: 0.2)),
        ("download", "client", loop("curl -sS --noproxy '*' --max-time 5 http://198.51.100.2/large", pause: 0.2)),
        ("forwarded port", "server", loop("curl -sS --noproxy '*' --max-time 5 http://198.51.100.1:8080/", pause: 0.2)),
        ("refused", "client", loop("! curl -sS --noproxy '*' --max-time 5 http://198.51.100.2:81/", pause: 0.5)),
        (
            "router's own download", "router",
            loop("curl -sS --noproxy '*' --max-time 5 http://198.51.100.2/", pause: 0.5)
        ),
        ("iperf3 out", "client", loop("timeout 20 iperf3 -c 198.51.100.2 -b 20M -t 5", pause: 0.2)),
        ("iperf3 in, UDP", "client", loop("timeout 20 iperf3 -p 5202 -c 198.51.100.2 -u -R -b 10M -t 5", pause: 0.2)),
        // A hundred new flows a turn; nobody listens, so each is answered by an error that finds its way home.
        (
            "a hundred UDP flows", "client",
            loop("for i in {1..100}; do echo x >/dev/udp/198.51.100.2/$((RANDOM%1000+2000)); done", pause: 0.1)
        ),
    ]

    /// Runs for so many minutes, and returns a report of lines.
    func run(minutes: Double) throws -> [String] {
        let servers = [
            try house.webServer(in: "server"), try house.webServer(in: "client"),
            try house.lab.start(["iperf3", "-s"], in: "server"),
            try house.lab.start(["iperf3", "-s", "-p", "5202"], in: "server"),
        ]
        let programs = try Self.loops.map { (name: $0.name, program: try house.lab.start($0.command, in: $0.host)) }
        let start = Clock.now
        let deadline = start + UInt64(minutes * 60e9)
        var turn = 0
        while Clock.now < deadline {
            Clock.sleep(seconds: min(1, Double(deadline.since(Clock.now)) / 1e9))
            turn += 1
            if turn % 7 == 0 { try reload() }
            if turn % 31 == 0 { try flap() }
            if turn % 10 == 0 { try check() }
        }
        let counts = programs.map { name, program in
            let words = program.output.split(separator: "\n")
            return (name: name, good: words.filter { $0 == "good" }.count, bad: words.filter { $0 == "bad" }.count)
        }
        for (_, program) in programs { program.end() }
        try recovery()
        try check()
        for server in servers { server.end() }
        let flows = try house.router.flows().count
        let books = try house.router.books()
        try house.close()
        for count in counts { #expect(count.good > 0, "\(count.name) never worked") }
        return report(counts, flows: flows, books: books)
    }

    private func reload() throws {
        reloads += 1
        try house.router.replaceRules(reloads % 2 == 0 ? Self.rules : Self.otherRules)
    }

    /// Down and up again, on the router's side and then on the far one. The route that went with the link comes back by hand,
    /// as an operator's network manager would do it.
    private func flap() throws {
        flaps += 1
        let far = flaps % 2 == 0
        let (name, interface) = far ? ("server", "eth0") : ("router", "wan0")
        try house.lab.ip(["link set \(interface) down"], in: name)
        Clock.sleep(seconds: 0.5)
        try house.lab.ip(["link set \(interface) up"], in: name)
        if !far { try house.lab.ip(["route replace default via 198.51.100.2"], in: name) }
    }

    private func check() throws {
        try house.router.requireBalancedBooks()
        checks += 1
        if let program = house.router.program {
            guard program.isRunning else { throw LabError("the router is gone\n\(program.errors)") }
            memory.append(try residentKilobytes(program.pid))
        }
    }

    private func residentKilobytes(_ pid: pid_t) throws -> Int {
        let status = String(decoding: try readFile("/proc/\(pid)/status"), as: UTF8.self)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        return line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    }

    /// After all of it, everything works at once.
    private func recovery() throws {
        let ping = try house.lab.run(["ping", "-c", "3", "-i", "0.2", "-W", "2", "198.51.100.2"], in: "client")
        #expect(ping.output.contains("3 received"), "\(ping.output)")
        #expect(try house.curl("http://198.51.100.2/", in: "client").output == "It works.\n")
        #expect(try house.curl("http://198.51.100.1:8080/", in: "server").output == "It works.\n")
    }

    private func report(_ counts: [(name: String, good: Int, bad: Int)], flows: Int, books: Books?) -> [String] {
        var lines = ["soak through \(kind):"]
        lines += counts.map { "  \($0.name): \($0.good) good, \($0.bad) failed" }
        lines.append("  \(reloads) reloads of the rules, \(flaps) links down and up, \(flows) flows at the end")
        if let books {
            lines.append("  books balanced at each of \(checks) checks: \(books)")
            lines.append(
                "  memory: \(memory.first ?? 0) kB first, \(memory.max() ?? 0) kB most, \(memory.last ?? 0) kB last")
            // The first figure is taken after ten seconds, when tables are touched and pages are there.
            #expect((memory.last ?? 0) < (memory.first ?? 0) * 5 / 4 + 16 * 1024, "memory grows: \(memory)")
        }
        return lines
    }
}
