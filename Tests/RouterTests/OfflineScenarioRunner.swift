import Control
import Dataplane
import Net
import Router
import Rules
import TestSupport

/// Runs scenarios through the data plane alone: no namespaces, no privileges, no waiting.
struct OfflineScenarioRunner: ScenarioRunner {
    private static let start = Instant(nanoseconds: 1_000_000_000_000)
    private static let millisecond: UInt64 = 1_000_000

    func run(_ scenario: Scenario) throws -> ScenarioOutcome {
        var run = try Run(scenario)
        for index in scenario.steps.indices { try run.step(index) }
        return try run.finish()
    }

    private struct Run {
        let scenario: Scenario
        let topology: Topology
        let router: OfflineRouter
        var host: HostModel
        var judge: ScenarioJudge

        init(_ scenario: Scenario) throws {
            self.scenario = scenario
            var topology = Topology.cables()
            var settings = RouterSettings()
            // As in the laboratory: limits on ICMP errors would make steps depend on each other's timing.
            settings.icmp.interval = 0
            var conntrack: [String] = []
            var network = StaticNetwork(cables: topology)
            func port(_ interface: String) throws -> Int {
                guard let place = network.ports.firstIndex(where: { $0.name == interface }) else {
                    throw LabError("no interface \(interface)")
                }
                return place
            }
            func interface(toward gateway: IPv4Address) throws -> String {
                guard let side = topology.sides.first(where: { $0.address.contains(gateway) }) else {
                    throw LabError("\(gateway) is not on a link")
                }
                return side.interface
            }
            for fact in scenario.facts {
                switch fact {
                case .address(let interface, let prefix): network.ports[try port(interface)].addresses.append(prefix)
                case .mtu(let interface, let bytes): network.ports[try port(interface)].mtu = bytes
                case .noDefaultRoute: topology.defaultRoute = nil
                case .group(let interface, let number): network.ports[try port(interface)].group = number
                case .route(let fact):
                    var route = StaticNetwork.StaticRoute(to: fact.prefix)
                    route.kind = fact.kind
                    for number in fact.realm?.split(separator: "/") ?? [] {
                        guard let half = UInt16(number) else { throw LabError("realms are numbers here") }
                        route.realm = route.realm << 16 | UInt32(half)
                    }
                    if let gateway = fact.gateway {
                        route.hops = [StaticNetwork.Hop(gateway: gateway, port: try interface(toward: gateway))]
                    }
                    network.routes.append(route)
                case .sysctl(let text) where text.hasPrefix("net.netfilter."): conntrack.append(text)
                case .sysctl(let text):
                    guard let ttl = text.split(separator: "=").last.flatMap({ UInt8($0) }), text.contains("ip_default_ttl") else {
                        throw LabError("the data plane alone knows no \(text)")
                    }
                    settings.defaultTTL = ttl
                }
            }
            if let gateway = topology.defaultRoute {
                var route = StaticNetwork.StaticRoute(to: .all)
                route.hops = [StaticNetwork.Hop(gateway: gateway, port: try interface(toward: gateway))]
                network.routes.append(route)
            }
            var configuration = Configuration(ports: topology.sides.map { PortConfiguration(name: $0.interface) })
            configuration.conntrack.max = 65_536
            for text in conntrack {
                let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
                try configuration.conntrack.set(parts[0], to: parts.last ?? "")
            }
            configuration.staticNetwork = network
            self.topology = topology
            router = try OfflineRouter(
                configuration, ruleset: try Ruleset.restoring(scenario.rules, file: scenario.name),
                sets: scenario.sets.isEmpty ? nil : scenario.sets, settings: settings,
                longestFrame: 1600, start: OfflineScenarioRunner.start)
            router.setWallClock(
                offset: Int64(scenario.moments.now) * 1_000_000_000
                    - Int64(OfflineScenarioRunner.start.nanoseconds))
            host = HostModel(addresses: network.ports.flatMap(\.addresses))
            judge = ScenarioJudge(scenario)
        }

