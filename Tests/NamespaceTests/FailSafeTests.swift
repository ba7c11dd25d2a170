import Glibc
import TestSupport
import Testing

extension NamespaceTests {
    /// What happens to a box when its router ends, is killed or hangs: nothing is left behind, the box stays reachable,
    /// and nothing passes through unfiltered.
    @Suite("Fail-safe", .serialized)
    struct FailSafe {
        /// What the namespace looks like: programs attached, filters, qdiscs, links, addresses and sysctls.
        static func state(_ lab: Lab) throws -> [String: String] {
            let commands: [String: [String]] = [
                "links": ["ip", "-o", "-d", "link", "show"],
                "addresses": ["ip", "-o", "addr", "show"],
                "routes": ["ip", "route", "show", "table", "all"],
                "neighbours": ["ip", "neigh", "show", "nud", "permanent"],
                "qdiscs": ["tc", "qdisc", "show"],
                "filters": [
                    "sh", "-c",
                    "for i in $(ls /sys/class/net); do tc filter show dev $i ingress; tc filter show dev $i egress; done",
                ],
                "BPF": ["bpftool", "net", "show"],
                "sysctls": ["sh", "-c", "sysctl -a 2>/dev/null | grep -E '^net\\.ipv4\\.(ip_forward|conf\\.)' | sort"],
            ]
            var state: [String: String] = [:]
            for (name, command) in commands { state[name] = try lab.run(command, in: "router").output }
            return state
        }

        /// The kernel announces a link's carrier up to a second late, so the state may need a moment to be the same.
        static func requireSame(_ before: [String: String], _ lab: Lab) throws {
            var after = try state(lab)
            _ = try Clock.wait(seconds: 3, every: 0.2) {
                after = try state(lab)
                return after == before
            }
            for name in before.keys.sorted() where before[name] != after[name] {
                Issue.record("\(name) before:\n\(before[name] ?? "")\nafter:\n\(after[name] ?? "")")
            }
        }

        static let rules = """
            *nat
            -A POSTROUTING -o wan0 -j MASQUERADE
            COMMIT
            *filter
            :FORWARD DROP [0:0]
            -A FORWARD -i lan0 -o wan0 -j ACCEPT
            -A FORWARD -i wan0 -m conntrack --ctstate ESTABLISHED -j ACCEPT
            COMMIT

            """

        @Test("SIGTERM leaves nothing behind and puts settings back", .needsMartlet, arguments: RouterKind.martlets)
        func orderlyEnd(kind: RouterKind) throws {
            let lab = try Lab(.live(queues: kind.queues))
            defer { lab.tearDown() }
            try lab.sysctl(["net.ipv4.icmp_ratelimit=0"], in: "router")
            let before = try Self.state(lab)
            let loaded = try Self.heldBPF().unheld
            let router = try RouterUnderTest(kind, in: lab, setup: RouterSetup(rules: Self.rules))
            #expect(try Self.state(lab) != before, "a running router cannot be seen, so this test sees nothing")
            #expect(try Self.heldBPF().held > 10, "nor can what it loads")
            _ = try lab.run(["ping", "-c", "2", "-i", "0.2", "198.51.100.2"], in: "client")
            try router.stop()
            try Self.requireSame(before, lab)
            // The kernel frees programs and maps a moment after their last user has gone.
            var left: Set<String> = []
            _ = try Clock.wait(seconds: 3, every: 0.2) {
                left = try Self.heldBPF().unheld.subtracting(loaded)
                return left.isEmpty
            }
            #expect(left.isEmpty, "left in the kernel")
            #expect(!(try filesIn(router.folder).contains("control.sock")))
        }

        /// How many BPF programs and maps living processes hold, and those that none does. Those of other routers on the machine are not
        /// ours to judge.
        private static func heldBPF() throws -> (held: Int, unheld: Set<String>) {
            var found: [String: String] = [:]
            for kind in ["prog", "map"] {
                for line in try Program.run(["bpftool", kind, "show"]).output.split(separator: "\n") where line.first?.isNumber == true {
                    found["\(kind)_id:" + line.prefix { $0 != ":" }] = "\(kind) \(line)"
                }
            }
            // Not from bpftool, which leaves out who holds them where it was built without that.
            let holders = try Program.run(["sh", "-c", "grep -rhsE '^(prog|map)_id:' /proc/[0-9]*/fdinfo"]).output
            var held = 0
            for line in holders.split(separator: "\n") where found.removeValue(forKey: line.filter { !$0.isWhitespace }) != nil { held += 1 }
            return (held, Set(found.values))
        }

        /// A conversation by ssh's means: a TCP session to the router, a line sent and echoed on demand.
        private final class Session {
            private let server: Program
            private let client: Program
            private let input: Int32
            private var sent = 0

