import Control
import Net
import TestSupport
import Testing

/// Rules changed in a running router by iptables, by restores on trial, and by several at once.
@Suite(
    "Rules changed while running", .serialized,
    .enabled(if: MartletBinary.isExpected, "no Martlet here: \(MartletBinary.advice)"))
struct RuleCommandTests {
    typealias Running = RequestTests.Running

    /// `martlet iptables…` as a program that goes by the name of a link.
    static func run(
        _ program: String, _ arguments: [String], at running: Running, input: String? = nil
    ) throws -> Program.Result {
        try Program.run(
            [try MartletBinary.require(), program, "--socket", running.router.socket] + arguments,
            in: running.lab.router, input: input)
    }

    static func rules(_ running: Running, _ chain: String = "FORWARD") throws -> [Substring] {
        try run("iptables", ["-S", chain], at: running).output.split(separator: "\n")
    }

    @Test("iptables changes the running rules, and says and ends with what iptables-legacy does")
    func iptables() throws {
        let running = try Running()
        let before = try Self.rules(running)
        #expect(try Self.run("iptables", ["-w", "-I", "FORWARD", "1", "-p", "tcp", "--dport", "ssh", "-j", "DROP"], at: running).status == 0)
        #expect(try Self.rules(running) == [before[0], "-A FORWARD -p tcp -m tcp --dport 22 -j DROP"] + before.dropFirst())
        #expect(try Self.run("iptables", ["-D", "FORWARD", "1"], at: running).status == 0)
        #expect(try Self.rules(running) == before)
        let unknown = try Self.run("iptables", ["-A", "NOWHERE", "-j", "DROP"], at: running)
        #expect(unknown.status == 1 && unknown.errors == "iptables: No chain/target/match by that name.\n", "\(unknown)")
        #expect(try Self.run("iptables", ["-A", "FORWARD", "--bogus"], at: running).status == 2)
        // A name means what the client's resolver says.
        #expect(try Self.run("iptables", ["-A", "FORWARD", "-s", "localhost", "-j", "DROP"], at: running).status == 0)
        #expect(try Self.rules(running).last == "-A FORWARD -s 127.0.0.1/32 -j DROP")
        let inactive = try Self.run("iptables", ["-t", "raw", "-A", "PREROUTING", "-j", "TRACE"], at: running)
        #expect(inactive.status == 1 && inactive.errors.contains("does not act yet"), "\(inactive)")
    }

    @Test("iptables-restore is one transaction, --test and a mistake change nothing; what iptables-save prints comes back the same")
    func files() throws {
        let running = try Running()
        let text = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -s 192.0.2.1/32 -j DROP\nCOMMIT\n"
        #expect(try Self.run("iptables-restore", ["-t"], at: running, input: text).status == 0)
        #expect(try Self.rules(running, "INPUT").count == 1)
        let wrong = try Self.run("iptables-restore", [], at: running, input: text + "*nat\n-A POSTROUTING -j NOWHERE\nCOMMIT\n")
        #expect(wrong.status == 2 && wrong.errors.contains("Error occurred at line: 6"), "\(wrong)")
        #expect(try Self.rules(running, "INPUT").count == 1)
        try writeFile(running.router.folder + "/new.v4", text)
        #expect(try Self.run("iptables-restore", ["-n", running.router.folder + "/new.v4"], at: running).status == 0)
        #expect(try Self.rules(running, "INPUT").count == 2 && Self.rules(running).count == 3)
        let saved = running.router.folder + "/saved.v4"
        #expect(try Self.run("iptables-save", ["-c", "-f", saved], at: running).status == 0)
        let first = String(decoding: try readFile(saved), as: UTF8.self).split(separator: "\n").filter { !$0.hasPrefix("#") }
        #expect(try Self.run("iptables-restore", ["-c", saved], at: running).status == 0)
        let second = try Self.run("iptables-save", ["-c"], at: running).output.split(separator: "\n").filter { !$0.hasPrefix("#") }
        #expect(first == second && first.contains("[0:0] -A INPUT -s 192.0.2.1/32 -j DROP"))
    }

