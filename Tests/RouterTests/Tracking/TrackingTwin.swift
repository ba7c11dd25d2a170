import Glibc
import Net
import Rules
import TestSupport
import Testing

@testable import Control
@testable import Dataplane
@testable import Router

// The kernel's connection tracking and Martlet's side by side:
//
//     frame ─┬─► lan0 or wan0 of the kernel's router ─► wan0 or lan0 ─► TOS says what tracking called it
//            └─► the same of an OfflineRouter in this process
//
// After every frame both say what they called it (rules write that into TOS) and what they now know of the flow: state, seconds
// left, whether answered and assured, packets counted in either direction.

/// What became of a frame, and of the flow it was about.
struct TwinOutcome: Equatable, CustomStringConvertible {
    /// What the rules made of its ctstate; nil if it did not come out.
    var verdict: String?
    var state: String?
    var seconds: UInt32 = 0
    var isAnswered = false
    var isAssured = false
    var packets: [UInt64] = [0, 0]

    var description: String {
        guard let state else { return "\(verdict ?? "dropped"), no flow" }
        return "\(verdict ?? "dropped"), \(state) \(seconds) s\(isAnswered ? "" : " unreplied")\(isAssured ? " assured" : "") \(packets[0])/\(packets[1])"
    }

    /// The kernel counts seconds down from its own clock's ticks: one may be missing here or there.
    func agrees(with other: TwinOutcome) -> Bool {
        var other = other
        if max(seconds, other.seconds) - min(seconds, other.seconds) <= 1 { other.seconds = seconds }
        return self == other
    }
}

/// A script: frames of one flow, from 10.0.0.2:`port` on the LAN and from 198.51.100.2:80.
struct TwinScript {
    struct Step {
        var isReply: Bool
        var text: String
        /// The transport header and what follows.
        var transport: TestPacket.Transport
        var payload: [UInt8]
    }

    var steps: [Step]
}

final class TrackingTwin {
    private static let rules = """
        *mangle
        -A FORWARD -m conntrack --ctstate INVALID -j TOS --set-tos 0x04/0xff
        -A FORWARD -m conntrack --ctstate NEW -j TOS --set-tos 0x08/0xff
        -A FORWARD -m conntrack --ctstate ESTABLISHED -j TOS --set-tos 0x0c/0xff
        -A FORWARD -m conntrack --ctstate RELATED -j TOS --set-tos 0x10/0xff
        COMMIT

        """
    private static let verdicts: [UInt8: String] = [4: "INVALID", 8: "NEW", 12: "ESTABLISHED", 16: "RELATED", 0: "?"]

    let ipProtocol: IPProtocol
    private let topology: Topology
    private let lab: Lab
    private let kernel: RouterUnderTest
    private let flows: KernelFlows
    private let cables: [Cable]
    private let router: OfflineRouter
    private var port: UInt16 = 1024
    private(set) var frames = 0
    /// Scripts with a difference, told up to the first.
    private(set) var failures: [String] = []
    private(set) var scripts = 0

    /// - Parameters:
    ///   - sysctls: of the kernel's tracking.
    ///   - change: the same for Martlet.
    init(_ ipProtocol: IPProtocol, sysctls: [String] = [], _ change: (inout ConntrackConfiguration) -> Void = { _ in }) throws {
        self.ipProtocol = ipProtocol
        let topology = Topology.cables()
        self.topology = topology
        let lab = try Lab(topology)
        self.lab = lab
        let sysctls = ["net.netfilter.nf_conntrack_acct=1"] + sysctls
        kernel = try RouterUnderTest(.kernel, in: lab, setup: RouterSetup(rules: Self.rules, sysctls: sysctls))
        flows = try KernelFlows(namespace: lab.router)
        cables = try (0...1).map { try Cable(namespace: lab.namespace(topology.sides[$0].host), interface: "eth0") }
        var configuration = Configuration(ports: topology.sides.map { PortConfiguration(name: $0.interface) })
        configuration.conntrack.max = 65_536
        change(&configuration.conntrack)
        var network = StaticNetwork(cables: topology)
        network.routes = []
        configuration.staticNetwork = network
        router = try OfflineRouter(
            configuration, ruleset: try Ruleset.restoring(Self.rules, file: "twin"), longestFrame: 1600, start: Clock.now)
    }