            init(_ lab: Lab, folder: String) throws {
                server = try lab.start(["busybox", "nc", "-ll", "-p", "2222", "-e", "cat"], in: "router")
                let listening = try Clock.wait(seconds: 5, every: 0.02) {
                    try lab.run(["ss", "-Htln", "sport", "=", ":2222"], in: "router").output.contains("2222")
                }
                guard listening else { throw LabError("no echo server: \(server.errors)") }
                let pipe = folder + "/session"
                guard unsafe mkfifo(pipe, 0o600) == 0 else { throw LabError("mkfifo: errno \(errno)") }
                // Held open for reading and writing, the pipe never ends between two lines.
                input = unsafe open(pipe, O_RDWR | O_NONBLOCK | O_CLOEXEC)
                guard input >= 0 else { throw LabError("open: errno \(errno)") }
                client = try lab.start(["sh", "-c", "exec busybox nc 10.0.0.1 2222 <\(pipe)"], in: "client")
            }

            deinit { close(input) }

            /// True if a line comes back within `seconds`.
            func answers(within seconds: Double) throws -> Bool {
                sent += 1
                let line = "line \(sent)\n"
                let bytes = Array(line.utf8)
                guard unsafe write(input, bytes, bytes.count) == bytes.count else {
                    throw LabError("write: errno \(errno)")
                }
                return Clock.wait(seconds: seconds) { client.output.hasSuffix(line) }
            }
        }

        @Test("through a kernel router the session these tests use lives, and the state they compare stays")
        func sessionAndState() throws {
            let lab = try Lab(.live())
            defer { lab.tearDown() }
            let router = try RouterUnderTest(.kernel, in: lab, setup: RouterSetup(rules: Self.rules))
            let before = try Self.state(lab)
            #expect(
                before.values.allSatisfy { !$0.isEmpty || $0 == before["neighbours"] || $0 == before["filters"] },
                "\(before)")
            let folder = try temporaryFolder("martlab-session")
            defer { removeFolder(folder) }
            let session = try Session(lab, folder: folder)
            #expect(try session.answers(within: 5))
            try lab.ip(["link set lan0 down"], in: "router")
            #expect(try !session.answers(within: 0.5))
            #expect(try Self.state(lab) != before)
            try lab.ip(["link set lan0 up"], in: "router")
            #expect(try session.answers(within: 5), "what was not answered comes again")
            try Self.requireSame(before, lab)
            try router.stop()
        }

        @Test(
            "killed or stopped under load, the box answers within a second, sessions live, transit is closed, and a new start takes over",
            .needsMartlet, arguments: [SIGKILL, SIGSTOP], RouterKind.martlets)
        func suddenEnd(signal: Int32, kind: RouterKind) throws {
            let lab = try Lab(.live(queues: kind.queues))
            defer { lab.tearDown() }
            let router = try RouterUnderTest(kind, in: lab, setup: RouterSetup(rules: Self.rules))
            let folder = try temporaryFolder("martlab-session")
            defer { removeFolder(folder) }
            let session = try Session(lab, folder: folder)
            #expect(try session.answers(within: 5))
            let server = try lab.start(["iperf3", "-s"], in: "server")
            Clock.sleep(seconds: 0.3)
            let load = try lab.start(["iperf3", "-u", "-b", "20M", "-t", "30", "-c", "198.51.100.2"], in: "client")
            Clock.sleep(seconds: 1)
            #expect(load.isRunning, "no load: \(load.output)\(load.errors)")

            let program = try #require(router.program)
            program.signal(signal)
            // The deadline is at most a second away: from then on the kernel answers. The half is for the last ping.
            let alive = try Clock.wait(seconds: 1.5, every: 0.05) {
                try lab.run(["ping", "-c", "1", "-W", "0.2", "10.0.0.1"], in: "client").succeeded
            }
            #expect(alive, "no answer within a second")
            // A lost segment is sent again by TCP's own clock, which may have doubled once or twice.
            #expect(try session.answers(within: 5), "the session died")
            let through = try lab.run(["ping", "-c", "3", "-i", "0.2", "-W", "1", "198.51.100.2"], in: "client")
            #expect(!through.succeeded, "transit is open without a filter: \(through.output)")
            load.end()
            server.end()

            if signal == SIGSTOP { program.signal(SIGKILL) }
            _ = try program.wait(seconds: 5)
            try router.start()
            let again = try lab.run(["ping", "-c", "3", "-i", "0.2", "-W", "2", "198.51.100.2"], in: "client")
            #expect(again.output.contains("3 received"), "\(again.output)")
            #expect(try session.answers(within: 5), "the session did not live through the new start")
            try router.requireBalancedBooks()
            try router.stop()
        }

        @Test("stopped and continued, the router goes on", .needsMartlet)
        func continued() throws {
            let lab = try Lab(.live())
            defer { lab.tearDown() }
            let router = try RouterUnderTest(.martlet(workers: 1), in: lab, setup: RouterSetup(rules: Self.rules))
            let program = try #require(router.program)
            program.signal(SIGSTOP)
            Clock.sleep(seconds: 1.5)
            #expect(try lab.run(["ping", "-c", "1", "-W", "1", "10.0.0.1"], in: "client").succeeded)
            program.signal(SIGCONT)
            let through = try Clock.wait(seconds: 3, every: 0.1) {
                try lab.run(["ping", "-c", "1", "-W", "1", "198.51.100.2"], in: "client").succeeded
            }
            #expect(through, "transit stays closed")
            try router.requireBalancedBooks()
            try router.stop()
        }
    }
}