    @Test("callers at the same time lose no rule")
    func concurrency() async throws {
        let running = try Running()
        let socket = running.router.socket
        try await withThrowingTaskGroup(of: Void.self) { group in
            for caller in 0..<4 {
                group.addTask {
                    for number in 0..<25 {
                        var client = try ControlClient(path: socket)
                        let arguments = ["-A", "INPUT", "-s", "10.9.\(caller).\(number)", "-j", "DROP"]
                        let reply = try client.perform(.iptables(IPTablesRequest(program: .iptables, arguments: arguments)))
                        #expect(reply == .command(CommandReply(output: "", errors: "", exitCode: 0)))
                    }
                }
            }
            try await group.waitForAll()
        }
        let rules = try Self.rules(running, "INPUT")
        #expect(Set(rules).count == 101)
    }

    @Test("a set that does not exist is iptables' own mistake, also in what is only tested")
    func missingSet() throws {
        let running = try Running()
        for words in [["-m", "set", "--match-set", "none", "src"], ["-j", "SET", "--add-set", "none", "src"]] {
            let line = ["-A", "INPUT"] + words
            let result = try Self.run("iptables", line, at: running)
            #expect(result.status == 2 && result.errors.contains("Set none doesn't exist."), "\(result)")
            let file = "*filter\n\(line.joined(separator: " "))\nCOMMIT\n"
            for test in [[], ["--test"]] {
                let result = try Self.run("iptables-restore", test, at: running, input: file)
                #expect(result.status == 2 && result.errors.contains("Set none doesn't exist."), "\(result)")
            }
        }
        #expect(try Self.rules(running, "INPUT") == ["-P INPUT ACCEPT"])
    }

    @Test("while there are too many clients a call of iptables waits for its turn")
    func queue() throws {
        let running = try Running()
        let binary = try MartletBinary.require()
        func start(_ arguments: [String]) throws -> Program {
            try running.lab.start([binary, "iptables", "--socket", running.router.socket] + arguments, in: "router")
        }
        let waiting: Program
        do {
            let crowd = try (0..<ControlServer.clientLimit).map { _ in try Crowd(running.router.socket) }
            let late = try start(["-w", "1", "-A", "INPUT", "-s", "192.0.2.8", "-j", "DROP"])
            let result = try late.wait(seconds: 20)
            #expect(result.status == 3 && result.errors.contains("too many clients"), "\(result)")
            waiting = try start(["-w", "-A", "INPUT", "-s", "192.0.2.9", "-j", "DROP"])
            Clock.sleep(seconds: 0.5)
            #expect(waiting.isRunning)
            withExtendedLifetime(crowd) {}
        }
        let result = try waiting.wait(seconds: 20)
        #expect(result.status == 0, "\(result)")
        #expect(try Self.rules(running, "INPUT") == ["-P INPUT ACCEPT", "-A INPUT -s 192.0.2.9/32 -j DROP"])
    }

    /// A client that says nothing.
    private final class Crowd {
        let client: ControlClient
        init(_ path: String) throws { client = try ControlClient(path: path) }
    }

