import Control
import Dataplane
import Glibc
import Net
import PacketIO
import Rules
import Synchronization

/// The router without its ports and threads: the tables that workers share, the rules in force, the routes. The daemon puts
/// rings and threads around it, `replay` puts captures.
///
/// Everything here but what workers use is called with `lock` held: by the daemon's own thread and by the threads of
/// control clients.
final class RouterCore: @unchecked Sendable {
    let portNames: [String]
    let workerCount: Int
    let shared: SharedState
    let writer: RoutingWriter
    let sets: SetStore
    let lock = Mutex(())
    /// Those who listen to what happens to flows.
    let eventHub: EventHub<FlowEventRing>
    /// Those who listen to what helpers announce.
    let expectationHub: EventHub<ExpectationEventRing>

    private let retirement: Retirement
    private(set) var book: RuleBook
    private var generation: UInt64 = 1
    private(set) var tracking: TrackingSettings
    /// What `tracking` was made from: the configuration's, with what commands changed since.
    private(set) var conntrack: ConntrackConfiguration
    /// Whether a command has changed a setting since the configuration was read last.
    private(set) var settingsAreModified = false
    private(set) var policies = TimeoutPolicyNumbers()
    private var settings: RouterSettings
    private var recent: RecentConfiguration
    private var alwaysTracks: Bool
    /// Whether rules that do not act yet are taken, rather than refused once more.
    private let allowsInactive: Bool
    private var workers: [WorkerReport?]

    /// What a worker shows of itself.
    struct WorkerReport {
        var statistics: Statistics
        var effects: EffectRing
        var reports: ReportRing
        var flowEvents: FlowEventRing
    }

    init(
        portNames: [String], memory: FrameMemory, workerCount: Int, conntrack: ConntrackConfiguration,
        ruleset: Ruleset, sets prepared: SetStore.Prepared, settings: RouterSettings, recent: RecentConfiguration = RecentConfiguration(),
        allowsInactive: Bool = false, key: UInt64
    ) throws(RuleCompiler.Refusal) {
        self.portNames = portNames
        self.workerCount = workerCount
        self.settings = settings
        self.recent = recent
        self.allowsInactive = allowsInactive
        alwaysTracks = conntrack.always
        self.conntrack = conntrack
        policies.adopt(conntrack.policies)
        tracking = TrackingSettings(conntrack)
        var helperNames = HelperNames()
        tracking.helpers = helperNames.enter(conntrack.helpers ?? [:])
        // One more than there are workers, for the slow side's own looks at the flows.
        let epochs = Epochs(workerCount: workerCount + 1)
        let retirement = Retirement(epochs: epochs)
        self.retirement = retirement
        writer = RoutingWriter(retire: { retirement.retire($0) })
        let sets = SetStore(prepared, retire: { retirement.retire($0) })
        self.sets = sets
        book = try RuleBook(
            ruleset,
            for: RuleCompiler.Surroundings(
                portNames: portNames, alwaysTracks: alwaysTracks || tracking.helpers.count > 0, helperNames: helperNames,
                recent: recent, allowsInactive: allowsInactive, setSlots: prepared.book.slotsByName, policies: policies.entries),
            workerCount: workerCount)
        sets.withSlots { _ in ruleset.setReferences }
        let pool = SharedFramePool(memory: memory)
        pool.fill(from: memory)
        shared = SharedState(
            memory: memory, pool: pool,
            flows: FlowTable(
                maximum: conntrack.max ?? Self.defaultFlowLimit(), workerCount: workerCount, key: key,
                expectations: conntrack.expectMax),
            routing: writer.routing, epochs: epochs,
            snapshots: SnapshotCell(
                Snapshot(generation: 1, rules: book.compiled, tracking: tracking, settings: settings)),
            sets: sets.directory)
        workers = Array(repeating: nil, count: workerCount)
        let flows = shared.flows
        eventHub = EventHub { flows.isListenedTo = $0 }
        expectationHub = EventHub { flows.expectations.isListenedTo = $0 }
        writePolicies()
        shared.flows.learn(book.helperNames)
    }

