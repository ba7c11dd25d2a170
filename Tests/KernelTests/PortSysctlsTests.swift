import CXDP
import Net
import Testing

@testable import Kernel

@Suite struct PortSysctlsTests {
    private static let names = ["forwarding", "rp_filter", "accept_local", "accept_redirects"]

    private func values(_ port: String) -> [String] {
        Self.names.map { TextFile.value("/proc/sys/net/ipv4/conf/\(port)/\($0)") ?? "-" }
    }

    private func withScene(_ body: (String) throws -> Void) throws {
        let directory = "/tmp/martlet-test-\(getpid())-\(UInt32.random(in: 0 ..< .max))"
        defer { run("rm -rf \(directory)") }
        try inFreshNetwork {
            run("ip link add a0 type veth peer name b0; sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=1")
            run(
                "sysctl -qw net.ipv4.conf.a0.rp_filter=0 net.ipv4.conf.a0.accept_redirects=1 net.ipv4.conf.all.accept_redirects=1"
            )
            try body(directory)
        }
    }

    @Test("Held while the router runs, as before afterwards")
    func holdsAndRestores() throws {
        try withScene { directory in
            let before = values("a0")
            let other = values("b0")
            var sysctls = try PortSysctls(ports: ["a0", "none0"], directory: directory)
            #expect(values("a0") == ["0", "2", "1", "0"])
            #expect(values("b0") == other)
            #expect(values("all")[3] == "0")
            #expect(sysctls.former(of: "a0") == .init(reversePathFilter: 1, forwarded: true, acceptedLocal: false))
            #expect(sysctls.former(of: "none0") == nil)
            try sysctls.restore()
            #expect(values("a0") == before)
            #expect(values("all")[3] == "1")
            #expect(run("ls \(directory)") == "")
        }
    }

    /// peer far 10.1.0.2 — near 10.1.0.1 router 10.2.0.1 out — nobody
    @Test("The kernel forwards no transit frame, and takes in those with an asymmetric or even its own source")
    func effects() throws {
        try withPeerNetwork { peer in
            try withScene { directory in
                run(
                    "ip link add near type veth peer name far netns \(peer); ip link set near up; ip addr add 10.1.0.1/24 dev near"
                )
                run("ip link set a0 name out; ip link set out up; ip link set b0 up; ip addr add 10.2.0.1/24 dev out")
                run("ip neigh add 10.2.0.77 lladdr 02:00:00:00:00:77 dev out; ip route add 10.5.0.0/16 dev out")
                run(
                    "ip -n \(peer) link set far up; ip -n \(peer) link set lo up; ip -n \(peer) addr add 10.1.0.2/24 dev far"
                )
                run("ip -n \(peer) route add default via 10.1.0.1; ip -n \(peer) addr add 10.5.0.1/32 dev lo")
                run("ip -n \(peer) addr add 10.2.0.1/32 dev lo")
                /// How many frames the kernel forwarded, and how many echo requests it took in.
                func counters() throws -> [Int] {
                    let lines = run("cat /proc/thread-self/net/snmp").split(separator: "\n").map {
                        $0.split(separator: " ")
                    }
                    return try [("Ip:", "ForwDatagrams"), ("Icmp:", "InEchos")].map { protocolName, field in
                        let rows = lines.filter { $0[0] == protocolName }
                        let column = try #require(rows[0].firstIndex { $0 == field })
                        return try #require(Int(rows[1][column]))
                    }
                }
                func send() throws -> [Int] {
                    let before = try counters()
                    for way in ["10.2.0.77", "-I 10.5.0.1 10.1.0.1", "-I 10.2.0.1 10.1.0.1"] {
                        run("ip netns exec \(peer) ping -c 1 -W 1 \(way)", failing: true)
                    }
                    return zip(try counters(), before).map(-)
                }
                #expect(try send() == [1, 0])
                var sysctls = try PortSysctls(ports: ["near"], directory: directory)
                #expect(try send() == [0, 2])
                try sysctls.restore()
                #expect(try send() == [1, 0])
            }
        }
    }

    @Test("After a crash the next start knows the operator's values, and gives back what it holds no longer")
    func survivesCrash() throws {
        try withScene { directory in
            let before = [values("a0"), values("b0")]
            _ = try PortSysctls(ports: ["a0", "b0"], directory: directory)
            var second = try PortSysctls(ports: ["a0"], directory: directory)
            #expect(second.former(of: "a0")?.forwarded == true)
            #expect(values("b0") == before[1])
            try second.restore()
            #expect([values("a0"), values("b0")] == before)
        }
    }