    @Test("no packet goes uncounted while rules around its own come and go")
    func counters() throws {
        let running = try Running()
        try running.router.martlet(["rules", "restore", "-"], input: "*filter\n-A FORWARD -p icmp -j ACCEPT\nCOMMIT\n*nat\nCOMMIT\n")
        let flood = try running.lab.start(["ping", "-n", "-q", "-i", "0.002", "-c", "300", "198.51.100.2"], in: "client")
        while flood.isRunning {
            #expect(try Self.run("iptables", ["-I", "FORWARD", "-s", "192.0.2.1", "-j", "DROP"], at: running).status == 0)
            #expect(try Self.run("iptables", ["-D", "FORWARD", "1"], at: running).status == 0)
        }
        let saved = try running.router.martlet(["rules", "save", "-c", "-t", "filter"])
        #expect(saved.contains("[300:25200] -A FORWARD -p icmp -j ACCEPT"), "\(saved)")
        // A restore that leaves a rule as it was leaves its counters, too.
        try running.router.martlet(["rules", "restore", "-"], input: "*filter\n:LAN - [0:0]\n-A FORWARD -p icmp -j ACCEPT\n-A FORWARD -j LAN\nCOMMIT\n")
        #expect(try running.router.martlet(["rules", "save", "-c"]).contains("[300:25200] -A FORWARD -p icmp -j ACCEPT"))
        // iptables-restore begins at zero, as the kernel's does.
        #expect(try Self.run("iptables-restore", [], at: running, input: "*filter\n-A FORWARD -p icmp -j ACCEPT\nCOMMIT\n").status == 0)
        #expect(try running.router.martlet(["rules", "save", "-c"]).contains("[0:0] -A FORWARD -p icmp -j ACCEPT"))
    }

