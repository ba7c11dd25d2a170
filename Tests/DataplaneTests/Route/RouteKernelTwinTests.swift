// The same routing in the kernel and here, asked the same questions.
//
//     a namespace of its own:   p0 ─ q0    p1 ─ q1    p2 ─ q2    p3 ─ q3    x0 ─ y0
//                               └──────────── our ports ───────┘             └ no port of ours
//
// Random routes, tables and policy rules go into the kernel with `ip -batch`; what the kernel then holds is read back with
// `ip -json` and fed to a RoutingWriter; then `ip route get` is asked for thousands of packets, forwarded and of the host
// itself, and each answer compared. Needs root; a namespace is made and removed.

import Dataplane
import FoundationEssentials
import Glibc
import Net
import Testing

@Suite("Routes: the kernel as a twin", .serialized, .enabled(if: geteuid() == 0 || getenvSet("CI"), "needs root"))
struct RouteKernelTwinTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var seed: UInt64
        var mode: SourceCheck
        var rules: Int
        var localRoutes = false
        var testDescription: String {
            "seed \(seed), rp_filter \(mode), \(rules) rules\(localRoutes ? ", local routes" : "")"
        }
    }

    @Test(
        "Every answer is the kernel's",
        arguments: [
            Case(seed: 1, mode: .off, rules: 0), Case(seed: 2, mode: .strict, rules: 0),
            Case(seed: 3, mode: .loose, rules: 0, localRoutes: true), Case(seed: 4, mode: .off, rules: 12),
            Case(seed: 5, mode: .strict, rules: 12), Case(seed: 6, mode: .loose, rules: 25, localRoutes: true),
            Case(seed: 7, mode: .off, rules: 40, localRoutes: true),
        ])
    func compare(_ given: Case) throws {
        var numbers = SeededNumbers(given.seed)
        let twin = try TwinNamespace(sourceCheck: given.mode)
        defer { twin.remove() }
        twin.batch(routes(&numbers, localRoutes: given.localRoutes))
        let rules = policy(&numbers, count: given.rules)
        #expect(twin.batch(rules.map { "rule add " + $0.command }) == "")

        let writer = RoutingWriter { $0() }
        writer.setPorts(
            try (0..<4).map {
                RoutingPort(
                    port: port($0), link: try twin.link("p\($0)"), name: "p\($0)",
                    settings: PortSettings(sourceCheck: given.mode))
            })
        writer.apply(try twin.changes() + rules.map { .policy($0.rule) })
        try compare(given, 3000, twin, writer, &numbers)

        // The kernel takes routes out with a link without saying so; with the link it tells of those that it makes anew.
        twin.batch(["link set p1 down"])
        writer.apply(try twin.changes().filter { if case .link = $0 { true } else { false } })
        try compare(given, 1000, twin, writer, &numbers)
        twin.batch(["link set p1 up"])
        writer.apply(try twin.changes())
        try compare(given, 1000, twin, writer, &numbers)
    }

    private func compare(
        _ given: Case, _ count: Int, _ twin: TwinNamespace, _ writer: RoutingWriter, _ numbers: inout SeededNumbers
    ) throws {
        let routing = writer.routing
        let questions = (0..<count).map { _ in Question(&numbers) }
        let answers = twin.ask(questions.map(\.command))
        try #require(answers.count == questions.count)
        var sorts: [String: Int] = [:]
        for (question, answer) in zip(questions, answers) {
            let kernel = KernelAnswer(answer, isPort: { $0.hasPrefix("p") })
            var ours: Set<KernelAnswer> = []
            for step: UInt32 in 0..<64 where !ours.contains(kernel) {
                // Which hop of a multipath route the kernel's secret hash chooses is its own affair: any of ours may be it.
                var query = question.query
                query.flowHash = step << 26
                let result = question.isInput ? routing.receive(query) : routing.lookup(query)
                ours.insert(KernelAnswer(result, routing, question))
            }
            if !ours.contains(kernel) {
                Issue.record("\(question.command): kernel \(kernel.words) (\(answer)), ours \(ours.map(\.words))")
            }
            sorts[kernel.words.hasPrefix("by ") ? "by a port" : kernel.words, default: 0] += 1
        }
        #expect(sorts.count >= 4, "all sorts of answers occurred: \(sorts)")
    }

    // MARK: What is configured

    static func prefix(_ numbers: inout SeededNumbers) -> IPv4Prefix {
        let length: UInt8 = [0, 6, 8, 12, 16, 20, 22, 24, 24, 25, 26, 28, 30, 32].randomElement(using: &numbers) ?? 24
        return IPv4Prefix(universe(&numbers), length).network
    }

    /// An address that random routes are likely to cover.
    static func universe(_ numbers: inout SeededNumbers) -> IPv4Address {
        IPv4Address(
            20, [0, 0, 0, 1, 16].randomElement(using: &numbers) ?? 0, .random(in: 0..<4, using: &numbers),
            .random(in: 0..<64, using: &numbers) * .random(in: 1...4, using: &numbers))
    }

    static let tables = ["main", "main", "main", "100", "101", "102", "default"]
    static let tosses = [0, 0, 0, 0, 0x10, 0x08, 0x04, 0x1C]

    private func routes(_ numbers: inout SeededNumbers, localRoutes: Bool) -> [String] {
        var lines: [String] = []
        var defaults: Set<String> = []
        for _ in 0..<160 {
            let table = Self.tables.randomElement(using: &numbers) ?? "main"
            let prefix = Self.prefix(&numbers)
            // Of several default routes of a table the kernel may choose by neighbour state, which is not modelled.
            if prefix.length == 0, !defaults.insert(table).inserted { continue }
            var line = "route add "
            var tail = " table \(table)"
            let tos = Self.tosses.randomElement(using: &numbers) ?? 0
            if tos != 0 { tail = " tos 0x\(String(tos, radix: 16))" + tail }
            tail += " metric \(Int.random(in: 0..<3, using: &numbers))"
            let n = Int.random(in: 0..<4, using: &numbers)
            let gateway = Int.random(in: 2..<200, using: &numbers)
            switch Int.random(in: 0..<20, using: &numbers) {
            case 0: line += "blackhole \(prefix)" + tail
            case 1: line += "unreachable \(prefix)" + tail
            case 2: line += "prohibit \(prefix)" + tail
            case 3: line += "throw \(prefix)" + tail
            case 4: line += "\(prefix)" + tail + " dev x0"
            case 5: line += "\(prefix)" + tail + " dev p\(n) scope link"
            case 6: line += "\(prefix)" + tail + " via 10.\(n).0.\(gateway) src 172.20.\(n).1"
            case 7, 8, 9:
                line += "\(prefix)" + tail
                for k in 0...Int.random(in: 1...2, using: &numbers) {
                    line +=
                        " nexthop via 10.\((n + k) % 4).0.\(gateway) weight \(Int.random(in: 1...9, using: &numbers))"
                }
            default: line += "\(prefix)" + tail + " via 10.\(n).0.\(gateway)"
            }
            lines.append(line)
        }
        if localRoutes {
            lines.append("route add local 20.0.1.0/25 dev lo table local")
            lines.append("route add local 20.1.0.0/16 dev p1 table local")
            lines.append("route add broadcast 20.0.2.63 dev p2 table local")
            lines.append("route add anycast 20.0.2.60/30 dev p2 table 100")
        }
        return lines
    }

    private func policy(_ numbers: inout SeededNumbers, count: Int) -> [(command: String, rule: PolicyRule)] {
        (0..<count).map { n in
            let priority = UInt32(100 + n * 10)
            var rule = PolicyRule(priority: priority, action: .lookup(table: 100))
            var command = "pref \(priority)"
            func oneIn(_ n: Int) -> Bool { Int.random(in: 0..<n, using: &numbers) == 0 }
            if oneIn(8) {
                rule.isInverted = true
                command = "not " + command
            }
            if oneIn(3) {
                rule.source =
                    oneIn(2)
                    ? IPv4Prefix(IPv4Address(10, UInt8.random(in: 0..<4, using: &numbers), 0, 0), 24)
                    : Self.prefix(&numbers)
                command += " from \(rule.source.length == 0 ? "all" : rule.source.description)"
            }
            if oneIn(3) {
                rule.destination = Self.prefix(&numbers)
                if rule.destination.length > 0 { command += " to \(rule.destination)" }
            }
            if oneIn(4) {
                rule.mark = UInt32.random(in: 0..<4, using: &numbers)
                rule.markMask = oneIn(2) ? 3 : .max
                command += " fwmark \(rule.mark)/0x\(String(rule.markMask, radix: 16))"
                // Of mark 0 the kernel is told nothing but the mask, which is what it compares.
            }
            if oneIn(4) {
                // Not x0: for a packet that leaves by it, the kernel's source check asks as if it came in on x0. We drop
                // it for want of a port either way.
                let name = ["p0", "p1", "p2", "lo", "none9"].randomElement(using: &numbers) ?? "p0"
                rule.ingress = name
                command += " iif \(name)"
            }
            if oneIn(8) {
                rule.egress = "p\(Int.random(in: 0..<4, using: &numbers))"
                command += " oif \(rule.egress ?? "")"
            }
            if oneIn(6) {
                rule.tos = 0x10
                command += " tos 0x10"
            }
            if oneIn(5) {
                rule.ipProtocol = oneIn(2) ? 17 : 6
                command += " ipproto \(rule.ipProtocol == 17 ? "udp" : "tcp")"
            }
            if oneIn(6) {
                rule.sourcePorts = 1000...1001
                command += " sport 1000-1001"
            }
            if oneIn(6) {
                rule.destinationPorts = 53...53
                command += " dport 53"
            }
            switch Int.random(in: 0..<14, using: &numbers) {
            case 0:
                rule.action = .prohibit
                command += " prohibit"
            case 1:
                rule.action = .unreachable
                command += " unreachable"
            case 2:
                rule.action = .blackhole
                command += " blackhole"
            case 3:
                let target = priority + UInt32.random(in: 1...4, using: &numbers) * 10
                rule.action = .goto(priority: target)
                command += " goto \(target)"
            default:
                let table = UInt32.random(in: 100...103, using: &numbers)
                rule.action = .lookup(table: table)
                command += " lookup \(table)"
                if oneIn(4) {
                    let limit = [0, 8, 16, 24].randomElement(using: &numbers) ?? 0
                    rule.suppressPrefixLength = limit
                    command += " suppress_prefixlength \(limit)"
                }
            }
            return (command, rule)
        }
    }
}