    /// As the kernel sizes nf_conntrack_max: by memory (nf_conntrack_init_start in net/netfilter/nf_conntrack_core.c).
    static func defaultFlowLimit() -> Int {
        let bytes = Int(sysconf(Int32(_SC_PHYS_PAGES))) * Int(sysconf(Int32(_SC_PAGESIZE)))
        if bytes > 4 << 30 { return 262_144 }
        if bytes > 1 << 30 { return 65_536 }
        return max(bytes / 16384 / 8, 32)
    }

    // MARK: Workers

    /// A worker's part of the data plane. Called once for each id, from the thread that will run it.
    ///
    /// - Parameter cpu: where that thread is pinned.
    func makeWorker(_ id: Int, seed: UInt64, cpu: Int? = nil) -> Worker {
        lock.withLock { _ in
            var worker = Worker(id: id, shared: shared, snapshot: snapshot, seed: seed)
            if let cpu { worker.cpu = UInt32(truncatingIfNeeded: cpu) }
            workers[id] = WorkerReport(
                statistics: worker.statistics, effects: worker.effects, reports: worker.reports,
                flowEvents: worker.flowEvents)
            return worker
        }
    }

    /// What each worker that has started shows.
    var reports: [WorkerReport] { workers.compactMap { $0 } }
    /// The same by worker; nil for those that have not started.
    var workerReports: [WorkerReport?] { workers }

    /// Gives back what no worker looks at any more.
    func reclaim() { retirement.reclaim() }

    // MARK: The kernel's state

    /// Names of all links, and addresses of each in the kernel's order, to be shown.
    private(set) var linkNames: [LinkIndex: String] = [:]
    private(set) var addresses: [LinkIndex: [IPv4Prefix]] = [:]

    /// Follows changes of links, addresses, routes, policy and neighbours, in their order.
    func apply(_ changes: [KernelChange]) {
        writer.apply(changes)
        for change in changes {
            switch change {
            case .link(let link): linkNames[link.index] = link.name
            case .linkRemoved(let link):
                linkNames[link] = nil
                addresses[link] = nil
            case .address(let address):
                if addresses[address.link]?.contains(address.prefix) != true {
                    addresses[address.link, default: []].append(address.prefix)
                }
            case .addressRemoved(let address): addresses[address.link]?.removeAll { $0 == address.prefix }
            default: break
            }
        }
    }

    // MARK: Rules and settings

    private var snapshot: Snapshot {
        Snapshot(generation: generation, rules: book.compiled, tracking: tracking, settings: settings)
    }

    /// Whether the rules in force are others than those last read from the configuration's file.
    private(set) var rulesAreModified = false

    /// The rules in force with all they have counted.
    var ruleset: Ruleset { book.current }

    /// Puts other rules in force, all at once: a burst sees the old ones or the new ones. Flows stay. Returns when no worker uses the
    /// old ones any more.
    ///
    /// - Parameters:
    ///   - earlier: the rules that `new` was made from; what those that stay count meanwhile is kept.
    ///   - zeroed: counters of rules that stay were set to zero on the way.
    ///   - isModified: whether the rules are now others than the configuration's file has.
    /// - Throws: if a rule cannot be carried out; nothing has changed then.
    func replaceRules(
        _ new: Ruleset, madeFrom earlier: Ruleset, zeroed: Bool = false, isModified: Bool = true
    ) throws(RuleCompiler.Refusal) {
        try sets.withSlots { (slots) throws(RuleCompiler.Refusal) in
            try put(new, madeFrom: earlier, zeroed: zeroed, setSlots: slots)
        }
        rulesAreModified = isModified
    }

    /// Puts rules in force together with the sets that were remembered when their trial began.
    ///
    /// - Parameters: as of `replaceRules`.
    func bringBack(_ new: Ruleset, madeFrom earlier: Ruleset, isModified: Bool, at now: UInt64) throws(RuleCompiler.Refusal) {
        try sets.bringBack(at: now) { (slots) throws(RuleCompiler.Refusal) in
            try put(new, madeFrom: earlier, zeroed: false, setSlots: slots)
        }
        rulesAreModified = isModified
    }