    @Test("a restore that adds leaves counters as it finds them, but for those it clears; --test knows the sets there are")
    func noflush() throws {
        let running = try Running()
        func restore(_ options: [String], _ text: String) throws -> Program.Result {
            try Program.run(
                [try MartletBinary.require(), "rules", "restore"] + options + ["--socket", running.router.socket, "-"], in: running.lab.router,
                input: text)
        }
        #expect(try restore(["-c"], "*filter\n[5:6] -A INPUT -s 192.0.2.3 -j DROP\n[7:8] -A OUTPUT -s 192.0.2.4 -j DROP\nCOMMIT\n").status == 0)
        #expect(try restore(["-n"], "*filter\n-Z INPUT\n-A INPUT -s 192.0.2.5 -j DROP\nCOMMIT\n").status == 0)
        let saved = try running.router.martlet(["rules", "save", "-c", "-t", "filter"])
        for line in ["[0:0] -A INPUT -s 192.0.2.3/32 ", "[7:8] -A OUTPUT ", "[0:0] -A INPUT -s 192.0.2.5/32 "] { #expect(saved.contains(line), "\(saved)") }
        let sets = "*filter\n-A INPUT -m set --match-set x src\n-A INPUT -m set --match-set y src\nCOMMIT\n"
        for options in [["--test"], []] {
            let result = try restore(options, sets)
            #expect(result.status == 1 && result.errors.contains("-:2:1: ") && result.errors.contains("-:3:1: "), "\(result)")
        }
        #expect(try running.router.martlet(["rules", "save", "-c", "-t", "filter"]) .split(separator: "\n").dropFirst().dropLast() == saved.split(separator: "\n").dropFirst().dropLast())
    }

    @Test("rules on trial go by themselves, or at once, or stay; meanwhile nothing decides the trial by accident")
    func trial() throws {
        let running = try Running()
        try running.ping()
        let path = running.router.folder + "/trial.v4"
        try writeFile(path, "*filter\n:FORWARD DROP [0:0]\n-A FORWARD -i lan0 -j ACCEPT\nCOMMIT\n")
        let before = try Self.run("iptables-save", ["-c", "-t", "filter"], at: running).output.split(separator: "\n").dropFirst().dropLast()
        func restored() throws -> Bool {
            try Self.run("iptables-save", ["-c", "-t", "filter"], at: running).output.split(separator: "\n").dropFirst().dropLast() == before
        }
        func restore(_ arguments: [String]) throws -> Bool {
            (try? running.router.martlet(["rules", "restore"] + arguments + [path])) != nil
        }

        #expect(try restore(["--confirm", "3"]))
        #expect(try (1...3).contains(running.summary.secondsToConfirm ?? 0) && Self.rules(running).count == 2)
        #expect(Clock.wait(seconds: 8) { (try? running.summary.secondsToConfirm) == .some(nil) })
        #expect(try restored() && running.summary.isModified == false && running.router.log.contains("nobody confirmed"))

        #expect(try restore(["--confirm", "100"]))
        #expect(try !restore([]))
        #expect(throws: Failure.self) { try running.final(.reload) }
        #expect(try Self.run("iptables", ["-A", "FORWARD", "-j", "DROP"], at: running).status == 0)
        #expect(try restore(["--confirm", "50"]) && Self.rules(running).count == 2)
        #expect(try (40...50).contains(running.summary.secondsToConfirm ?? 0))
        try running.router.martlet(["rules", "rollback"])
        #expect(try restored() && running.summary.secondsToConfirm == nil)
        #expect(throws: Failure.self) { try running.final(.rulesConfirm) }

        // Sets go back with the rules, also those that rules on trial name.
        func ipset(_ words: String) throws {
            let result = try Self.run("ipset", words.split(separator: " ").map(String.init), at: running)
            #expect(result.status == 0, "\(result)")
        }
        try ipset("create kept hash:ip")
        try ipset("add kept 192.0.2.1")
        let sets = try running.router.martlet(["sets", "save"])
        #expect(try restore(["--confirm", "100"]))
        try ipset("add kept 192.0.2.2")
        try ipset("create tried hash:ip")
        #expect(try Self.run("iptables", ["-A", "FORWARD", "-m", "set", "--match-set", "tried", "src", "-j", "DROP"], at: running).status == 0)
        try running.router.martlet(["rules", "rollback"])
        #expect(try restored() && running.router.martlet(["sets", "save"]) == sets)

        #expect(try restore(["--confirm", "2"]))
        try running.router.martlet(["rules", "confirm"])
        Clock.sleep(seconds: 2.5)
        #expect(try Self.rules(running).count == 2 && running.summary.isModified)
        #expect(throws: Failure.self) { try running.final(.rulesRollback) }
    }

    @Test("rules save --file replaces a file wholly and keeps its mode; the file restores what was saved")
    func save() throws {
        let running = try Running()
        let path = running.router.folder + "/rules.v4"
        try Program.require(["chmod", "640", path])
        #expect(try Self.run("iptables", ["-A", "FORWARD", "-s", "192.0.2.7", "-j", "DROP"], at: running).status == 0)
        try running.router.martlet(["rules", "save", "--file", path])
        #expect(try Program.require(["stat", "-c", "%a", path]) == "640\n")
        _ = try running.final(.reload)
        #expect(try Self.rules(running).last == "-A FORWARD -s 192.0.2.7/32 -j DROP" && running.summary.isModified == false)
        #expect(try filesIn(running.router.folder).allSatisfy { !$0.hasPrefix("rules.v4.") })
    }

    @Test("rules that do not act yet are refused by name, or loaded where that is allowed: then they match nothing or do nothing")
    func inactive() throws {
        let running = try Running()
        let text = "*raw\n-A PREROUTING -i lan0 -j TRACE\nCOMMIT\n"
        #expect(throws: LabError.self) { try running.router.martlet(["rules", "restore", "-"], input: text) }
        try running.router.martlet(["rules", "restore", "--allow-inactive", "-"], input: text)
        #expect(try running.summary.inactive == 1)
        // What is there already is no reason to refuse something else.
        #expect(try Self.run("iptables", ["-A", "FORWARD", "-j", "DROP"], at: running).status == 0)
        try running.ping()
        #expect(try running.router.martlet(["rules", "save", "-c", "-t", "raw"]).contains("[1:84] -A PREROUTING -i lan0 -j TRACE"))
    }
}

/// The programs that need no router.
@Suite("Names of links", .enabled(if: MartletBinary.isExpected, "no Martlet here: \(MartletBinary.advice)"))
struct ProgramNameTests {
    @Test(
        "a link's name says which program is meant",
        arguments: [
            ("iptables", ["-V"], 0, "iptables v1.8.9 (legacy)\n"), ("iptables-legacy", ["-V"], 0, "iptables v1.8.9 (legacy)\n"),
            ("iptables-save", ["-V"], 0, "iptables-save v1.8.9 (legacy)\n"),
            ("iptables-legacy-restore", ["--version"], 0, "iptables-restore v1.8.9 (legacy)\n"),
            ("ip6tables", ["-V"], 0, "ip6tables v1.8.9 (legacy)\n"), ("ip6tables", ["-L", "-n"], 3, ""),
            ("ip6tables-restore", [], 3, ""), ("iptables", ["-L"], 3, ""), ("iptables-save", [], 3, ""),
            ("iptables", ["-A", "INPUT", "-h"], 0, nil),
        ] as [(String, [String], Int32, String?)])
    func link(name: String, arguments: [String], status: Int32, output: String?) throws {
        let folder = try temporaryFolder("links")
        defer { removeFolder(folder) }
        try Program.require(["ln", "-s", try MartletBinary.require(), "\(folder)/\(name)"])
        let program = try Program(["\(folder)/\(name)"] + arguments, environment: ["MARTLET_SOCKET=/nowhere/martlet.sock"])
        let result = try program.wait()
        #expect(result.status == status && (output == nil || result.output == output), "\(result)")
        if name == "iptables", arguments == ["-L"] {
            #expect(
                result.errors == """
                    iptables v1.8.9 (legacy): can't initialize iptables table `filter': /nowhere/martlet.sock: No such file or \
                    directory; is `martlet run` running?
                    Perhaps iptables or your kernel needs to be upgraded.

                    """)
        }
        if name.hasPrefix("ip6"), status == 3 { #expect(result.errors.contains("no IPv6 yet")) }
    }

