import TestSupport
import Testing

/// A laboratory with a router in it and the programs that tests run through it.
struct Household {
    let lab: Lab
    let router: RouterUnderTest
    private let folder: String

    /// - Parameter routed: the server side knows the way to the LAN; otherwise only translated packets are answered.
    init(_ kind: RouterKind, rules: String = "", routed: Bool = false, dmz: Bool = false, configuration: [String] = []) throws {
        lab = try Lab(.live(routed: routed, dmz: dmz, queues: kind.queues))
        folder = try temporaryFolder("martlab-www")
        router = try RouterUnderTest(kind, in: lab, setup: RouterSetup(rules: rules, configuration: configuration))
        try writeFile(folder + "/index.html", "It works.\n")
        try writeFile(folder + "/large", String(repeating: "0123456789abcde\n", count: 131_072))
    }

    /// Starts a web server in a namespace and waits until its port is open.
    ///
    /// - Parameter address: to listen at that one alone.
    func webServer(in name: String, address: String? = nil, port: Int = 80) throws -> Program {
        let place = address.map { "\($0):\(port)" } ?? String(port)
        let server = try lab.start(["busybox", "httpd", "-f", "-p", place, "-h", folder], in: name)
        try requireListening(port, in: name, program: server)
        return server
    }

    /// Waits until something listens on a TCP or UDP port.
    func requireListening(_ port: Int, in name: String, udp: Bool = false, program: Program) throws {
        let open = try Clock.wait(seconds: 5, every: 0.02) {
            try lab.run(["ss", "-Hln", udp ? "-u" : "-t", "sport", "=", ":\(port)"], in: name).output.contains(
                ":\(port)")
        }
        guard open else {
            throw LabError("\(program.command.joined(separator: " ")) does not listen: \(program.errors)")
        }
    }

    func curl(_ url: String, in name: String, options: [String] = []) throws -> Program.Result {
        try lab.run(["curl", "-sS", "--max-time", "10", "--noproxy", "*"] + options + [url], in: name)
    }

    /// Writes a file that lives as long as the household.
    func file(_ name: String, _ text: String, executable: Bool = false) throws -> String {
        try writeFile(folder + "/" + name, text, mode: executable ? 0o755 : 0o600)
        return folder + "/" + name
    }

    func path(_ name: String) -> String { folder + "/" + name }

    /// What rules of Martlet's have logged; nil for the kernel, whose lines are among everybody's.
    func log() throws -> String? {
        router.kind == .kernel ? nil : String(decoding: try readFile(router.folder + "/log"), as: UTF8.self)
    }

    /// Ends the router, checks its books, and removes everything.
    func close() throws {
        defer {
            lab.tearDown()
            removeFolder(folder)
        }
        try router.requireBalancedBooks()
        try router.stop()
    }
}