/// A packet to ask about.
struct Question {
    var query: RouteQuery
    var isInput: Bool
    var command: String

    init(_ numbers: inout SeededNumbers) {
        func oneIn(_ n: Int) -> Bool { Int.random(in: 0..<n, using: &numbers) == 0 }
        func someAddress() -> IPv4Address {
            let n = UInt8.random(in: 0..<4, using: &numbers)
            return switch Int.random(in: 0..<24, using: &numbers) {
            case 0: IPv4Address(10, n, 0, 1)
            case 1: IPv4Address(10, n, 0, 255)
            case 2: IPv4Address(172, 20, n, 1)
            case 3: IPv4Address(172, 20, n, 63)
            case 4: IPv4Address(10, n, 0, 77)
            case 5: IPv4Address(127, 0, 0, 1)
            case 6: IPv4Address(0, 1, 2, 3)
            case 7: IPv4Address(240, 0, 0, 1)
            case 8: IPv4Address(rawValue: UInt32(truncatingIfNeeded: numbers.next()) & 0x7FFF_FFFF | 0x0100_0000)
            default: RouteKernelTwinTests.universe(&numbers)
            }
        }
        isInput = !oneIn(4)
        let n = Int.random(in: 0..<4, using: &numbers)
        var destination = someAddress()
        var source = oneIn(3) ? someAddress() : IPv4Address(10, UInt8(n), 0, .random(in: 3..<250, using: &numbers))
        // `ip route get` takes such a destination of the host's own packets for something else.
        if !isInput, destination.isZeroNetwork || destination.isLoopback { destination = "20.0.0.1" }
        if !isInput { source = .any }
        query = RouteQuery(destination: destination, source: source, ingress: isInput ? port(n) : .host)
        command = "route get \(destination)"
        if isInput { command += " from \(source) iif p\(n)" }
        if oneIn(2) {
            query.mark = .random(in: 0..<5, using: &numbers)
            if query.mark != 0 { command += " mark \(query.mark)" }
        }
        if oneIn(2) {
            query.tos = UInt8(RouteKernelTwinTests.tosses.randomElement(using: &numbers) ?? 0)
            if query.tos != 0 { command += " tos 0x\(String(query.tos, radix: 16))" }
        }
        query.ipProtocol = oneIn(2) ? .udp : .tcp
        query.sourcePort = .random(in: 999...1002, using: &numbers)
        query.destinationPort = .random(in: 52...54, using: &numbers)
        command += " ipproto \(query.ipProtocol) sport \(query.sourcePort) dport \(query.destinationPort)"
        if !isInput, oneIn(3) {
            query.egress = port(n)
            command += " oif p\(n)"
        }
    }
}

