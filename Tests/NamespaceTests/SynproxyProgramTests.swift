import TestSupport
import Testing

extension NamespaceTests {
    /// A browser and a web server with SYNPROXY between them.
    @Suite("SYNPROXY with real programs", .serialized)
    struct SynproxyProgramTests {
        private static func rules(_ hook: String) -> String {
            """
            *raw
            -A PREROUTING -i lan0 -p tcp -m tcp --dport 80 --syn -j CT --notrack
            COMMIT
            *filter
            -A \(hook) -p tcp -m tcp --dport 80 -m conntrack --ctstate INVALID,UNTRACKED -j SYNPROXY --sack-perm --timestamp --wscale 7 --mss 1460
            -A \(hook) -m conntrack --ctstate INVALID -j DROP
            COMMIT

            """
        }

        private static func browse(_ kind: RouterKind, _ hook: String) throws {
            let house = try Household(kind, rules: rules(hook), routed: true, configuration: ["conntrack: {tcp-loose: false}"])
            if kind == .kernel { try house.lab.sysctl(["net.netfilter.nf_conntrack_tcp_loose=0"], in: "router") }
            let server = try house.webServer(in: hook == "INPUT" ? "router" : "server")
            let address = hook == "INPUT" ? "10.0.0.1" : "198.51.100.2"
            for _ in 0..<3 {
                let page = try house.curl("http://\(address)/", in: "client")
                #expect(page.output == "It works.\n", "\(page.errors)")
            }
            let large = try house.curl("http://\(address)/large", in: "client")
            #expect(large.output.utf8.count == 16 * 131_072, "\(large.errors)")
            let rule = try house.router.counters().lines.first { $0.text.contains("SYNPROXY") }
            // A SYN and an ACK of each of four connections.
            #expect(rule?.packets ?? 0 >= 8, "\(String(describing: rule))")
            server.end()
            try house.close()
        }

        @Test("curl through the kernel's SYNPROXY", arguments: ["FORWARD", "INPUT"])
        func kernel(hook: String) throws { try Self.browse(.kernel, hook) }

        @Test("curl through SYNPROXY, time stamps, scaled windows and SACK included", .needsMartlet, arguments: ["FORWARD", "INPUT"], RouterKind.martlets)
        func martlet(hook: String, kind: RouterKind) throws { try Self.browse(kind, hook) }
    }
}
