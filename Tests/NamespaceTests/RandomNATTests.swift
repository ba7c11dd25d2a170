import Net
import TestSupport
import Testing

extension NamespaceTests {
    /// What NAT chooses by chance, as distributions beside the kernel's; and what it does not, exactly.
    @Suite("NAT's choices", .serialized)
    struct RandomNATTests {
        private static let rules = """
            *nat
            :PREROUTING ACCEPT [0:0]
            :INPUT ACCEPT [0:0]
            :OUTPUT ACCEPT [0:0]
            :POSTROUTING ACCEPT [0:0]
            -A POSTROUTING -o wan0 -p udp -m udp --dport 1 -j SNAT --to-source 198.51.100.10-198.51.100.16
            -A POSTROUTING -o wan0 -p udp -m udp --dport 2 -j SNAT --to-source 198.51.100.10-198.51.100.16 --persistent
            -A POSTROUTING -o wan0 -p udp -m udp --dport 3 -j MASQUERADE --random-fully
            -A POSTROUTING -o wan0 -p udp -m udp --dport 4 -j MASQUERADE --random
            -A POSTROUTING -o wan0 -p udp -m udp --dport 5 -j SNAT --to-source 198.51.100.10-198.51.100.13 --random-fully
            -A POSTROUTING -o wan0 -p udp -m udp --dport 6 -j MASQUERADE
            -A POSTROUTING -o wan0 -p udp -m udp --dport 7 -j SNAT --to-source 198.51.100.1:3000-3009
            COMMIT

            """

        private struct Question: Hashable {
            var source: IPv4Address
            var sourcePort: UInt16
            var destination: IPv4Address
            var rule: UInt16
        }

        private static let questions: [Question] = {
            var all: [Question] = []
            // Addresses by client and server; each client has a port of its own, so that none has to give way.
            for rule in [1, 2] as [UInt16] {
                for client in 2...41 as ClosedRange<UInt32> {
                    for server in 2...5 as ClosedRange<UInt32> {
                        all.append(
                            Question(
                                source: IPv4Address(rawValue: 0x0A00_0000 + client), sourcePort: UInt16(5000 + client),
                                destination: IPv4Address(rawValue: 0xC633_6400 + server), rule: rule))
                    }
                }
            }
            // Ports by chance, of all three classes.
            for rule in [3, 4, 5] as [UInt16] {
                for (first, count) in [(20_000, 512), (700, 64), (100, 64)] as [(UInt16, UInt16)] {
                    for port in 0..<count {
                        all.append(Question(source: "10.0.0.2", sourcePort: first + port, destination: "198.51.100.2", rule: rule))
                    }
                }
            }
            // Kept where free; made room for where not. Ports that were not asked about before: a source keeps what it was given.
            for client in [2, 3] as [UInt32] {
                for port in [80, 800, 40_000] as [UInt16] {
                    all.append(
                        Question(source: IPv4Address(rawValue: 0x0A00_0000 + client), sourcePort: port, destination: "198.51.100.2", rule: 6))
                }
            }
            // Ten ports and no more; one of them is the client's own.
            for port in [3004, 5000, 5001, 5002, 5003, 5004, 5005, 5006, 5007, 5008, 5009] as [UInt16] {
                all.append(Question(source: "10.0.0.2", sourcePort: port, destination: "198.51.100.2", rule: 7))
            }
            return all
        }()

