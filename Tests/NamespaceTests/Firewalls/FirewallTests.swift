import TestSupport
import Testing

extension NamespaceTests {
    @Suite("Firewall programs", .serialized)
    struct FirewallTests {
        static let names = FirewallScripts.all.map(\.name)

        @Test("they say the same and leave the same rules with Martlet as with iptables-legacy", .needsMartlet, arguments: names)
        func same(name: String) throws {
            let script = try #require(FirewallScripts.all.first { $0.name == name }).script
            let kernel = try FirewallStage(.kernel).run(script).split(separator: "\n")
            let martlet = try FirewallStage(.martlet(workers: 1)).run(script).split(separator: "\n")
            #expect(kernel.contains { $0.hasPrefix("-A ") })
            let difference = martlet.difference(from: kernel).map { change in
                switch change {
                case .insert(_, let line, _): "Martlet: \(line)"
                case .remove(_, let line, _): "kernel:  \(line)"
                }
            }
            #expect(difference.isEmpty, "\(difference.joined(separator: "\n"))")
        }
    }
}
