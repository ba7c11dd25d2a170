import TestSupport
import Testing

/// The real programs, each through the kernel first: what fails there is wrong with the test.
enum RealPrograms {
    static func ping(_ kind: RouterKind) throws {
        let house = try Household(kind, routed: true)
        let result = try house.lab.run(["ping", "-c", "5", "-i", "0.1", "-W", "2", "198.51.100.2"], in: "client")
        #expect(result.output.contains("5 received"), "\(result.output)")
        #expect(result.output.contains("ttl=63"))
        let long = try house.lab.run(
            ["ping", "-c", "3", "-i", "0.1", "-W", "2", "-s", "4000", "198.51.100.2"], in: "client")
        #expect(long.output.contains("3 received"), "fragments: \(long.output)")
        let broken = try house.lab.run(
            ["ping", "-c", "1", "-W", "1", "-M", "do", "-s", "4000", "198.51.100.2"], in: "client")
        #expect(!broken.succeeded)
        try house.close()
    }

    static let masquerade = "*nat\n-A POSTROUTING -o wan0 -j MASQUERADE\nCOMMIT\n"

    static func curl(_ kind: RouterKind) throws {
        let house = try Household(kind, rules: masquerade)
        let server = try house.webServer(in: "server")
        let page = try house.curl("http://198.51.100.2/", in: "client")
        #expect(page.output == "It works.\n", "\(page.errors)")
        let large = try house.curl("http://198.51.100.2/large", in: "client")
        #expect(large.output.utf8.count == 16 * 131_072, "\(large.errors)")
        let flows = try house.router.flows()
        #expect(flows.contains { $0.original["src"] == "10.0.0.2" && $0.reply["dst"] == "198.51.100.1" }, "\(flows)")
        server.end()
        try house.close()
    }

    static func forwardedPort(_ kind: RouterKind) throws {
        let rules = "*nat\n-A PREROUTING -i wan0 -p tcp --dport 8080 -j DNAT --to-destination 10.0.0.2:80\nCOMMIT\n"
        let house = try Household(kind, rules: rules)
        let server = try house.webServer(in: "client")
        #expect(try house.curl("http://198.51.100.1:8080/", in: "server").output == "It works.\n")
        let counters = try house.router.counters()
        #expect(counters.lines.contains { $0.text.contains("DNAT") && $0.packets == 1 }, "\(counters)")
        server.end()
        try house.close()
    }

    static func refused(_ kind: RouterKind) throws {
        let rules = """
            *filter
            -A FORWARD -p tcp --dport 81 -j REJECT --reject-with tcp-reset
            -A FORWARD -p tcp --dport 82 -j REJECT
            -A FORWARD -p tcp --dport 83 -j DROP
            COMMIT

            """
        let house = try Household(kind, rules: rules, routed: true)
        // curl: 7 could not connect, 28 time is up.
        for (port, status) in [(81, 7), (82, 7), (83, 28)] {
            let result = try house.curl(
                "http://198.51.100.2:\(port)/", in: "client", options: ["--connect-timeout", "2"])
            #expect(result.status == Int32(status), "port \(port): \(result.errors)")
        }
        try house.close()
    }

    static func iperf(_ kind: RouterKind) throws {
        let house = try Household(kind, rules: masquerade)
        let server = try house.lab.start(["iperf3", "-s"], in: "server")
        for options in [["-n", "50M"], ["-n", "50M", "-R"], ["-u", "-b", "50M", "-t", "1", "-l", "1400"]] {
            // Between two tests the server stops listening for a moment.
            try house.requireListening(5201, in: "server", program: server)
            let result = try house.lab.run(["iperf3", "-c", "198.51.100.2"] + options, in: "client", seconds: 60)
            #expect(result.succeeded, "\(options): \(result.output)\(result.errors)")
        }
        server.end()
        try house.close()
    }

    static func traceroute(_ kind: RouterKind) throws {
        let house = try Household(kind, routed: true)
        // One probe at a time: of many at once the server answers only the first six, whichever those are.
        let result = try house.lab.run(["traceroute", "-n", "-q", "1", "-N", "1", "-w", "2", "198.51.100.2"], in: "client")
        let hops = result.output.split(separator: "\n").dropFirst().map {
            $0.split(separator: " ").prefix(2).joined(separator: " ")
        }
        #expect(hops == ["1 10.0.0.1", "2 198.51.100.2"], "\(result.output)")
        try house.close()
    }

