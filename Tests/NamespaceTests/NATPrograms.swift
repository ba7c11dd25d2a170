import TestSupport
import Testing

/// Real programs through translations that take part in their handshakes.
extension RealPrograms {
    /// A server behind SYNPROXY: its numbers, windows and clocks are not those that the client is told.
    static func synproxy(_ kind: RouterKind) throws {
        let rules = """
            *raw
            -A PREROUTING -i lan0 -p tcp --dport 80 --syn -j CT --notrack
            COMMIT
            *filter
            :FORWARD DROP [0:0]
            -A FORWARD -i lan0 -p tcp --dport 80 -m conntrack --ctstate NEW,INVALID,UNTRACKED -j SYNPROXY --sack-perm --timestamp --wscale 7 --mss 1460
            -A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT
            COMMIT

            """
        let house = try Household(kind, rules: rules, routed: true)
        let server = try house.webServer(in: "server")
        for _ in 0..<3 { #expect(try house.curl("http://198.51.100.2/", in: "client").output == "It works.\n") }
        let large = try house.curl("http://198.51.100.2/large", in: "client")
        #expect(large.output.utf8.count == 16 * 131_072, "\(large.errors)")
        server.end()
        // Nobody listens any more: curl says 7, could not connect, or after the handshake with the router, reset as it sends (55) or
        // receives (56).
        let refused = try house.curl("http://198.51.100.2/", in: "client", options: ["--connect-timeout", "3"])
        #expect([7, 55, 56].contains(refused.status), "\(refused.status): \(refused.errors)")
        try house.close()
    }

    /// The client reaches the server by an address of a network that there is not.
    static func netmap(_ kind: RouterKind) throws {
        let rules = """
            *nat
            -A PREROUTING -d 203.0.113.0/24 -j NETMAP --to 198.51.100.0/24
            -A POSTROUTING -o wan0 -s 10.0.0.0/24 -j MASQUERADE
            COMMIT

            """
        let house = try Household(kind, rules: rules)
        let server = try house.webServer(in: "server")
        #expect(try house.curl("http://203.0.113.2/", in: "client").output == "It works.\n")
        server.end()
        try house.close()
    }
}
