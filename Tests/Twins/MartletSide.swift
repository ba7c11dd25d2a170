import CXDP
import Control
import Glibc
import Dataplane
import Net
import Router
import Rules
import TestSupport

/// Martlet's side of a case: the data plane with the laboratory's network facts, in this process.
public struct MartletSide {
    private static let start = Instant(nanoseconds: 1_000_000_000_000)
    private static let millisecond: UInt64 = 1_000_000

    public init() {}

    /// Carries a case out at given times.
    ///
    /// - Parameters:
    ///   - times: when each step begins, in nanoseconds.
    ///   - given: names that are bound beforehand.
    /// - Throws: what the rules cannot be loaded for.
    public func run(_ twinCase: TwinCase, times: [UInt64], given: PacketPattern.Bindings) throws -> TwinOutcome {
        let topology = Pool.topology
        var settings = RouterSettings()
        settings.icmp.interval = 0
        settings.icmp.types = 0
        var configuration = Configuration(ports: topology.sides.map { PortConfiguration(name: $0.interface) })
        configuration.conntrack.max = 4096
        configuration.staticNetwork = Self.network(topology)
        let router = try OfflineRouter(
            configuration, ruleset: try Ruleset.restoring(twinCase.rules, file: "rules"),
            sets: twinCase.sets.isEmpty ? nil : twinCase.sets.map { $0 + "\n" }.joined(), settings: settings,
            // By chance a number meets another, or a byte that a rule looks for; on second sight it will not.
            longestFrame: 1600, start: Self.start, seed: .random(in: .min ... .max), sendsRedirects: false)
        router.setWallClock(offset: Self.wallClockOffset())
        var host = HostModel(addresses: topology.sides.map(\.address), firstID: 0x4000)
        var recorder = OutcomeRecorder(twinCase, given: given)
        let links = Dictionary(
            topology.sides.compactMap { side in configuration.staticNetwork?.linkIndex(of: side.interface).map { (UInt32($0.rawValue), side.interface) } },
            uniquingKeysWith: { first, _ in first })
        recorder.linkName = { $0 == 1 ? "lo" : links[$0] ?? "-" }

        // A datagram reaches the host in pieces, one behind the other.
        var pieces: [TestPacket] = []

        func collect(_ step: Int) {
            let logs = router.takeLogs()
            for line in logs.lines { recorder.receive(LogText(level: line.level, text: line.text), step: step) }
            for message in logs.copies { PacketCopy(message: message).map { recorder.receive($0, step: step) } }
            for departure in router.takeDepartures() {
                var packet = TestPacket(frame: departure.bytes)
                if departure.port != .host {
                    recorder.receive(packet, step: step, side: Int(departure.port.rawValue))
                    continue
                }
                if let ip = packet.ip, ip.moreFragments || ip.offset > 0 {
                    pieces.append(packet)
                    if ip.moreFragments { continue }
                    packet = Self.whole(pieces)
                    pieces = []
                }
                if let answer = host.receive(packet), let destination = answer.ip?.destination {
                    let side = Self.side(toward: destination, topology)
                    let number = topology.sides[side].address.contains(destination) ? destination.rawValue & 255 : 2
                    var answer = answer
                    answer.ethernet = .init(
                        source: topology.routerMAC(side), destination: topology.hostMAC(side, number))
                    router.receive(answer.bytes, on: PortIndex(rawValue: UInt8(side)), at: router.now, isFromHost: true)
                    collect(step)
                }
            }
        }
        for (index, step) in twinCase.steps.enumerated() {
            if let change = step.change {
                router.advance(to: Self.start + (times.indices.contains(index) ? times[index] : 0))
                recorder.outcome.answers.append(try Self.carryOut(change, on: router))
                continue
            }
            guard let packet = recorder.packet(step) else {
                recorder.outcome.unsent.append(index)
                continue
            }
            let time = Self.start + (times.indices.contains(index) ? times[index] : 0)
            for frame in recorder.frames(step, packet: packet) {
                router.receive(frame, on: PortIndex(rawValue: UInt8(step.side)), at: time)
                collect(index)
            }
        }
        router.advance(to: Self.start + (times.last ?? 0) + Self.millisecond)
        let books = router.books()
        if !books.isBalanced { throw LabError("the books do not balance: \(books)") }
        recorder.outcome.memory = RecentLists.names.flatMap { RecentLists.lines($0, router.recentList($0) ?? "") }
        if !twinCase.sets.isEmpty { recorder.outcome.memory += TwinOutcome.elements(router.savedSets()) }
        return recorder.finish(
            counters: twinCase.hasTable ? try RuleCounters(router.savedRules()) : nil,
            flows: router.flows().map(\.procText))
    }

    private static func carryOut(_ change: RuleChange, on router: OfflineRouter) throws -> Bool {
        switch change {
        case .ipset(let words): return router.succeeds(ipset: words)
        case .restore(let tables, let keepsOthers):
            try router.restore(TwinCase.text(of: tables), options: RestoreOptions(noFlush: keepsOthers, counters: true))
            return true
        }
    }

    /// From the router's clock to the day's.
    private static func wallClockOffset() -> Int64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000_000 - Int64(start.nanoseconds)
    }

    private static func whole(_ pieces: [TestPacket]) -> TestPacket {
        guard var ip = pieces[0].ip else { return pieces[0] }
        ip.moreFragments = false
        let bytes = TestPacket(ip: ip, payload: pieces.flatMap(\.payload)).packetBytes
        var packet = TestPacket(packet: bytes) ?? pieces[0]
        packet.ethernet = pieces[0].ethernet
        return packet
    }

    private static func side(toward destination: IPv4Address, _ topology: Topology) -> Int {
        func place(_ address: IPv4Address) -> Int? { topology.sides.firstIndex { $0.address.contains(address) } }
        return place(destination) ?? topology.defaultRoute.flatMap(place) ?? 0
    }

    private static func network(_ topology: Topology) -> StaticNetwork {
        var network = StaticNetwork()
        for (index, side) in topology.sides.enumerated() {
            var port = StaticNetwork.Port(name: side.interface, mac: topology.routerMAC(index))
            port.addresses = [side.address]
            network.ports.append(port)
            network.neighbors += (2...9).map { number in
                StaticNetwork.StaticNeighbor(
                    address: side.hostAddress(number), mac: topology.hostMAC(index, number), port: side.interface)
            }
        }
        if let gateway = topology.defaultRoute {
            var route = StaticNetwork.StaticRoute(to: .all)
            route.hops = [StaticNetwork.Hop(gateway: gateway, port: topology.sides[side(toward: gateway, topology)].interface)]
            network.routes.append(route)
        }
        return network
    }
}
