import CXDP
import Glibc
import Net
import TestSupport

/// The kernel's side of cases: one laboratory that lives long, and is given other rules for each case.
///
/// How it knows that a packet is through: everything here runs on one CPU, whose queue of received frames is first in, first
/// out. An ARP request sent behind a packet is answered behind everything that came of the packet. So no test waits for a
/// time, and none misses a packet.
public final class KernelSide {
    private let lab: Lab
    private let cables: [Cable]
    private let conntrack: ConntrackControl
    private let log: KernelLogLines
    private let copies: KernelCopies
    /// Fresh IP ids for fragments: what a case leaves unassembled must not meet a later one's.
    private var nextFragmentID: UInt64 = 0x8000
    private var isDirty = false
    private var hasSets = false

    /// Works with a laboratory on a thread that is inside the router's namespace.
    ///
    /// - Throws: `LabError`; without root it says so.
    public static func with<T>(_ work: (KernelSide) throws -> T) throws -> T {
        let lab = try Lab(Pool.topology)
        defer { lab.tearDown() }
        try lab.sysctl(
            [
                "net.ipv4.icmp_ratelimit=0", "net.ipv4.icmp_ratemask=0", "net.ipv4.tcp_timestamps=0",
                // What is not assembled stays until the end, silently.
                "net.ipv4.ipfrag_time=100000", "net.ipv4.ipfrag_high_thresh=268435456", "net.ipv4.ipfrag_max_dist=0",
                "net.netfilter.nf_conntrack_acct=1", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.send_redirects=0",
                "net.ipv4.conf.all.accept_redirects=0",
            ], in: "router")
        let log = try KernelLogLines()
        return try inNetworkNamespace(lab.router) {
            _ = martlet_pin_thread(Int32(max(sysconf(Int32(_SC_NPROCESSORS_ONLN)) - 1, 0)))
            return try work(try KernelSide(lab, log))
        }
    }

    private init(_ lab: Lab, _ log: KernelLogLines) throws {
        self.lab = lab
        self.log = log
        cables = try lab.topology.sides.map { try Cable(namespace: lab.namespace($0.host), interface: "eth0") }
        conntrack = try ConntrackControl()
        copies = try KernelCopies(groups: Pool.logGroups)
    }

    /// Names of fragments' ids, bound to fresh numbers.
    public func freshFragmentIDs(_ names: some Sequence<String>) -> PacketPattern.Bindings {
        var bindings: PacketPattern.Bindings = [:]
        for name in names {
            bindings[name] = nextFragmentID
            nextFragmentID = nextFragmentID == 0xFFFF ? 0x8000 : nextFragmentID + 1
        }
        return bindings
    }

    /// The kernel does not take these rules.
    public struct Refusal: Error, CustomStringConvertible {
        public var description: String
        /// The rules of a later restore, which may be wrong only beside those that stay.
        public var isLater = false
    }

    /// Carries out a case that has its steps.
    public func run(_ twinCase: TwinCase, given: PacketPattern.Bindings) throws -> TwinOutcome {
        var index = 0
        return try run(twinCase, given: given) { _, _ in
            defer { index += 1 }
            return index < twinCase.steps.count ? twinCase.steps[index] : nil
        }
    }

    /// Carries out a case whose steps are made while it runs, each with a look at what came of the one before.
    ///
    /// - Throws: `Refusal` if the rules are not taken, `LabError` if the laboratory fails.
    func run(
        _ twinCase: TwinCase, given: PacketPattern.Bindings,
        next: (_ outputs: ArraySlice<TwinOutcome.Output>, _ names: NumberNames) -> TwinCase.Step?
    ) throws -> TwinOutcome {
        if isDirty {
            try restore(Self.emptyRules(nat: twinCase.hasNAT))
            // A list holds on to its members.
            if hasSets { try Program.require(["ipset", "restore"], input: "flush\ndestroy\n") }
            hasSets = false
        }
        isDirty = twinCase.hasSharedMemory
        if !twinCase.sets.isEmpty {
            hasSets = true
            isDirty = true
            let result = try Program.run(["ipset", "restore"], input: twinCase.sets.map { $0 + "\n" }.joined())
            guard result.succeeded else { throw Refusal(description: "\(result.errors)\(twinCase.sets)") }
        }
        try log.begin()
        _ = copies.take()
        try restore(log.marked(twinCase.rules))
        try conntrack.flush()
        for cable in cables { while cable.receive(seconds: 0) != nil {} }

        var recorder = OutcomeRecorder(twinCase, given: given)
        recorder.linkName = Self.linkName
        let start = Clock.now
        var index = 0
        var latest = 0
        while let step = next(recorder.outcome.outputs[latest...], recorder.names) {
            Clock.sleep(seconds: step.pause)
            latest = recorder.outcome.outputs.count
            recorder.outcome.times.append(Clock.now.since(start))
            if let change = step.change {
                recorder.outcome.answers.append(try carryOut(change))
                if case .restore = change { isDirty = true }
            } else if let packet = recorder.packet(step) {
                for frame in recorder.frames(step, packet: packet) { try cables[step.side].send(frame) }
                try awaitEnd(of: index, on: step.side, into: &recorder)
                for line in log.take() { recorder.receive(line, step: index) }
                for copy in copies.take() { recorder.receive(copy, step: index) }
            } else {
                recorder.outcome.unsent.append(index)
            }
            index += 1
        }
        let counters = twinCase.hasTable ? try counters() : nil
        recorder.outcome.memory = RecentLists.kernel()
        if hasSets { recorder.outcome.memory += TwinOutcome.elements(try Program.require(["ipset", "save"])) }
        return recorder.finish(counters: counters, flows: try conntrack.lines())
    }