    /// Plays a script to both; the first difference is noted, and ends it.
    func play(_ script: TwinScript) throws {
        port = port == .max ? 1025 : port + 1
        scripts += 1
        var lines: [String] = []
        for step in script.steps {
            frames += 1
            let side = step.isReply ? 1 : 0
            let bytes = frame(step).bytes
            // Nothing is due from before: each frame comes out at once or not at all.
            try cables[side].send(bytes)
            let capture = cables[1 - side].receive(seconds: 0.05)
            let seen = try flows.flow(ipProtocol.rawValue, from: "10.0.0.2", port, to: "198.51.100.2", 80)
            var theirs = TwinOutcome()
            if let capture { theirs.verdict = Self.verdicts[capture.bytes[15]] }
            if let seen {
                theirs.state = seen.state.flatMap(name) ?? "-"
                theirs.seconds = seen.timeout
                theirs.isAnswered = seen.status & 2 != 0
                theirs.isAssured = seen.status & 4 != 0
                theirs.packets = seen.packets
            }
            router.receive(bytes, on: PortIndex(rawValue: UInt8(side)), at: Clock.now)
            let ours = outcome(router.takeDepartures().first { $0.port == PortIndex(rawValue: UInt8(1 - side)) }?.bytes)
            lines.append("\(step.isReply ? "<" : ">") \(step.text): \(theirs)")
            if !theirs.agrees(with: ours) {
                failures.append((lines + ["  Martlet: \(ours)"]).joined(separator: "\n"))
                return
            }
        }
    }

    private func outcome(_ left: [UInt8]?) -> TwinOutcome {
        var ours = TwinOutcome()
        if let left { ours.verdict = Self.verdicts[left[15]] }
        let table = router.core.shared.flows
        let tuple = FlowTuple(
            source: "10.0.0.2", destination: "198.51.100.2", ipProtocol: ipProtocol, sourcePort: port, destinationPort: 80)
        guard let found = table.find(tuple, hash: table.index.hash(tuple), now: router.now) else { return ours }
        let status = table.flows[found.flow].status
        switch ipProtocol {
        case .tcp: ours.state = table.flows[found.flow].tcp.state.name
        case .sctp: ours.state = table.associations[found.flow].state.name
        default: ours.state = "-"
        }
        ours.seconds = UInt32(clamping: table.flows[found.flow].expires.since(router.now) / 1_000_000_000)
        ours.isAnswered = status.contains(.seenReply)
        ours.isAssured = status.contains(.assured)
        // The flow as it was first seen may run from the server to the client.
        let counters = [table.flows[found.flow].originalCounter.packets, table.flows[found.flow].replyCounter.packets]
        ours.packets = counters
        return ours
    }

    private func name(_ state: UInt8) -> String? {
        ipProtocol == .tcp ? TCPState(rawValue: state)?.name : SCTPState(rawValue: state)?.name
    }

    private func frame(_ step: TwinScript.Step) -> TestPacket {
        var ip = TestPacket.IP(
            source: step.isReply ? "198.51.100.2" : "10.0.0.2", destination: step.isReply ? "10.0.0.2" : "198.51.100.2",
            proto: ipProtocol)
        ip.dontFragment = true
        var packet = TestPacket(ip: ip, transport: step.transport, payload: step.payload)
        let ports = step.isReply ? (80, port) : (port, 80)
        switch packet.transport {
        case .tcp(var tcp):
            tcp.sourcePort = ports.0
            tcp.destinationPort = ports.1
            packet.transport = .tcp(tcp)
        case .bare where ipProtocol == .sctp:
            packet.payload.replaceSubrange(
                0..<4, with: [UInt8(ports.0 >> 8), UInt8(ports.0 & 255), UInt8(ports.1 >> 8), UInt8(ports.1 & 255)])
            SCTPBytes.fillChecksum(&packet.payload)
        default: break
        }
        topology.address(&packet, side: step.isReply ? 1 : 0)
        return packet
    }

    /// Says what differed, the first few of it in full.
    func report() {
        guard !failures.isEmpty else { return }
        Issue.record("\(failures.count) of \(scripts) scripts differ:\n\(failures.prefix(12).joined(separator: "\n\n"))")
    }
}