        mutating func step(_ index: Int) throws {
            judge.begin(step: index)
            switch scenario.steps[index].action {
            case .at(let seconds): router.advance(to: OfflineScenarioRunner.start + UInt64(seconds * 1e9))
            case .ipset(let words): try router.ipset(words)
            case .host(let action):
                let topology = self.topology
                let made = try host.carryOut(action) { topology.sides[topology.side(toward: $0)].address.address }
                if let made { send(fromHost: made, Sender(uid: 0, gid: 0)) }
            case .send(let name, let size, let text):
                guard let side = topology.sides.firstIndex(where: { $0.name == name }) else { throw LabError("no side \(name)") }
                // Without the number that an earlier packet was to bring there is nothing to send.
                guard var packet = try? TestPacket(PacketPattern.substitute(text, judge.bindings)) else {
                    judge.note("not sent, for a number is not known: \(PacketPattern.substitute(text, judge.bindings))")
                    return
                }
                topology.address(&packet, side: side)
                for one in size.map({ fragments(of: packet, size: $0) }) ?? [packet] {
                    router.receive(one.bytes, on: PortIndex(rawValue: UInt8(side)), at: router.now)
                    collect()
                }
            }
            collect()
            let begin = router.now
            while let patience = judge.patience, Double(router.now.since(begin)) < patience * 1e9 {
                router.advance(to: router.now + OfflineScenarioRunner.millisecond)
                collect()
            }
            router.advance(to: router.now + OfflineScenarioRunner.millisecond)
            collect()
        }

        /// Shows the judge what left, and lets the host answer what reached it, until nothing more comes of it.
        private mutating func collect() {
            for line in router.takeLogLines() { judge.receive(LogText(level: line.level, text: line.text)) }
            for departure in router.takeDepartures() {
                let packet = TestPacket(frame: departure.bytes)
                if departure.port == .host {
                    if let answer = host.receive(packet) { send(fromHost: answer) }
                } else if packet.ip != nil {
                    judge.receive(packet, on: topology.sides[Int(departure.port.rawValue)].name)
                }
            }
        }

        /// The gateway that the scenario's routes name, or the destination itself.
        private func nextHop(toward destination: IPv4Address) -> IPv4Address {
            var best: (length: UInt8, gateway: IPv4Address)?
            for case .route(let route) in scenario.facts {
                guard let gateway = route.gateway, route.prefix.contains(destination) else { continue }
                if route.prefix.length >= best?.length ?? 0 { best = (route.prefix.length, gateway) }
            }
            return best?.gateway ?? destination
        }

        private mutating func send(fromHost packet: TestPacket, _ sender: Sender = Sender()) {
            guard let destination = packet.ip?.destination else { return }
            let next = nextHop(toward: destination)
            let side = topology.side(toward: next)
            let number = topology.sides[side].address.contains(next) ? next.rawValue & 255 : 2
            var packet = packet
            packet.ethernet = .init(source: topology.routerMAC(side), destination: topology.hostMAC(side, number))
            router.receive(packet.bytes, on: PortIndex(rawValue: UInt8(side)), at: router.now, isFromHost: true, sender: sender)
            collect()
        }

        mutating func finish() throws -> ScenarioOutcome {
            let books = router.books()
            if !books.isBalanced { judge.note("the books do not balance: \(books)") }
            let outcome = judge.finish(
                counters: scenario.rules.isEmpty ? nil : try RuleCounters(router.savedRules()),
                flows: try router.flows().map { try FlowLine($0.procText) },
                drops: books.dropped.mapValues { Int64(clamping: $0) },
                elements: scenario.sets.isEmpty ? nil : SetElements.lines(router.savedSets()),
                expectations: try router.expectations().map { try ExpectationLine($0.procText) })
            return outcome
        }
    }
}

extension Topology {
    /// The side that the host sends a packet out of.
    fileprivate func side(toward destination: IPv4Address) -> Int {
        func place(_ address: IPv4Address) -> Int? { sides.firstIndex { $0.address.contains(address) } }
        return place(destination) ?? defaultRoute.flatMap(place) ?? 0
    }
}

extension StaticNetwork {
    /// What the laboratory with cables looks like: its addresses, and neighbours .2 to .9 on each side.
    init(cables topology: Topology) {
        self.init()
        for (index, side) in topology.sides.enumerated() {
            var port = StaticNetwork.Port(name: side.interface, mac: topology.routerMAC(index))
            port.addresses = [side.address]
            ports.append(port)
            neighbors += (2...9).map { number in
                StaticNetwork.StaticNeighbor(
                    address: side.hostAddress(number), mac: topology.hostMAC(index, number), port: side.interface)
            }
        }
    }
}