    @Test("One that cannot be set leaves none set, and no file")
    func takesBack() throws {
        try withScene { directory in
            let before = [values("a0"), values("b0"), values("all")]
            let refused = KernelError("write", code: EROFS)
            #expect(throws: refused) {
                try PortSysctls(ports: ["a0", "b0"], directory: directory) { (path, value) throws(KernelError) in
                    if path.hasSuffix("/b0/rp_filter") { throw refused }
                    try TextFile.set(path, to: value)
                }
            }
            #expect([values("a0"), values("b0"), values("all")] == before)
            #expect(run("ls \(directory)") == "")
        }
    }

    @Test("What changes them meanwhile is noticed and undone; a vanished NIC is passed over, a new one taken")
    func enforces() throws {
        try withScene { directory in
            var sysctls = try PortSysctls(ports: ["a0", "c0"], directory: directory)
            #expect(try sysctls.enforce() == [])
            run("sysctl -qw net.ipv4.ip_forward=0 net.ipv4.ip_forward=1")
            #expect(try sysctls.enforce().contains("net.ipv4.conf.a0.forwarding"))
            #expect(values("a0") == ["0", "2", "1", "0"])
            run("ip link del a0; ip link add c0 type veth peer name d0")
            try sysctls.enforce()
            #expect(values("c0") == ["0", "2", "1", "0"])
            try sysctls.restore()
            #expect(values("c0")[0] == "1")
        }
    }

    @Test(
        "A file that is torn, foreign or of an earlier boot is not believed",
        arguments: ["", "x", "martlet sysctls 1\nboot no\na0 rp_filter 7\n"])
    func rejectsFile(content: String) throws {
        try withScene { directory in
            _ = try PortSysctls(ports: ["a0"], directory: directory)
            run(
                "sysctl -qw net.ipv4.conf.a0.rp_filter=0; printf '\(content.replacing("\n", with: "\\n"))' > \(directory)/$(ls \(directory))"
            )
            #expect(try PortSysctls(ports: ["a0"], directory: directory).former(of: "a0")?.reversePathFilter == 1)
        }
    }

    @Test("Names no interface can have are refused", arguments: ["", "..", "all", "a/b", "a b", "sixteen-bytes-xx"])
    func refusesNames(name: String) {
        #expect(throws: KernelError.self) { try PortSysctls(ports: [name], directory: "/tmp") }
    }

    @Test("Settings are the namespace's, and defaults where there is nothing to read")
    func settings() throws {
        #expect(KernelSettings.read { _ in nil } == KernelSettings())
        try inFreshNetwork {
            run("sysctl -qw net.ipv4.icmp_ratelimit=500 net.ipv4.ip_default_ttl=33")
            run("sysctl -qw net.ipv4.ip_local_port_range='2000 3001' net.ipv4.icmp_errors_use_inbound_ifaddr=1")
            let settings = KernelSettings.read()
            #expect(settings.icmpRateLimit == 500)
            #expect(settings.defaultTTL == 33)
            #expect(settings.localPorts == 2000...3001)
            #expect(settings.icmpErrorsUseIngressAddress)
            #expect(settings.icmpRateMask == 0x1818)
        }
    }

    @Test("The kernel's own netfilter rules are found, empty tables are not")
    func foreignNetfilter() throws {
        try inFreshNetwork {
            #expect(ForeignNetfilter.find().isEmpty)
            run("iptables-legacy -t filter -L -n > /dev/null")
            #expect(ForeignNetfilter.find().isEmpty)
            run("iptables-legacy -A INPUT -s 192.0.2.1 -j DROP; iptables-legacy -t mangle -P FORWARD DROP")
            #expect(
                ForeignNetfilter.find().description
                    == "iptables-legacy table filter (1 rules); iptables-legacy table mangle (0 rules, policy DROP)")
            run("iptables-legacy -F; iptables-legacy -t mangle -P FORWARD ACCEPT")
            run(
                "nft 'add table inet t; add chain inet t c; add rule inet t c accept; add table ip6 u; add chain ip6 u c; add rule ip6 u c accept'"
            )
            #expect(ForeignNetfilter.find().description == "nftables inet table t (1 rules)")
        }
    }
}