        /// The sources that packets leave with; nil for one that does not leave.
        private static func choices(_ kind: RouterKind) throws -> [(address: IPv4Address, port: UInt16)?] {
            let topology = Topology.cables(queues: kind.queues)
            let lab = try Lab(topology)
            defer { lab.tearDown() }
            let cables = try topology.sides.map { try Cable(namespace: lab.namespace($0.host), interface: "eth0") }
            let router = try RouterUnderTest(kind, in: lab, setup: RouterSetup(rules: rules))
            var choices: [(address: IPv4Address, port: UInt16)?] = []
            for question in questions {
                var packet = try TestPacket(
                    "udp \(question.source):\(question.sourcePort) > \(question.destination):\(question.rule) len 8")
                topology.address(&packet, side: 0)
                try cables[0].send(packet.bytes)
                var choice: (address: IPv4Address, port: UInt16)?
                let begin = Clock.now
                while choice == nil, Double(Clock.now.since(begin)) / 1e9 < 0.2 {
                    guard let capture = cables[1].receive(seconds: 0.01), let ip = capture.packet.ip, case .udp(let udp) = capture.packet.transport
                    else { continue }
                    choice = (ip.source, udp.sourcePort)
                }
                choices.append(choice)
            }
            try router.stop()
            return choices
        }

        /// Pearson's sum over so many equal parts of a range.
        private static func chiSquare(_ values: [UInt16], _ range: ClosedRange<UInt16>, parts: Int) -> Double {
            var counts = Array(repeating: 0, count: parts)
            let size = Int(range.upperBound) - Int(range.lowerBound) + 1
            for value in values where range.contains(value) { counts[(Int(value) - Int(range.lowerBound)) * parts / size] += 1 }
            let expected = Double(values.count) / Double(parts)
            return counts.reduce(0) { $0 + (Double($1) - expected) * (Double($1) - expected) / expected }
        }

        @Test("addresses are the kernel's own, random ports are spread as evenly, classes and kept ports are the same", .needsMartlet)
        func choices() throws {
            let kernel = try Self.choices(.kernel)
            let martlet = try Self.choices(.martlet(workers: 1))
            for (router, choices) in [("kernel", kernel), ("Martlet", martlet)] {
                func chosen(_ rule: UInt16, _ ports: ClosedRange<UInt16>) -> [(address: IPv4Address, port: UInt16)] {
                    zip(Self.questions, choices).filter { $0.0.rule == rule && ports.contains($0.0.sourcePort) }.compactMap(\.1)
                }
                for rule in [3, 4, 5] as [UInt16] {
                    for (asked, given) in [(20_000...20_511, 1024...65_535), (700...763, 600...1023), (100...163, 1...511)]
                        as [(ClosedRange<UInt16>, ClosedRange<UInt16>)]
                    {
                        let ports = chosen(rule, asked).map(\.port)
                        #expect(ports.count == asked.count, "\(router), rule \(rule)")
                        #expect(ports.allSatisfy { given.contains($0) }, "\(router), rule \(rule): \(ports)")
                        // Seven degrees of freedom: 40 comes once in a million times.
                        #expect(Self.chiSquare(ports, given, parts: 8) < 40, "\(router), rule \(rule): \(ports)")
                        // None is kept but by chance.
                        #expect(zip(asked, ports).filter { $0 == $1 }.count <= 4, "\(router), rule \(rule)")
                    }
                }
                #expect(Set(chosen(7, 0...65_535).map(\.port)) == Set(3000...3009), "\(router)")
                #expect(chosen(7, 3004...3004).first?.port == 3004, "\(router)")
            }
            for ((question, ours), theirs) in zip(zip(Self.questions, martlet), kernel) {
                switch question.rule {
                case 1, 2:
                    #expect(ours?.address == theirs?.address && ours?.port == theirs?.port, "\(question): \(String(describing: ours)), not \(String(describing: theirs))")
                case 5:
                    // Which address does not depend on chance.
                    #expect(ours?.address == theirs?.address, "\(question)")
                case 6 where question.source == "10.0.0.2":
                    #expect(ours?.port == question.sourcePort && theirs?.port == question.sourcePort, "\(question): \(String(describing: ours))")
                case 7: #expect((ours == nil) == (theirs == nil), "\(question)")
                default: break
                }
            }
            // --persistent: one address for all servers of a client.
            for client in Dictionary(grouping: zip(Self.questions, martlet).filter { $0.0.rule == 2 }, by: { $0.0.source }).values {
                #expect(Set(client.compactMap { $0.1?.address }).count == 1)
            }
        }
    }
}
