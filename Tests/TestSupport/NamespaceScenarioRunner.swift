import Net

/// Runs scenarios through a real router between real cables.
public struct NamespaceScenarioRunner: ScenarioRunner {
    public var kind: RouterKind
    /// Lines added to Martlet's configuration.
    public var configuration: [String]

    public init(_ kind: RouterKind, configuration: [String] = []) {
        self.kind = kind
        self.configuration = configuration
    }

    public func run(_ scenario: Scenario) throws -> ScenarioOutcome {
        var topology = Topology.cables(queues: kind.queues)
        var setup = RouterSetup(rules: scenario.rules, configuration: configuration)
        // Answers of the host that are the same each time: no time stamps, and sockets for its own echo requests.
        setup.sysctls = ["net.ipv4.tcp_timestamps=0", "net.ipv4.ping_group_range=0 2147483647"]
        setup.sets = scenario.sets
        var commands: [String] = []
        for fact in scenario.facts {
            switch fact {
            case .address(let interface, let prefix): commands.append("addr add \(prefix) dev \(interface)")
            case .route(let route):
                commands.append(
                    "route add "
                        + (route.gateway.map { "\(route.prefix) via \($0)" } ?? "\(route.kind) \(route.prefix)")
                        + (route.realm.map { " realm \($0)" } ?? ""))
            case .group(let interface, let number): commands.append("link set dev \(interface) group \(number)")
            case .noDefaultRoute: topology.defaultRoute = nil
            case .sysctl(let text):
                setup.sysctls.append(text)
            case .mtu(let interface, let bytes):
                guard let side = topology.sides.firstIndex(where: { $0.interface == interface }) else {
                    throw LabError("no interface \(interface)")
                }
                topology.sides[side].mtu = bytes
            }
        }
        let lab = try Lab(topology)
        defer { lab.tearDown() }
        if !commands.isEmpty { try lab.ip(commands, in: "router") }
        let cables = try topology.sides.map { try Cable(namespace: lab.namespace($0.host), interface: "eth0") }
        let kernelLog = kind == .kernel && scenario.rules.contains("-j LOG") ? try KernelLog(rules: scenario.rules) : nil
        let router = try RouterUnderTest(kind, in: lab, setup: setup)
        if kind != .kernel {
            for case .sysctl(let text) in scenario.facts where text.hasPrefix("net.netfilter.") { try router.martlet(["set", text]) }
        }
        let logFile = kind == .kernel ? nil : LogFile(path: router.folder + "/log")
        func takeLogs(into judge: inout ScenarioJudge) {
            for line in kernelLog?.take() ?? logFile?.take() ?? [] { judge.receive(line) }
        }
        let host = HostSockets(namespace: lab.router)

        var judge = ScenarioJudge(scenario)
        let start = Clock.now
        for (index, step) in scenario.steps.enumerated() {
            judge.begin(step: index)
            switch step.action {
            case .at(let seconds): Clock.sleep(seconds: seconds - Double(Clock.now.since(start)) / 1e9)
            case .host(let action): try host.carryOut(action)
            case .ipset(let words): try router.ipset(words)
            case .send(let name, let size, let text):
                let side = topology.sides.firstIndex { $0.name == name }!
                // Without the number that an earlier packet was to bring there is nothing to send.
                guard var packet = try? TestPacket(PacketPattern.substitute(text, judge.bindings)) else {
                    judge.note("not sent, for a number is not known: \(PacketPattern.substitute(text, judge.bindings))")
                    continue
                }
                topology.address(&packet, side: side)
                for one in size.map({ fragments(of: packet, size: $0) }) ?? [packet] {
                    try cables[side].send(one.bytes)
                }
            }
            collect(into: &judge, cables, topology)
            takeLogs(into: &judge)
        }
        drain(into: &judge, cables, topology, quietFor: 0.06)
        takeLogs(into: &judge)
        let counters = scenario.rules.isEmpty ? nil : try router.counters()
        let books = try router.books()
        if kind != .kernel { try router.requireBalancedBooks() }
        let outcome = judge.finish(counters: counters, flows: try router.flows(), drops: books?.drops,
            elements: scenario.sets.isEmpty ? nil : SetElements.lines(try router.savedSets()),
            expectations: try router.expectations())
        try router.stop()
        return outcome
    }

    /// Waits until the step has what it owes, and takes all that comes meanwhile.
    private func collect(into judge: inout ScenarioJudge, _ cables: [Cable], _ topology: Topology) {
        let begin = Clock.now
        while let patience = judge.patience, Double(Clock.now.since(begin)) / 1e9 < patience {
            if !takeAll(into: &judge, cables, topology) { Clock.sleep(seconds: 0.001) }
        }
        // A step that owes nothing still needs its way through the router before the next one.
        if Double(Clock.now.since(begin)) / 1e9 < 0.001 { Clock.sleep(seconds: kind == .kernel ? 0.002 : 0.02) }
        _ = takeAll(into: &judge, cables, topology)
    }

    private func drain(
        into judge: inout ScenarioJudge, _ cables: [Cable], _ topology: Topology, quietFor seconds: Double
    ) {
        var quiet = Clock.now
        while Double(Clock.now.since(quiet)) / 1e9 < seconds {
            if takeAll(into: &judge, cables, topology) { quiet = Clock.now } else { Clock.sleep(seconds: 0.005) }
        }
    }

    /// Takes what has come out so far, in the order of time; true if there was anything. What is not IPv4 is left out.
    private func takeAll(into judge: inout ScenarioJudge, _ cables: [Cable], _ topology: Topology) -> Bool {
        var captures: [(Cable.Capture, String)] = []
        for (cable, side) in zip(cables, topology.sides) {
            while let capture = cable.receive(seconds: 0) { captures.append((capture, side.name)) }
        }
        captures.sort { $0.0.time < $1.0.time }
        for (capture, side) in captures where capture.packet.ip != nil { judge.receive(capture.packet, on: side) }
        return !captures.isEmpty
    }
}