    @Test("check names every mistake and only warns of what is legal but idle")
    func check() throws {
        let folder = try temporaryFolder("check")
        defer { removeFolder(folder) }
        func check(_ rules: String, _ options: String) throws -> Program.Result {
            try writeFile(folder + "/r.v4", rules)
            try writeFile(folder + "/m.yaml", "ports: [{name: lan0}]\nrules: {ipv4: r.v4\(options)}\n")
            return try Program.run([try MartletBinary.require(), "check", "--config", folder + "/m.yaml"])
        }
        let wrong = try check("*filter\n-A INPUT -m stat -j DROP\n-A INPUT -s 1.2.3.4.5 -j DROP\nCOMMIT\n", "")
        #expect(wrong.status == 1 && wrong.errors.contains("r.v4:2:") && wrong.errors.contains("r.v4:3:"), "\(wrong)")
        let idle = try check("*filter\n-A INPUT -i lo -j DROP\n-A INPUT -i eth9 -j DROP\n-A FORWARD -o eth9 -j DROP\nCOMMIT\n", "")
        #expect(idle.status == 0 && idle.output.isEmpty)
        #expect(
            idle.errors == """
                \(folder)/r.v4:2:13: warning: the loopback stays the kernel's, so rules on lo count only what NAT turns back to the host
                    -A INPUT -i lo -j DROP
                                ^^
                \(folder)/r.v4:3:13: warning: interface "eth9" is no port of this router, and 1 more rule names it
                    -A INPUT -i eth9 -j DROP
                                ^^^^

                """, "\(idle.errors)")
        let sets = try check("*filter\n-A INPUT -m set --match-set x src -j DROP\nCOMMIT\n", "")
        #expect(sets.status == 1 && sets.errors.hasPrefix("\(folder)/r.v4:2:"), "\(sets)")
        let inactive = "*raw\n-A PREROUTING -j TRACE\nCOMMIT\n"
        let refused = try check(inactive, "")
        #expect(refused.status == 1 && refused.errors.hasPrefix("\(folder)/r.v4:2:18: target \"TRACE\" does not act yet"), "\(refused)")
        let allowed = try check(inactive, ", allow-inactive: true")
        #expect(allowed.status == 0 && allowed.errors.contains("does not act yet"), "\(allowed)")
    }
}