/// An answer in the same words, whoever gave it.
struct KernelAnswer: Hashable {
    var words: String

    /// From a line of `ip -oneline route get`, or a message of errno.
    init(_ line: String, isPort: (String) -> Bool) {
        let fields = line.split(separator: " ").map(String.init)
        func after(_ word: String) -> String? {
            fields.firstIndex(of: word).flatMap { fields.indices.contains($0 + 1) ? fields[$0 + 1] : nil }
        }
        switch fields.first {
        case "local": words = "local"
        case "broadcast" where after("dev") == "lo": words = "broadcast"
        case "RTNETLINK":
            // Older kernels (before 6.14) tell a failed reverse path from other bad sources.
            words = line.replacing("Invalid cross-device link", with: "Invalid argument")
        default:
            guard let device = after("dev"), isPort(device) else {
                words = "elsewhere"
                return
            }
            words =
                "by \(device)" + (after("via").map { " via \($0)" } ?? "") + (after("src").map { " src \($0)" } ?? "")
        }
    }

    init(_ result: RouteResult, _ routing: Routing, _ question: Question) {
        switch result.kind {
        case .unicast:
            words = "by p\(result.egress.rawValue)" + (result.isGateway ? " via \(result.nextHop)" : "")
            if !question.isInput { words += " src \(routing.preferredSource(of: result))" }
        case .local: words = "local"
        case .broadcast:
            words = "broadcast"
            if !question.isInput {
                words = "by p\(result.egress.rawValue) src \(routing.preferredSource(of: result))"
            }
        case .multicast: words = "multicast"
        case .egressNotAPort: words = "elsewhere"
        case .blackhole, .martianSource, .martianDestination, .reversePath:
            words = "RTNETLINK answers: Invalid argument"
        case .unreachable: words = "RTNETLINK answers: No route to host"
        case .prohibit: words = "RTNETLINK answers: Permission denied"
        case .noRoute: words = "RTNETLINK answers: Network is unreachable"
        }
    }
}

func getenvSet(_ name: String) -> Bool { unsafe getenv(name) != nil }
