import CXDP
import Glibc
import Net
import Synchronization

/// A laboratory: network namespaces connected as a `Topology` says, which vanish with the value.
///
/// Namespaces are called `martlab-PID-NUMBER-NAME`, so that laboratories of several test runs live side by side. What a
/// run that was killed left behind is removed by the next one; laboratories of living processes are left alone.
public final class Lab {
    public let topology: Topology
    private let prefix: String
    private var names: [String] = []

    private static let counter = Atomic(0)
    private static let sweep: Void = removeStaleLabs()

    /// Makes the namespaces, cables, addresses and routes. The router forwards nothing yet: see `RouterUnderTest`.
    ///
    /// - Throws: `LabError` with the command that failed; without root it says so.
    public init(_ topology: Topology) throws {
        guard geteuid() == 0 else { throw LabError("namespace tests need root: run them with sudo") }
        _ = Self.sweep
        self.topology = topology
        prefix = "martlab-\(getpid())-\(Self.counter.add(1, ordering: .relaxed).newValue)-"
        do { try build() } catch {
            tearDown()
            throw error
        }
    }

    /// The full name of a namespace: `router`, or a side's host.
    public func namespace(_ name: String) -> String { prefix + name }
    public var router: String { namespace("router") }

    /// Starts a program in a namespace of the laboratory, and waits until it is there: what is not would outlive the laboratory.
    public func start(_ command: [String], in name: String, input: String? = nil, environment: [String] = []) throws
        -> Program
    {
        let program = try Program(command, in: namespace(name), input: input, environment: environment)
        let there = Self.inode("/run/netns/" + namespace(name))
        _ = Clock.wait(seconds: 10, every: 0.001) { Self.inode("/proc/\(program.pid)/ns/net") == there || !program.isRunning }
        return program
    }

    private static func inode(_ path: String) -> UInt64? {
        var status = stat()
        return unsafe stat(path, &status) == 0 ? UInt64(status.st_ino) : nil
    }

    /// Runs a program in a namespace of the laboratory to its end.
    public func run(_ command: [String], in name: String, input: String? = nil, seconds: Double = 20) throws
        -> Program.Result
    {
        try Program.run(command, in: namespace(name), input: input, seconds: seconds)
    }

    /// Runs `ip` commands in a namespace, one a line.
    public func ip(_ lines: [String], in name: String) throws {
        try Program.require(["ip", "-n", namespace(name), "-batch", "-"], input: lines.joined(separator: "\n") + "\n")
    }

    /// Sets sysctls in a namespace, as `name=value`.
    public func sysctl(_ settings: [String], in name: String) throws {
        if !settings.isEmpty { try Program.require(["sysctl", "-q", "-w"] + settings, in: namespace(name)) }
    }

    private func build() throws {
        for name in ["router"] + topology.sides.map(\.host) {
            try Program.require(["ip", "netns", "add", namespace(name)])
            names.append(name)
            // A quiet cable: no IPv6 chatter, and source checks only where a test asks for them.
            try sysctl(
                [
                    "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1",
                    "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0",
                    "net.ipv4.conf.all.send_redirects=0", "net.ipv4.conf.default.send_redirects=0",
                    "net.ipv4.ip_forward=0",
                ], in: name)
        }
        var links = ["link set lo up"]
        for (number, side) in topology.sides.enumerated() {
            let queues = "numrxqueues \(topology.queues) numtxqueues \(topology.queues)"
            links += [
                "link add \(side.interface) address \(topology.routerMAC(number)) mtu \(side.mtu) \(queues) type veth"
                    + " peer name eth0 address \(topology.hostMAC(number, 2)) mtu \(side.mtu) \(queues) netns \(namespace(side.host))",
                "addr add \(side.address) brd + dev \(side.interface)",
                "link set \(side.interface) up",
            ]
        }
        try ip(links, in: "router")
        for (number, side) in topology.sides.enumerated() { try buildEnd(number, side) }
        var routes: [String] = []
        if let gateway = topology.defaultRoute { routes.append("route add default via \(gateway)") }
        if case .cables = topology.ends {
            for (number, side) in topology.sides.enumerated() {
                for host in UInt32(2)...9 {
                    routes.append(
                        "neigh add \(side.hostAddress(host)) lladdr \(topology.hostMAC(number, host)) dev \(side.interface) nud permanent"
                    )
                }
            }
        }
        try ip(routes, in: "router")
    }

    private func buildEnd(_ number: Int, _ side: Topology.Side) throws {
        var lines = ["link set lo up", "link set eth0 up"]
        if case .live(let routed) = topology.ends {
            lines.append("addr add \(side.hostAddress)/\(side.address.length) dev eth0")
            if routed || side.interface == "lan0" || side.interface == "dmz0" {
                lines.append("route add default via \(side.address.address)")
            }
        } else {
            // Frames for any host behind the cable reach the capture; ARP would only disturb it.
            lines.append("link set eth0 arp off promisc on")
        }
        try ip(lines, in: side.host)
    }

    /// Removes the namespaces and ends what runs in them. Done by itself when the value goes.
    public func tearDown() {
        for name in names { Self.remove(namespace(name)) }
        names = []
    }

    deinit { tearDown() }

    private static func remove(_ namespace: String) {
        for word in (try? Program.run(["ip", "netns", "pids", namespace]).output.split(separator: "\n")) ?? [] {
            if let pid = pid_t(word) { kill(pid, SIGKILL) }
        }
        _ = try? Program.run(["ip", "netns", "del", namespace])
    }

    /// Removes laboratories whose process is gone.
    public static func removeStaleLabs() {
        guard let list = try? Program.run(["ip", "netns", "list"]).output else { return }
        for line in list.split(separator: "\n") {
            let name = String(line.prefix { $0 != " " })
            let parts = name.split(separator: "-")
            guard parts.count >= 4, parts[0] == "martlab", let pid = pid_t(parts[1]), kill(pid, 0) == -1, errno == ESRCH
            else { continue }
            remove(name)
        }
    }
}