    /// - Returns: the names of the sets that the rules refer to.
    private func put(
        _ new: Ruleset, madeFrom earlier: Ruleset, zeroed: Bool, setSlots: [String: UInt16]
    ) throws(RuleCompiler.Refusal) -> [String] {
        let next = try RuleBook(
            new, for: surroundings(
                alwaysTracks: alwaysTracks || tracking.helpers.count > 0, helperNames: helperNames, setSlots: setSlots),
            workerCount: workerCount)
        replaceBook(next, madeFrom: earlier, zeroed: zeroed)
        return new.setReferences
    }

    /// Puts the sets, the rules and the tracking of a configuration in force, in one step as `replaceRules` does.
    func reload(
        _ ruleset: Ruleset, madeFrom earlier: Ruleset, sets prepared: SetStore.Prepared, conntrack: ConntrackConfiguration,
        recent: RecentConfiguration
    ) throws(RuleCompiler.Refusal) {
        try sets.replace(with: prepared) { (slots) throws(RuleCompiler.Refusal) in
            var numbers = policies
            numbers.adopt(conntrack.policies)
            var names = helperNames
            let helpers = names.enter(conntrack.helpers ?? [:])
            var surroundings = surroundings(alwaysTracks: conntrack.always || helpers.count > 0, helperNames: names, setSlots: slots)
            surroundings.policies = numbers.entries
            surroundings.recent = recent
            let next = try RuleBook(ruleset, for: surroundings, workerCount: workerCount)
            alwaysTracks = conntrack.always
            policies = numbers
            self.recent = recent
            self.conntrack = conntrack
            // How many there may be was settled at the start.
            self.conntrack.max = nil
            shared.flows.limit = shared.flows.maximum
            shared.flows.expectations.limit = conntrack.expectationLimit(flows: shared.flows.maximum)
            tracking = TrackingSettings(conntrack)
            tracking.helpers = helpers
            writePolicies()
            settingsAreModified = false
            replaceBook(next, madeFrom: earlier, zeroed: false)
            return ruleset.setReferences
        }
        rulesAreModified = false
    }

    /// The helpers that rules and the configuration have named so far. A name keeps its number while the router runs.
    var helperNames: HelperNames { book.helperNames }
    /// The helpers that the configuration assigns.
    var helperAssignments: HelperAssignments { tracking.helpers }

    private func surroundings(
        alwaysTracks: Bool, helperNames: HelperNames, setSlots: [String: UInt16]
    ) -> RuleCompiler.Surroundings {
        RuleCompiler.Surroundings(
            portNames: portNames, alwaysTracks: alwaysTracks, helperNames: helperNames, states: book.states, recent: recent,
            allowsInactive: allowsInactive, setSlots: setSlots, policies: policies.entries)
    }

    /// Puts other settings of tracking in force, until the next reload.
    func change(_ new: ConntrackConfiguration) {
        conntrack = new
        let helpers = tracking.helpers
        tracking = TrackingSettings(new)
        tracking.helpers = helpers
        shared.flows.limit = new.max ?? shared.flows.maximum
        shared.flows.expectations.limit = new.expectationLimit(flows: shared.flows.maximum)
        settingsAreModified = true
        publish()
    }

    /// Tells flows what their policies say now.
    private func writePolicies() {
        for policy in conntrack.policies {
            guard let number = policies.entries[policy.name]?.number else { continue }
            shared.flows.policies.set(
                number, policy.timeouts(conntrack.timeouts).map { UInt64($0.seconds) * 1_000_000_000 })
        }
    }

    private func replaceBook(_ next: RuleBook, madeFrom earlier: Ruleset, zeroed: Bool) {
        let old = book
        book = next
        shared.flows.learn(next.helperNames)
        publish()
        waitForWorkers()
        book.inherit(from: old.current, madeFrom: earlier, zeroed: zeroed)
        // What the old rules remember goes with the closure.
        retirement.retire { [compiled = old.compiled, states = old.states] in
            withExtendedLifetime(states) { compiled.deallocate() }
        }
    }

