import CXDP
import Control
import Dataplane
import Glibc
import Kernel
import Logging
import Net
import PacketIO
import Rules
import Synchronization

/// The router as an operator runs it: ports, host path, workers, what follows the kernel, and the control socket.
///
/// The start goes from what can be refused without touching the machine to what changes it; `close` goes back the same way.
/// After the start, one thread (the caller of `run`) follows the kernel and asks for neighbours, the workers forward, a heartbeat
/// moves the deadline, a keeper has memory ready for flows, a reporter writes what rules log, and control clients have threads of their
/// own. What they share beside the workers' tables is guarded by `core.lock`.
public final class RouterDaemon {
    private let configurationPath: String
    private let configuration: Configuration
    let log: Logger

    let mirror: KernelMirror
    var requester: NeighborRequester
    var sysctls: PortSysctls
    private let steering: SteeringControl
    private let hostPath: HostPath
    private let umem: Umem
    let ports: [AttachedPort]
    private let hostPort: AttachedPort
    let core: RouterCore
    let door: RuleDoor
    let reloader: Reloader
    let exchange: Exchange
    private let heartbeat: Heartbeat
    private let memoryKeeper: MemoryKeeper
    private var threads: [WorkerThread] = []
    var reporter: Reporter?
    private var server: ControlServer?
    private let started = MonotonicClock.now()

    private var warned: Set<String> = []
    var nextSecond = Instant(nanoseconds: 0)

    // MARK: Start

    /// Forwards until SIGTERM or SIGINT; SIGHUP reads the rules again, SIGUSR1 opens logs anew. Prints `ready` on standard output when it forwards.
    ///
    /// - Throws: `Failure` with everything that is wrong with the configuration or the rules, `RouterError`, `PacketIOError`,
    ///   `HostPathError` or `KernelError` with what the machine refused. What was changed by then is put back.
    public static func run(configurationPath: String, log: Logger) throws {
        let configuration: Configuration
        do throws(ConfigurationError) {
            configuration = try Configuration.load(configurationPath)
        } catch {
            throw Failure("", diagnostics: error.diagnostics)
        }
        let sets = try SetStore.prepare(
            try RulesText.loadSets(configuration.rules), file: configuration.rules.sets ?? "",
            at: MonotonicClock.now().nanoseconds)
        let (ruleset, source) = try RulesText.load(configuration.rules)
        let signals = try SignalDescriptor([SIGTERM, SIGINT, SIGHUP, SIGUSR1])
        let daemon: RouterDaemon
        do {
            daemon = try RouterDaemon(configurationPath, configuration, ruleset, sets, log)
        } catch let refusal as RuleCompiler.Refusal {
            throw refusal.failure(in: source)
        }
        defer { daemon.close() }
        try daemon.start()
        print("ready")
        fflush(nil)
        ServiceManager.notify("READY=1")
        daemon.follow(signals)
        ServiceManager.notify("STOPPING=1")
    }

