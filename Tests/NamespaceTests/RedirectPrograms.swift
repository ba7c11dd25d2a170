import TestSupport
import Testing

/// Programs of the router itself whose packets NAT turns back to it, as a proxy for the router's own traffic wants.
extension RealPrograms {
    private static let turning = """
        *mangle
        -A PREROUTING -i lo -p udp
        -A PREROUTING -i lo -p icmp
        -A INPUT -i lo -p udp
        -A INPUT -i lo -p icmp
        -A OUTPUT -o lo -p udp
        -A OUTPUT -o wan0 -p udp
        -A OUTPUT -o wan0 -p icmp
        -A POSTROUTING -o lo -p udp
        -A POSTROUTING -o wan0 -p udp
        COMMIT
        *nat
        -A OUTPUT -d 203.0.113.7 -p tcp --dport 80 -j REDIRECT --to-ports 8080
        -A OUTPUT -d 203.0.113.7 -p udp --dport 53 -j REDIRECT --to-ports 5353
        -A OUTPUT -d 203.0.113.7 -p icmp -j REDIRECT
        -A OUTPUT -d 203.0.113.8 -p tcp -j DNAT --to-destination 10.0.0.1:8081
        -A OUTPUT -d 203.0.113.8 -p udp -j DNAT --to-destination 127.0.0.1
        -A POSTROUTING -o wan0 -j MASQUERADE
        COMMIT
        *filter
        :INPUT DROP [0:0]
        -A INPUT -i lo -p tcp -m conntrack --ctstate NEW -j ACCEPT
        -A INPUT -i lo -p udp -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT
        -A INPUT -i lo -p icmp -m conntrack --ctstate NEW,ESTABLISHED,RELATED -j ACCEPT
        -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
        -A OUTPUT -o lo -d 127.0.0.1 -p udp
        -A OUTPUT -o wan0 -p udp
        COMMIT

        """

    /// A server at 127.0.0.1 that tells each who it takes him for; and a client that asks twice, and then where nobody listens.
    private static let askers = """
        import socket, sys
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.settimeout(5)
        if sys.argv[1] == "serve":
            s.bind(("127.0.0.1", 5353))
            s.settimeout(30)
            for _ in range(2):
                text, peer = s.recvfrom(2000)
                s.sendto(peer[0].encode() + b" " + text, peer)
        else:
            s.connect(("203.0.113.7", 53))
            for text in (b"one", b"two" * 400):
                s.send(text)
                print(s.recv(2000).decode()[:30])
            s.connect(("203.0.113.8", 99))
            s.send(b"nobody")
            try:
                s.recv(100)
            except ConnectionRefusedError:
                print("refused")

        """

    static func turnedBack(_ kind: RouterKind) throws {
        let house = try Household(kind, rules: turning)
        let proxy = try house.webServer(in: "router", address: "127.0.0.1", port: 8080)
        let page = try house.curl("http://203.0.113.7/", in: "router")
        #expect(page.output == "It works.\n", "\(page.errors)")
        let large = try house.curl("http://203.0.113.7/large", in: "router")
        #expect(large.output.utf8.count == 16 * 131_072, "\(large.errors)")
        proxy.end()
        let refused = try house.curl("http://203.0.113.7/", in: "router", options: ["--connect-timeout", "3"])
        #expect(refused.status == 7, "\(refused.errors)")
        let other = try house.webServer(in: "router", address: "10.0.0.1", port: 8081)
        // Then the same two ends without NAT, whose segments are as long as only the loopback interface allows. Whichever end closes first
        // may not keep the port in TIME_WAIT.
        try house.lab.sysctl(["net.ipv4.tcp_max_tw_buckets=0"], in: "router")
        let from = ["--interface", "198.51.100.1", "--local-port", "40000"]
        for url in ["http://203.0.113.8/large", "http://10.0.0.1:8081/large"] {
            let large = try house.curl(url, in: "router", options: from)
            #expect(large.output.utf8.count == 16 * 131_072, "\(url): \(large.errors)")
        }
        other.end()

        let script = try house.file("askers.py", askers)
        let server = try house.lab.start(["python3", script, "serve"], in: "router")
        try house.requireListening(5353, in: "router", udp: true, program: server)
        let client = try house.lab.run(["python3", script, "ask"], in: "router")
        #expect(client.output == "198.51.100.1 one\n198.51.100.1 twotwotwotwotwotw\nrefused\n", "\(client.errors)")
        server.end()
        let ping = try house.lab.run(["ping", "-c", "3", "-i", "0.1", "-W", "2", "203.0.113.7"], in: "router")
        #expect(ping.output.contains("3 received"), "\(ping.output)")

        // OUTPUT's chains keep the way out that the packet had; all others see it come and go by lo.
        let counted = try house.router.counters().lines.filter { $0.text.contains("udp") || $0.text.contains("icmp") }
        #expect(
            counted.map { "\($0.packets):\($0.bytes) \($0.table) \($0.text)" } == [
                "5:2578 filter -A INPUT -i lo -p udp -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT",
                "7:566 filter -A INPUT -i lo -p icmp -m conntrack --ctstate NEW,RELATED,ESTABLISHED -j ACCEPT",
                "0:0 filter -A OUTPUT -d 127.0.0.1/32 -o lo -p udp",
                "3:1293 filter -A OUTPUT -o wan0 -p udp",
                "5:2578 mangle -A INPUT -i lo -p udp",
                "7:566 mangle -A INPUT -i lo -p icmp",
                "2:1285 mangle -A OUTPUT -o lo -p udp",
                "3:1293 mangle -A OUTPUT -o wan0 -p udp",
                "3:252 mangle -A OUTPUT -o wan0 -p icmp",
                "5:2578 mangle -A POSTROUTING -o lo -p udp",
                "0:0 mangle -A POSTROUTING -o wan0 -p udp",
                "5:2578 mangle -A PREROUTING -i lo -p udp",
                "7:566 mangle -A PREROUTING -i lo -p icmp",
                "1:31 nat -A OUTPUT -d 203.0.113.7/32 -p udp -m udp --dport 53 -j REDIRECT --to-ports 5353",
                "1:84 nat -A OUTPUT -d 203.0.113.7/32 -p icmp -j REDIRECT",
                "1:34 nat -A OUTPUT -d 203.0.113.8/32 -p udp -j DNAT --to-destination 127.0.0.1",
            ])
        let flows = try house.router.flows().filter { $0.proto == "udp" && $0.original["dst"] == "203.0.113.7" }
        #expect(flows.map { $0.reply["src"] } == ["127.0.0.1"] && flows.map { $0.reply["dst"] } == ["198.51.100.1"], "\(flows)")
        try house.close()
    }
}
