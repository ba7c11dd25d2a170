import Control
import Dataplane
import Glibc
import Net
import Rules
import Synchronization

/// The router without NICs, threads and clock: whoever drives it hands in frames with their times and takes out what leaves. The
/// `static` part of the configuration stands in for the kernel. The same frames at the same times always give the same.
package final class OfflineRouter {
    /// A frame that left.
    package struct Departure {
        /// Egress port, or `.host`.
        package var port: PortIndex
        /// For the host: the port the packet came in on.
        package var ingress: PortIndex
        package var time: Instant
        package var bytes: [UInt8]
    }

    package let portNames: [String]
    package private(set) var now: Instant
    let core: RouterCore
    private var worker: Worker
    private let arrival = Slab<Arrival>(count: 1)
    private let start: Instant
    private var left: [Departure] = []
    private var reports: [Report] = []
    private let interfaces: InterfaceNames

    /// The longest frame there is: an IPv4 packet of 65,535 bytes behind an Ethernet header with tags.
    package static let longestFrame = 65_535 + 14 + 16

    /// - Parameters:
    ///   - configuration: must have a `static` part that describes each port.
    ///   - source: what the rules were read from, to point into.
    ///   - sets: `ipset save` text, loaded before the rules.
    ///   - longestFrame: bytes of the longest frame that will come.
    ///   - start: the time before any frame; not zero, which the data plane takes for "never".
    ///   - seed: for the ports and identifiers it chooses.
    ///   - sendsRedirects: `send_redirects` of the ports, on which it depends which source check is made.
    /// - Throws: what the configuration lacks, or a rule that cannot be carried out.
    package init(
        _ configuration: Configuration, ruleset: Ruleset, source: SourceText? = nil, sets: String? = nil, settings: RouterSettings = RouterSettings(),
        longestFrame: Int = 1518, start: Instant, seed: UInt64 = 1, sendsRedirects: Bool = true
    ) throws(Failure) {
        guard let network = configuration.staticNetwork else {
            throw Failure("the configuration has no \"static\" part, which stands in for the kernel here")
        }
        var ports: [RoutingPort] = []
        var links: [LinkIndex] = []
        for (index, port) in configuration.ports.enumerated() {
            guard let link = network.linkIndex(of: port.name) else {
                throw Failure("port \(port.name) is not described under \"static\"")
            }
            links.append(link)
            let check: SourceCheck =
                switch port.reversePathFilter {
                case .kernel, .off: .off
                case .strict: .strict
                case .loose: .loose
                }
            ports.append(
                RoutingPort(
                    port: PortIndex(rawValue: UInt8(index)), link: link, name: port.name,
                    settings: PortSettings(sourceCheck: check, sendsRedirects: sendsRedirects)))
        }
        let mtu = network.ports.map(\.mtu).max() ?? 1500
        let need = FrameMemory.headroom + max(min(longestFrame, Self.longestFrame), mtu + 32)
        var chunkSize = 2048
        while chunkSize < need { chunkSize *= 2 }
        let prepared = try SetStore.prepare(sets, file: configuration.rules.sets ?? "sets", at: start.nanoseconds)
        portNames = configuration.ports.map(\.name)
        interfaces = InterfaceNames(names: portNames, links: links)
        let memory = try Self.memory(chunkSize: chunkSize)
        do throws(RuleCompiler.Refusal) {
            core = try RouterCore(
                portNames: portNames, memory: memory, workerCount: 1,
                conntrack: configuration.conntrack, ruleset: ruleset, sets: prepared, settings: settings,
                recent: configuration.recent, key: seed)
        } catch {
            throw error.failure(in: source ?? SourceText("", file: configuration.rules.ipv4 ?? "rules"))
        }
        let kernel = network.kernel()
        core.writer.setPorts(ports)
        core.writer.setPolicy(kernel.policy)
        core.apply(kernel.changes)
        worker = core.makeWorker(0, seed: seed)
        now = start
        self.start = start
        worker.begin(at: now)
    }

    /// Room for every frame that may wait, and for what a burst makes. Most of it is never touched, so none is reserved.
    private static func memory(chunkSize: Int) throws(Failure) -> FrameMemory {
        let count = 16384
        let base = unsafe mmap(
            nil, chunkSize * count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        guard let base = unsafe base, unsafe base != MAP_FAILED else {
            throw Failure("no memory for frames: \(systemErrorText(errno))")
        }
        return unsafe FrameMemory(base: base, chunkSize: chunkSize, chunkCount: count)
    }

    deinit {
        unsafe munmap(core.shared.memory.bytes(at: 0), core.shared.memory.chunkSize * core.shared.memory.chunkCount)
    }

    /// Gives the neighbours, routes and whatever else the kernel might tell of a change. Takes effect at once.
    package func apply(_ changes: [KernelChange]) {
        core.apply(changes)
    }

    /// What the time of day is, for who does not give wall-clock times for frames: nanoseconds to add, and minutes west of UTC.
    package func setWallClock(offset: Int64, minutesWest: Int = 0) {
        core.shared.wallClock.set(offset: offset, minutesWest: minutesWest)
    }

    // MARK: Frames

    /// Receives a frame, after everything that was due before. A time before `now` counts as now.
    ///
    /// - Parameters:
    ///   - isFromHost: it is one that the host sends out of `port`.
    ///   - sender: whose socket it was then.
    /// - Returns: false if the frame is longer than was said at the start, or there is no room; it was not received then.
    @discardableResult
    package func receive(
        _ bytes: [UInt8], on port: PortIndex, at time: Instant, isFromHost: Bool = false, sender: Sender = Sender()
    ) -> Bool {
        advance(to: time)
        let memory = core.shared.memory
        guard bytes.count <= memory.longestFrame, let chunk = worker.pool.take() else { return false }
        let address = chunk + UInt64(FrameMemory.headroom)
        unsafe bytes.withUnsafeBytes { source in
            guard let first = source.baseAddress else { return }
            unsafe memory.bytes(at: address).copyMemory(from: first, byteCount: source.count)
        }
        arrival[0] = Arrival(
            frame: FrameDescriptor(address: address, length: UInt32(bytes.count), port: port), isFromHost: isFromHost,
            sender: sender)
        worker.process(arrival, count: 1, at: now)
        collect()
        return true
    }

    /// Lets time pass, with everything that is due on the way.
    ///
    /// While packets wait, every step is as short as the data plane asks for. Otherwise only flows expire, which nobody can tell
    /// apart if a step is longer; so a year's gap in a capture takes no longer than a minute's.
    package func advance(to time: Instant) {
        let long = time.since(now) / 1000
        while now < time {
            let chore = UInt64(worker.timeToNextChore) * 1_000_000
            now = now + min(time.since(now), held > 0 ? chore : max(chore, long))
            worker.begin(at: now)
            core.sets.maintain(at: now.nanoseconds)
            core.reclaim()
            collect()
        }
    }

    /// Lets time pass until nothing is held, at the most until `limit`.
    package func settle(until limit: Instant) {
        while held > 0, now < limit { advance(to: now + UInt64(worker.timeToNextChore) * 1_000_000) }
    }

    /// Packets that wait: for a neighbour, or for the rest of their fragments.
    package var held: Int { Int(truncatingIfNeeded: worker.statistics[.held]) }

    /// What has left since the last call, in order.
    package func takeDepartures() -> [Departure] {
        defer { left.removeAll(keepingCapacity: true) }
        return left
    }

    /// What rules have told of packets since the last call, in order.
    func takeReports() -> [Report] {
        defer { reports.removeAll(keepingCapacity: true) }
        return reports
    }

    /// The lines of LOG since the last call, with their severities; what else rules told is left out.
    package func takeLogLines() -> [(level: Int, text: String)] { takeLogs().lines }

    /// The lines of LOG, and the messages of NFLOG as the kernel's netlink sockets have them behind the header, since the last call.
    package func takeLogs() -> (lines: [(level: Int, text: String)], copies: [[UInt8]]) {
        let reports = takeReports()
        let lines = reports.filter { $0.header.kind == .line }.map { report in
            (Int(report.header.level), String(decoding: LogLine.text(of: report, interfaces: interfaces), as: UTF8.self))
        }
        let copies = reports.filter { $0.header.kind == .copy }.map { NFLogMessage.bytes(of: $0, time: 0, interfaces: interfaces) }
        return (lines, copies)
    }

    /// A writer that knows the ports by their names.
    func makeReportWriter(log: any LogSink, copies: NFLogFiles) -> ReportWriter {
        ReportWriter(log: log, copies: copies, interfaces: interfaces)
    }

    private func collect() {
        let memory = core.shared.memory
        for index in 0..<worker.output.count {
            let departure = worker.output[index]
            let bytes = unsafe UnsafeRawBufferPointer(
                start: memory.bytes(at: departure.frame.address), count: Int(departure.frame.length))
            left.append(
                Departure(
                    port: departure.frame.port, ingress: departure.ingress, time: now, bytes: unsafe Array(bytes)))
            worker.pool.give(memory.chunk(of: departure.frame.address))
        }
        worker.output.removeAll()
        // Nobody is there to ask for neighbours: those there are were given at the start.
        while worker.effects.pop() != nil {}
        while let report = worker.reports.pop() { reports.append(report) }
    }

    // MARK: Accounts

    package func books() -> Stats {
        core.lock.withLock { _ in
            core.books(
                framesElsewhere: worker.pool.count, lostInRings: 0, unwritten: 0, uptime: now.since(start) / 1_000_000_000)
        }
    }

    /// The rules with what they have counted, as iptables-save -c prints them.
    package func savedRules() -> String {
        core.lock.withLock { _ in core.ruleset.saved(.init(counters: true)) }
    }

    /// Carries out an ipset command.
    package func ipset(_ words: [String]) throws {
        _ = try core.sets.perform(Word.words(of: words), exists: false, at: now.nanoseconds)
    }

    /// The sets as `ipset save` prints them, with what they have counted.
    package func savedSets() -> String {
        ((try? core.sets.list(nil, .save, at: now.nanoseconds)) ?? []).joined()
    }

    /// Flows in the table, with those that have expired and were not yet taken out.
    package var flowCount: Int { core.shared.flows.count }

    /// What helpers have announced and nobody has taken.
    package func expectations() -> [ExpectationRow] { core.expectationRows(at: now) }

    /// Flows that have not expired.
    package func flows() -> [FlowRow] {
        var rows: [FlowRow] = []
        core.lock.withLock { _ in
            core.forEachFlow { if $0.expires > now, !$0.status.contains(.answersOnly) { rows.append(FlowRow($0, at: now, core.tracking)) } }
        }
        return rows
    }
}

extension StaticKernel {
    /// How an empty mirror becomes this one; policy rules are set as a whole.
    fileprivate var changes: [KernelChange] {
        links.map { .link($0) } + addresses.map { .address($0) } + routes.map { .route($0) }
            + neighbors.map { .neighbor($0) }
    }
}