    private init(
        _ path: String, _ configuration: Configuration, _ ruleset: Ruleset, _ sets: SetStore.Prepared, _ log: Logger
    ) throws {
        configurationPath = path
        self.configuration = configuration
        self.log = log
        let names = configuration.ports.map(\.name)
        mirror = try KernelMirror()
        let links = mirror.state.links.values
        for port in configuration.ports where !links.contains(where: { $0.name == port.name }) {
            throw RouterError("\(path): there is no interface \"\(port.name)\"; `ip link` shows those there are")
        }
        let cpus = max(Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))), 1)
        let workerCount =
            configuration.workers.count
            ?? (configuration.workers.cpus.isEmpty ? cpus : configuration.workers.cpus.count)
        if let missing = configuration.workers.cpus.first(where: { $0 >= Int(sysconf(Int32(_SC_NPROCESSORS_CONF))) }) {
            throw RouterError("\(path): workers.cpus names CPU \(missing), which this machine has not")
        }
        for port in configuration.ports where port.io == .afPacket {
            throw RouterError("\(path): port \(port.name): io af_packet is not built yet; use auto, zero-copy or copy")
        }

        let kernel = KernelSettings.read()
        steering = try SteeringControl()
        let largestMTU = links.filter { names.contains($0.name) }.map(\.mtu).max() ?? 1500
        let frameSize = largestMTU > 1500 + HostHeader.room ? 4096 : 2048
        let queues = configuration.ports.reduce(1) { $0 + Self.queueCount($1.name) }
        umem = try Umem(
            UmemOptions(
                frameCount: queues * 2 * Self.ringSize + workerCount * Worker.mostFramesHeld
                    + Reassembly.mostFramesHeld + 8192,
                frameSize: frameSize))
        core = try RouterCore(
            portNames: names,
            memory: unsafe FrameMemory(
                base: umem.memory, chunkSize: umem.frameSize, chunkCount: umem.frameCount),
            workerCount: workerCount, conntrack: configuration.conntrack, ruleset: ruleset, sets: sets,
            // Rules that do not act were refused when they were read, or else are wanted.
            settings: RouterSettings(kernel), recent: configuration.recent, allowsInactive: true, key: UInt64.random(in: .min ... .max))
        door = RuleDoor(core: core)
        reloader = Reloader(path: path, configuration: configuration, door: door)
        exchange = Exchange(workerCount: workerCount)
        core.shared.wallClock.follow()
        heartbeat = Heartbeat(control: steering, exchange: exchange, wallClock: core.shared.wallClock)
        memoryKeeper = MemoryKeeper(table: core.shared.flows)
        requester = try NeighborRequester()
        // Beside the control socket, so that routers in different namespaces do not take each other's.
        let socket = configuration.control.socket
        let folder = socket.lastIndex(of: "/").map { String(socket[..<$0]) } ?? "."
        sysctls = try PortSysctls(ports: names, directory: folder.isEmpty ? "/" : folder)
        do {
            let hostPath = try HostPath(control: steering.map, portMTU: largestMTU)
            self.hostPath = hostPath
            do {
                (hostPort, ports) = try Self.attach(configuration, hostPath, umem, steering)
            } catch {
                hostPath.close()
                throw error
            }
        } catch {
            try? sysctls.restore()
            throw error
        }
    }

    private static let ringSize = 2048

    /// Receive queues of an interface, for the size of the memory; the ports find out for themselves what they bind.
    private static func queueCount(_ name: String) -> Int {
        guard let folder = unsafe opendir("/sys/class/net/\(name)/queues") else { return 8 }
        defer { unsafe closedir(folder) }
        var count = 0
        while let entry = unsafe readdir(folder) {
            let isReceive = unsafe withUnsafeBytes(of: entry.pointee.d_name) { unsafe $0[0] == UInt8(ascii: "r") }
            if isReceive { count += 1 }
        }
        return max(count, 1)
    }

    private static func attach(
        _ configuration: Configuration, _ hostPath: HostPath, _ umem: Umem, _ steering: SteeringControl
    ) throws -> (AttachedPort, [AttachedPort]) {
        let host = try hostPath.inside { () throws(PacketIOError) in
            try AttachedPort(
                name: HostPath.innerName, port: .host, role: .host, ringSize: ringSize, umem: umem, control: steering)
        }
        var ports: [AttachedPort] = []
        do {
            for (index, port) in configuration.ports.enumerated() {
                let mode: PortModeRequest =
                    switch port.io {
                    case .auto, .afPacket: .auto
                    case .zeroCopy: .zeroCopy
                    case .copy: .copy
                    }
                ports.append(
                    try AttachedPort(
                        name: port.name, port: PortIndex(rawValue: UInt8(index)), mode: mode, ringSize: ringSize,
                        umem: umem, control: steering))
            }
        } catch {
            for port in ports { port.detach() }
            host.detach()
            throw error
        }
        return (host, ports)
    }

    /// Everything is there; sets it going.
    private func start() throws {
        let changes = KernelState().changes(to: mirror.state)
        core.lock.withLock { _ in
            core.writer.setPorts(routingPorts())
            core.writer.setPolicy(mirror.state.policy)
            core.apply(changes.filter { if case .policy = $0 { false } else { true } })
        }
        requester.observe(changes)
        readGroups()

        let memoryKeeper = self.memoryKeeper
        try SystemThread.detach { memoryKeeper.run() }
        let workerCount = exchange.workerCount
        var ringsOfWorker = Array(repeating: [Ring](), count: workerCount)
        var owners: [PortIndex: Int] = [:]
        for port in ports + [hostPort] {
            for (place, ring) in port.rings.enumerated() {
                let worker = place % workerCount
                ringsOfWorker[worker].append(ring)
                if owners[ring.port] == nil, ring.canTransmit { owners[ring.port] = worker }
            }
        }
        for worker in 0..<workerCount {
            let cpus = configuration.workers.cpus
            threads.append(
                try WorkerThread(
                    id: worker, core: core, exchange: exchange, poll: configuration.workers.poll,
                    rings: ringsOfWorker[worker], owners: owners, cpu: cpus.isEmpty ? nil : cpus[worker % cpus.count],
                    seed: UInt64.random(in: .min ... .max)))
        }
        // A ring that no worker has filled yet would lose the first frames.
        try exchange.waitForFirstRound()
        let reporter = Reporter(
            rings: core.lock.withLock { _ in core.reports.map(\.reports) }, exchange: exchange,
            writer: ReportWriter(
                log: configuration.log.makeSink(), copies: configuration.effects.nflog.map(NFLogFiles.init(path:)),
                interfaces: InterfaceNames(names: ports.map(\.name), links: ports.map(\.link))))
        try reporter.start()
        self.reporter = reporter
        for port in ports { try hostPath.connect(port.index, to: port.link, name: port.name) }

        let handler = RequestHandler(
            core: core, door: door, reloader: reloader, exchange: exchange, reporter: reporter, ports: ports,
            hostPort: hostPort, umem: umem,
            configuration: configuration, configurationPath: configurationPath, started: started)
        let server = try ControlServer(
            path: configuration.control.socket, group: configuration.control.group, handler: handler)
        try server.start()
        self.server = server
        if !server.hasGroup {
            log.warning("there is no group \(configuration.control.group); only root may use the control socket")
        }
        report()
        let heartbeat = self.heartbeat
        try SystemThread.detach { heartbeat.run() }
        steering.extend(to: MonotonicClock.now() + 600_000_000)
    }

    private func routingPorts() -> [RoutingPort] {
        ports.map { port in
            let former = sysctls.former(of: port.name)
            let check: SourceCheck =
                switch configuration.ports[Int(port.index.rawValue)].reversePathFilter {
                case .off: .off
                case .strict: .strict
                case .loose: .loose
                case .kernel: SourceCheck(rawValue: UInt8(clamping: former?.reversePathFilter ?? 0)) ?? .off
                }
            return RoutingPort(
                port: port.index, link: port.link, name: port.name,
                settings: PortSettings(sourceCheck: check, acceptsLocalSource: former?.acceptedLocal ?? false))
        }
    }

    /// What an operator should know at the start.
    private func report() {
        for port in ports { log.info("port \(port.name): \(port.mode.rawValue), \(port.rings.count) queues") }
        log.info(
            "flows: at most \(core.shared.flows.maximum), in \(core.shared.flows.bucketCount) buckets; IPv6 stays the kernel's")
        let others = mirror.state.links.values.map(\.name)
            .filter { name in name != "lo" && name != HostPath.outerName && !ports.contains { $0.name == name } }
        if !others.isEmpty { log.notice("not ports, so wholly the kernel's: \(others.sorted().joined(separator: ", "))") }
        let foreign = ForeignNetfilter.find()
        if !foreign.isEmpty { log.warning("\(foreign)") }
        for name in core.ruleset.interfacesBeside(ports.map(\.name)) {
            log.warning("rules name the interface \"\(name)\", which is no port: they match nothing")
        }
        if configuration.effects.nflog == nil, core.ruleset.copiesPackets {
            log.notice("rules copy packets (NFLOG, ULOG), but effects.nflog names no file: the copies go nowhere")
        }
        let inactive = core.ruleset.inactive().count
        if inactive > 0 { log.warning("\(inactive) of the rules do not act yet; `martlet check` names them") }
        warnOfRoutes()
    }

    func warnOfRoutes() {
        for route in mirror.state.routesBesidePorts(Set(ports.map(\.name)).union(["lo", HostPath.outerName])) {
            warnOnce("\(route)")
        }
        for thing in mirror.unsupported { warnOnce("\(thing.subject): \(thing.reason)") }
    }

    func warnOnce(_ text: String) {
        if warned.insert(text).inserted { log.warning("\(text)") }
    }

    // MARK: End

    /// Gives the box back to the kernel, in the order opposite to the start's.
    private func close() {
        heartbeat.stop()
        steering.release()
        server?.stop()
        exchange.end()
        for thread in threads { thread.join() }
        memoryKeeper.stop()
        reporter?.stop()
        for port in ports {
            hostPath.disconnect(port.index)
            port.detach()
        }
        hostPort.detach()
        hostPath.close()
        requester.releaseAll()
        do throws(KernelError) { try sysctls.restore() } catch { log.error("\(error)") }
    }
}