    private static func linkName(_ number: UInt32) -> String {
        var name = [CChar](repeating: 0, count: Int(IF_NAMESIZE))
        guard unsafe if_indextoname(number, &name) != nil else { return "-" }
        return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    private func carryOut(_ change: RuleChange) throws -> Bool {
        switch change {
        case .ipset(let words): return try Program.run(["ipset"] + words).succeeded
        case .restore(let tables, let keepsOthers):
            do { try restore(log.marked(TwinCase.text(of: tables)), options: ["-c"] + (keepsOthers ? ["-n"] : [])) } catch let refusal as Refusal {
                throw Refusal(description: refusal.description, isLater: true)
            }
            return true
        }
    }

    private func restore(_ rules: String, options: [String] = []) throws {
        let result = try Program.run(["iptables-legacy-restore"] + options, input: rules)
        guard result.succeeded else { throw Refusal(description: "\(result.errors)\(rules)") }
    }

    private static func emptyRules(nat: Bool) -> String {
        (["raw", "mangle", "filter"] + (nat ? ["nat"] : [])).map { "*\($0)\nCOMMIT\n" }.joined()
    }

    private func counters() throws -> RuleCounters {
        try RuleCounters(log.unmarked(try Program.require(["iptables-legacy-save", "-c"])))
    }

    /// Waits until everything that came of the packets sent is there, and takes it.
    private func awaitEnd(of step: Int, on side: Int, into recorder: inout OutcomeRecorder) throws {
        // Twice, for what the router sends to itself goes through the queue once more.
        for _ in 0..<2 {
            try cables[side].send(Self.request(side))
            while true {
                guard let capture = cables[side].receive(seconds: 2) else {
                    throw LabError("the router no longer answers ARP on \(lab.topology.sides[side].interface)")
                }
                if capture.bytes.count >= 22, capture.bytes[12] == 8, capture.bytes[13] == 6 {
                    if capture.bytes[21] == 2 { break }
                } else {
                    recorder.receive(capture.packet, step: step, side: side)
                }
            }
        }
        for other in cables.indices where other != side {
            while let capture = cables[other].receive(seconds: 0) {
                // Requests for addresses that nobody has are no part of a case.
                if !(capture.bytes[12] == 8 && capture.bytes[13] == 6) {
                    recorder.receive(capture.packet, step: step, side: other)
                }
            }
        }
    }

    /// An ARP request for the router's address (RFC 826).
    private static func request(_ side: Int) -> [UInt8] {
        let topology = Pool.topology
        func bytes(_ mac: MACAddress) -> [UInt8] {
            stride(from: UInt64(40), through: 0, by: -8).map { UInt8(mac.rawValue >> $0 & 255) }
        }
        func bytes(_ address: IPv4Address) -> [UInt8] {
            stride(from: UInt32(24), through: 0, by: -8).map { UInt8(address.rawValue >> $0 & 255) }
        }
        let host = bytes(topology.hostMAC(side, 2))
        return bytes(MACAddress.broadcast) + host + [8, 6, 0, 1, 8, 0, 6, 4, 0, 1] + host
            + bytes(topology.sides[side].hostAddress) + bytes(MACAddress.zero) + bytes(topology.sides[side].address.address)
    }
}