    private func publish() {
        generation += 1
        let release = shared.snapshots.publish(snapshot)
        retirement.retire(release)
    }

    /// Until every worker has begun a new burst, or sleeps; at the longest for a second, in case one hangs.
    private func waitForWorkers() {
        let target = shared.epochs.target()
        for _ in 0..<10_000 {
            if shared.epochs.isReached(target) { return }
            usleep(100)
        }
    }

    var snapshotGeneration: UInt64 { generation }

    // MARK: Flows

    /// Visits every flow. While it lasts no entry is reused, so that a flow may be killed by its index.
    func forEachFlow(_ visit: (FlowTable.Record) -> Void) {
        shared.epochs.enter(workerCount)
        defer { shared.epochs.leave(workerCount) }
        shared.flows.forEach(visit)
    }

    /// Ends masqueraded flows whose address or port has gone (masq_inet_event and masq_device_event in
    /// net/netfilter/nf_nat_masquerade.c).
    func endMasquerades(_ changes: [KernelChange], ports: [AttachedPort]) {
        var gone: [(PortIndex, IPv4Address?)] = []
        func port(_ link: LinkIndex) -> PortIndex? { ports.first { $0.link == link }?.index }
        for change in changes {
            switch change {
            case .addressRemoved(let address):
                if let port = port(address.link) { gone.append((port, address.prefix.address)) }
            case .link(let link) where !link.isUp:
                if let port = port(link.index) { gone.append((port, nil)) }
            case .linkRemoved(let link):
                if let port = port(link) { gone.append((port, nil)) }
            default: break
            }
        }
        guard !gone.isEmpty else { return }
        forEachFlow { flow in
            guard flow.status.contains(.masqueraded) else { return }
            for (port, address) in gone where flow.masqueradePort == port {
                if address == nil || address == flow.reply.destination { shared.flows.kill(flow.index) }
            }
        }
    }
}

extension TrackingSettings {
    init(_ configuration: ConntrackConfiguration) {
        self.init()
        func seconds(_ timeout: ConntrackTimeout) -> UInt64 {
            UInt64(configuration.timeouts[timeout]) * 1_000_000_000
        }
        tcp.loose = configuration.tcpLoose
        tcp.liberal = configuration.tcpBeLiberal
        tcp.ignoresInvalidReset = configuration.tcpIgnoreInvalidRst
        tcp.maximumRetransmissions = configuration.tcpMaxRetrans
        verifiesChecksums = configuration.checksum
        accounts = configuration.accounting
        stamps = configuration.timestamps
        tcp.timeouts.synSent = seconds(.tcpSynSent)
        tcp.timeouts.synReceived = seconds(.tcpSynRecv)
        tcp.timeouts.established = seconds(.tcpEstablished)
        tcp.timeouts.finWait = seconds(.tcpFinWait)
        tcp.timeouts.closeWait = seconds(.tcpCloseWait)
        tcp.timeouts.lastAck = seconds(.tcpLastAck)
        tcp.timeouts.timeWait = seconds(.tcpTimeWait)
        tcp.timeouts.close = seconds(.tcpClose)
        tcp.timeouts.synSent2 = seconds(.tcpSynSent2)
        tcp.timeouts.retransmission = seconds(.tcpMaxRetrans)
        tcp.timeouts.unacknowledged = seconds(.tcpUnacknowledged)
        udp = seconds(.udp)
        udpStream = seconds(.udpStream)
        icmp = seconds(.icmp)
        sctp.closed = seconds(.sctpClosed)
        sctp.cookieWait = seconds(.sctpCookieWait)
        sctp.cookieEchoed = seconds(.sctpCookieEchoed)
        sctp.established = seconds(.sctpEstablished)
        sctp.shutdownSent = seconds(.sctpShutdownSent)
        sctp.shutdownReceived = seconds(.sctpShutdownRecd)
        sctp.shutdownAckSent = seconds(.sctpShutdownAckSent)
        sctp.heartbeatSent = seconds(.sctpHeartbeatSent)
        gre = seconds(.gre)
        greStream = seconds(.greStream)
        generic = seconds(.generic)
        fragment = seconds(.frag)
    }
}