    static func nmap(_ kind: RouterKind) throws {
        let rules = """
            *filter
            -A FORWARD -p tcp --dport 82 -j DROP
            -A FORWARD -p tcp --dport 83 -j REJECT --reject-with icmp-admin-prohibited
            COMMIT

            """
        let house = try Household(kind, rules: rules, routed: true)
        let server = try house.webServer(in: "server")
        for scan in ["-sS", "-sT"] {
            let result = try house.lab.run(
                ["nmap", "-n", "-Pn", scan, "-p", "80-83", "198.51.100.2"], in: "client", seconds: 60)
            let ports = result.output.split(separator: "\n").filter { $0.contains("/tcp") }.map {
                $0.split(separator: " ").prefix(2).joined(separator: " ")
            }
            #expect(
                ports == ["80/tcp open", "81/tcp closed", "82/tcp filtered", "83/tcp filtered"],
                "\(scan): \(result.output)")
        }
        server.end()
        try house.close()
    }

    /// Starts sshd in the router's namespace; returns it and the client's command up to the remote one.
    static func sshServer(_ house: Household) throws -> (Program, [String]) {
        for key in ["host-key", "user-key"] {
            try Program.require(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", house.path(key)])
        }
        try Program.require(["mkdir", "-p", "/run/sshd"])
        let configuration = try house.file(
            "sshd_config",
            """
            HostKey \(house.path("host-key"))
            AuthorizedKeysFile \(house.path("user-key.pub"))
            StrictModes no
            PasswordAuthentication no
            PidFile none
            PermitRootLogin yes

            """)
        let server = try house.lab.start(["/usr/sbin/sshd", "-D", "-e", "-f", configuration], in: "router")
        try house.requireListening(22, in: "router", program: server)
        let client = [
            "ssh", "-F", "none", "-i", house.path("user-key"), "-o", "StrictHostKeyChecking=no", "-o",
            "UserKnownHostsFile=/dev/null",
            "-o", "ConnectTimeout=5", "-o", "LogLevel=ERROR", "root@10.0.0.1",
        ]
        return (server, client)
    }

    static func ssh(_ kind: RouterKind) throws {
        let rules = """
            *filter
            :INPUT DROP [0:0]
            -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
            -A INPUT -i lan0 -p tcp --dport 22 -j ACCEPT
            COMMIT

            """
        let house = try Household(kind, rules: rules)
        let (server, client) = try sshServer(house)
        let result = try house.lab.run(client + ["echo", "hello", "from", "the", "router"], in: "client")
        #expect(result.output == "hello from the router\n", "\(result.errors)")
        let bulk = try house.lab.run(client + ["head", "-c", "5000000", "/dev/zero"], in: "client")
        #expect(bulk.output.utf8.count == 5_000_000, "\(bulk.errors)")
        server.end()
        try house.close()
    }

    static func dnsServer(_ house: Household, in name: String, options: [String] = []) throws -> Program {
        let server = try house.lab.start(
            [
                "dnsmasq", "-k", "-C", "/dev/null", "-R", "-h", "-x", "", "--address=/example.test/192.0.2.7",
                "--log-facility=-",
            ] + options,
            in: name)
        try house.requireListening(53, in: name, udp: true, program: server)
        return server
    }

    static func dns(_ kind: RouterKind) throws {
        let rules = """
            *filter
            :INPUT DROP [0:0]
            -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
            -A INPUT -i lan0 -p udp --dport 53 -j ACCEPT
            COMMIT

            """
        let house = try Household(kind, rules: rules)
        let servers = [try dnsServer(house, in: "router"), try dnsServer(house, in: "server")]
        for (name, server) in [("client", "10.0.0.1"), ("router", "198.51.100.2")] {
            let result = try house.lab.run(["busybox", "nslookup", "-type=a", "example.test", server], in: name)
            #expect(result.output.contains("192.0.2.7"), "from \(name): \(result.output)\(result.errors)")
        }
        for server in servers { server.end() }
        try house.close()
    }

    static func dhcp(_ kind: RouterKind) throws {
        let rules =
            "*filter\n:INPUT DROP [0:0]\n-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\nCOMMIT\n"
        let house = try Household(kind, rules: rules)
        try house.lab.ip(["addr flush dev wan0"], in: "router")
        let server = try house.lab.start(
            [
                "dnsmasq", "-k", "-C", "/dev/null", "-p", "0", "--dhcp-range=198.51.100.50,198.51.100.60,1h", "-i",
                "eth0",
                "--dhcp-leasefile=" + house.path("leases"), "--dhcp-authoritative", "--no-ping", "--log-facility=-",
                "-x", "",
            ], in: "server")
        try house.requireListening(67, in: "server", udp: true, program: server)
        let script = try house.file(
            "lease",
            """
            #!/bin/sh
            if [ "$1" = bound ]; then
                ip addr add "$ip/${mask:-24}" dev "$interface"
                ip route replace default via "$router"
            fi

            """, executable: true)
        let result = try house.lab.run(
            ["busybox", "udhcpc", "-i", "wan0", "-q", "-n", "-f", "-t", "5", "-T", "2", "-s", script], in: "router",
            seconds: 30)
        #expect(result.succeeded, "\(result.output)\(result.errors)\(server.errors)")
        let addresses = try house.lab.run(["ip", "-4", "addr", "show", "wan0"], in: "router").output
        #expect(addresses.contains("198.51.100.5") || addresses.contains("198.51.100.60"), "\(addresses)")
        let ping = try house.lab.run(["ping", "-c", "2", "-i", "0.2", "-W", "2", "198.51.100.2"], in: "router")
        #expect(ping.output.contains("2 received"), "\(ping.output)")
        server.end()
        try house.close()
    }

    static func inputDrop(_ kind: RouterKind) throws {
        let rules = """
            *filter
            :INPUT DROP [0:0]
            -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
            COMMIT

            """
        let house = try Household(kind, rules: rules)
        let servers = [try house.webServer(in: "server"), try house.webServer(in: "router")]
        #expect(try house.curl("http://198.51.100.2/large", in: "router").output.utf8.count == 16 * 131_072)
        let closed = try house.curl("http://10.0.0.1/", in: "client", options: ["--connect-timeout", "2"])
        #expect(closed.status == 28, "\(closed.output)\(closed.errors)")
        let ping = try house.lab.run(["ping", "-c", "1", "-W", "1", "10.0.0.1"], in: "client")
        #expect(!ping.succeeded)
        for server in servers { server.end() }
        try house.close()
    }

    static func pathMTU(_ kind: RouterKind) throws {
        let house = try Household(kind, rules: masquerade)
        try house.lab.ip(["link set wan0 mtu 1300"], in: "router")
        try house.lab.ip(["link set eth0 mtu 1300"], in: "server")
        Clock.sleep(seconds: 0.3)
        let server = try house.webServer(in: "server")
        let result = try house.curl(
            "http://198.51.100.2/", in: "client", options: ["-H", "X-Long: " + String(repeating: "x", count: 3000)])
        #expect(result.output.contains("It works."), "\(result.errors)")
        let probe = try house.lab.run(
            ["ping", "-c", "1", "-W", "2", "-M", "do", "-s", "1400", "198.51.100.2"], in: "client")
        #expect((probe.output + probe.errors).contains("mtu"), "\(probe.output)\(probe.errors)")
        server.end()
        try house.close()
    }

    static let scenes = Scenes([
        ("ping, also in fragments", ping), ("curl from behind MASQUERADE", curl),
        ("a forwarded port to a web server inside", forwardedPort), ("refused connections", refused), ("iperf3", iperf),
        ("traceroute shows the router", traceroute), ("nmap sees open, closed and filtered", nmap),
        ("ssh to the router", ssh), ("DNS by the router and from it", dns), ("a DHCP client on a NIC", dhcp),
        ("INPUT DROP with ESTABLISHED", inputDrop), ("a small MTU behind the router", pathMTU),
        ("curl through SYNPROXY", synproxy), ("curl through NETMAP", netmap), ("the router's own traffic turned back to it", turnedBack),
    ])
}
