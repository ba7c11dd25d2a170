import CXDP
import Glibc
import Net

/// Which router a laboratory has.
public enum RouterKind: Sendable, Hashable, CustomStringConvertible {
    /// The kernel's forwarding with iptables-legacy: the oracle.
    case kernel
    /// Martlet with so many workers.
    case martlet(workers: Int)

    public var description: String {
        switch self {
        case .kernel: "kernel"
        case .martlet(let workers): "Martlet, \(workers) worker\(workers == 1 ? "" : "s")"
        }
    }

    /// One queue a worker, on both ends of every cable.
    public var queues: Int {
        if case .martlet(let workers) = self { workers } else { 1 }
    }

    /// Every Martlet that tests are to try.
    public static let martlets: [RouterKind] = [.martlet(workers: 1), .martlet(workers: 2)]
}

/// What a router is told.
public struct RouterSetup: Sendable {
    /// iptables-save text; empty for no tables at all.
    public var rules = ""
    /// ipset save text, loaded before the rules; empty for no sets.
    public var sets = ""
    /// Lines added to Martlet's configuration, such as `offload: off`.
    public var configuration: [String] = []
    /// Set in the router's namespace before the router starts, as `name=value`.
    public var sysctls: [String] = []

    public init(rules: String = "", configuration: [String] = [], sysctls: [String] = []) {
        self.rules = rules
        self.configuration = configuration
        self.sysctls = sysctls
    }
}

/// A router that runs in the `router` namespace of a laboratory, and stops when the value goes.
public final class RouterUnderTest {
    public let lab: Lab
    public let kind: RouterKind
    private let setup: RouterSetup
    /// Martlet's folder with configuration, rules and control socket; empty for the kernel.
    public let folder: String
    /// The running Martlet; nil for the kernel.
    public private(set) var program: Program?

    public var socket: String { folder + "/control.sock" }

    /// Starts the router and returns when it forwards.
    ///
    /// - Throws: `LabError` with what the router said.
    public init(_ kind: RouterKind, in lab: Lab, setup: RouterSetup = RouterSetup()) throws {
        self.lab = lab
        self.kind = kind
        self.setup = setup
        // Limits on ICMP errors would make tests depend on each other's timing.
        try lab.sysctl(["net.ipv4.icmp_ratelimit=0"] + setup.sysctls, in: "router")
        switch kind {
        case .kernel:
            folder = ""
            if !setup.sets.isEmpty { try Program.require(["ipset", "restore"], in: lab.router, input: setup.sets) }
            if !setup.rules.isEmpty {
                try Program.require(["iptables-legacy-restore", "-c"], in: lab.router, input: setup.rules)
            }
            try lab.sysctl(["net.ipv4.ip_forward=1"], in: "router")
            // Switching forwarding on resets what depends on it.
            try lab.sysctl(["net.ipv4.conf.all.send_redirects=0"] + setup.sysctls, in: "router")
        case .martlet(let workers):
            folder = try temporaryFolder("martlab")
            try writeFile(folder + "/rules.v4", setup.rules)
            if !setup.sets.isEmpty { try writeFile(folder + "/sets.ipset", setup.sets) }
            try writeFile(folder + "/martlet.yaml", configuration(workers: workers))
            try start()
        }
    }

    private func configuration(workers: Int) -> String {
        var lines = ["ports:"] + lab.topology.sides.map { "  - name: \($0.interface)" }
        lines.append("workers: {count: \(workers)}")
        let files =
            (setup.rules.isEmpty ? [] : ["ipv4: rules.v4"]) + (setup.sets.isEmpty ? [] : ["sets: sets.ipset"])
        if !files.isEmpty { lines.append("rules: {\(files.joined(separator: ", "))}") }
        lines.append("control: {socket: \(socket)}")
        if setup.rules.contains("-j LOG") { lines.append("log: {to: log}") }
        return (lines + setup.configuration).joined(separator: "\n") + "\n"
    }

    /// Starts Martlet with the configuration of this value, also again after its end.
    public func start(seconds: Double = 20) throws {
        guard kind != .kernel else { return }
        let command = [try MartletBinary.require(), "run", "--config", folder + "/martlet.yaml"]
        let program = try lab.start(command, in: "router")
        self.program = program
        let ready = Clock.wait(seconds: seconds) {
            program.output.split(separator: "\n").contains("ready") || !program.isRunning
        }
        guard ready, program.isRunning else {
            let what = program.isRunning ? "was not ready within \(seconds) s" : "ended instead of being ready"
            throw LabError("Martlet \(what)\n\(program.output)\(program.errors)")
        }
    }

    /// Ends the router in good order; Martlet by SIGTERM.
    ///
    /// - Throws: `LabError` if Martlet does not end by itself within five seconds, or not with 0.
    public func stop() throws {
        guard let program else { return }
        self.program = nil
        guard program.end(grace: 5) else { throw LabError("Martlet did not end on SIGTERM\n\(program.errors)") }
        let result = try program.wait(seconds: 0)
        guard result.status == 0 else { throw LabError("Martlet ended with \(result.status)\n\(result.errors)") }
    }

    deinit {
        program?.end(grace: 5)
        if !folder.isEmpty { removeFolder(folder) }
    }

    /// What Martlet wrote to standard error so far.
    public var log: String { program?.errors ?? "" }

    /// Runs `martlet ARGUMENTS… --socket …` and returns what it prints.
    @discardableResult
    public func martlet(_ arguments: [String], input: String? = nil) throws -> String {
        try Program.require(
            [try MartletBinary.require()] + arguments + ["--socket", socket], in: lab.router, input: input)
    }

    /// The rules with their counters.
    public func counters() throws -> RuleCounters {
        switch kind {
        case .kernel:
            let tables = ["raw", "mangle", "nat", "filter"].filter { setup.rules.contains("*\($0)") }
            // Asking for a table that is not loaded would load it, and change what is measured.
            return try RuleCounters(
                tables.map { try Program.require(["iptables-legacy-save", "-c", "-t", $0], in: lab.router) }.joined())
        case .martlet: return try RuleCounters(try martlet(["rules", "save", "-c"]))
        }
    }

    /// The sets as `ipset save` prints them.
    public func savedSets() throws -> String {
        switch kind {
        case .kernel: try Program.require(["ipset", "save"], in: lab.router)
        case .martlet: try martlet(["sets", "save"])
        }
    }

    /// Carries out an ipset command.
    public func ipset(_ words: [String]) throws {
        switch kind {
        case .kernel: try Program.require(["ipset"] + words, in: lab.router)
        case .martlet: try martlet(["ipset"] + words)
        }
    }

    /// The tracked connections.
    public func flows() throws -> [FlowLine] {
        let text =
            switch kind {
            case .kernel: try Program.require(["cat", "/proc/net/nf_conntrack"], in: lab.router)
            case .martlet: try martlet(["flows", "list"])
            }
        return try text.split(separator: "\n").map { try FlowLine($0) }
    }

    /// What helpers have announced and nobody has taken.
    public func expectations() throws -> [ExpectationLine] {
        let text =
            switch kind {
            case .kernel: try Program.require(["cat", "/proc/net/nf_conntrack_expect"], in: lab.router)
            case .martlet: try martlet(["flows", "list", "--expectations"])
            }
        return try text.split(separator: "\n").map { try ExpectationLine($0) }
    }

    /// Replaces all rules while running.
    public func replaceRules(_ rules: String) throws {
        switch kind {
        case .kernel: try Program.require(["iptables-legacy-restore"], in: lab.router, input: rules)
        case .martlet: try martlet(["rules", "restore", "-"], input: rules)
        }
    }

    /// Martlet's accounts; nil for the kernel, which keeps none.
    public func books() throws -> Books? {
        if kind == .kernel { return nil }
        return try Books(json: try martlet(["show", "stats", "--json"]))
    }

    /// Checks the accounts, asking again for a moment as long as they do not balance because frames are under way.
    ///
    /// - Throws: `LabError` with the accounts.
    public func requireBalancedBooks() throws {
        var last: Books?
        let balanced = try Clock.wait(seconds: 2, every: 0.1) {
            last = try books()
            return last?.problems.isEmpty ?? true
        }
        if !balanced, let last {
            throw LabError("the books do not balance: \(last.problems.joined(separator: "; "))\n\(last)")
        }
    }
}
