import Net
import Router
import Testing

@Suite("What a configuration says, as values")
struct ConfigurationValueTests {
    @Test("what is left out has its default")
    func defaults() throws {
        let configuration = try Configuration.parse("ports: [{name: lan0}]", file: "c")
        #expect(configuration == Configuration(ports: [PortConfiguration(name: "lan0")]))
        #expect(configuration.workers.count == nil && configuration.offload == .auto && configuration.staticNetwork == nil)
        #expect(configuration.conntrack.tcpLoose && configuration.conntrack.helpers == nil)
        #expect(configuration.control.socket == "/run/martlet/control.sock" && configuration.control.group == "martlet")
        #expect(configuration.conntrack.timeouts[.tcpEstablished] == 432_000)
    }

    @Test("every key is taken, and paths are relative to the file")
    func everything() throws {
        let configuration = try Configuration.parse(
            """
            ports:
              - name: lan0
                io: af_packet
                rp-filter: off
              - name: wan0
            workers: {count: 2, cpus: [1, 3], poll: interrupt}
            rules: {ipv4: rules.v4, sets: /etc/sets.ipset}
            conntrack: {max: 0x1000, tcp-loose: false, always: true, timeouts: {tcp-established: 7200, frag: 0}, helpers: {ftp: [21, 2121]}}
            recent: {ip-list-tot: 500, ip-pkt-list-tot: 20}
            offload: off
            control: {socket: m.sock, group: "1"}
            log: {to: kern.log}
            effects: {nflog: copies/}
            """, file: "/etc/martlet/martlet.yaml")
        #expect(configuration.ports.map(\.name) == ["lan0", "wan0"])
        #expect(configuration.ports[0].io == .afPacket && configuration.ports[0].reversePathFilter == .off)
        #expect(configuration.recent.entries == 500 && configuration.recent.stamps == 20)
        #expect(configuration.workers.count == 2 && configuration.workers.cpus == [1, 3])
        #expect(configuration.workers.poll == .interrupt && configuration.offload == .off)
        #expect(configuration.rules.ipv4 == "/etc/martlet/rules.v4" && configuration.rules.sets == "/etc/sets.ipset")
        #expect(configuration.conntrack.max == 4096 && !configuration.conntrack.tcpLoose && configuration.conntrack.always)
        #expect(configuration.conntrack.timeouts[.tcpEstablished] == 7200 && configuration.conntrack.timeouts[.frag] == 0)
        #expect(configuration.conntrack.timeouts[.udp] == 30 && configuration.conntrack.helpers == [.ftp: [21, 2121]])
        #expect(configuration.control.socket == "/etc/martlet/m.sock" && configuration.control.group == "1")
        #expect(configuration.log.to == .file("/etc/martlet/kern.log") && configuration.effects.nflog == "/etc/martlet/copies/")
    }

    @Test("the log goes to a place with a name, or into a file", arguments: [
        ("auto", LogConfiguration.Destination.auto), ("syslog", .syslog), ("journal", .journal), ("stderr", .standardError),
        ("/var/log/kern", .file("/var/log/kern")), ("./syslog", .file("/etc/./syslog")),
    ])
    func log(text: String, destination: LogConfiguration.Destination) throws {
        let configuration = try Configuration.parse("ports: [{name: a}]\nlog: {to: \(text)}\n", file: "/etc/c")
        #expect(configuration.log.to == destination)
    }

    /// The routes are those that `ip route show table all` of Linux prints for these addresses.
    @Test("addresses bring the routes that the kernel would make")
    func derivedRoutes() throws {
        let configuration = try Configuration.parse(
            """
            ports: [{name: a}]
            static:
              ports:
                - {name: a, mac: "02:00:00:00:00:01", addresses: [10.0.0.1/24, 10.0.0.9/24, 192.0.2.1/32, 192.0.2.4/31]}
                - {name: k, mac: "02:00:00:00:00:02", mtu: 9000, group: 7}
              routes: [{to: default, via: 10.0.0.254, metric: 5}, {to: 203.0.113.0/24, type: blackhole, table: 9}, {to: 198.18.0.0/15, port: k, realm: 3/5}]
              policy: [{priority: 100, fwmark: 0x1/0xff, table: 9}, {priority: 0, from: 10.0.0.0/24, type: prohibit}]
              neighbors: [{address: 10.0.0.254, mac: "02:00:00:00:00:aa", port: a}]
            """, file: "c")
        let kernel = try #require(configuration.staticNetwork).kernel()
        #expect(kernel.links.map(\.name) == ["lo", "a", "k"] && kernel.links.map(\.mtu) == [65536, 1500, 9000])
        #expect(kernel.links.map(\.group) == [0, 0, 7] && kernel.routes.last?.hops.map(\.realm) == [3 << 16 | 5])
        #expect(kernel.addresses.map(\.isSecondary) == [false, false, true, false, false])
        let lines = kernel.routes.map { route in
            "\(route.kind) \(route.prefix) table \(route.table) via \(route.hops.map { "\($0.gateway?.description ?? "-") dev \($0.link.rawValue)" }.joined()) scope \(route.scope) src \(route.preferredSource?.description ?? "-") metric \(route.metric)"
        }
        #expect(lines == [
            "local 127.0.0.1/32 table 255 via - dev 1 scope 254 src 127.0.0.1 metric 0",
            "local 127.0.0.0/8 table 255 via - dev 1 scope 254 src 127.0.0.1 metric 0",
            "broadcast 127.255.255.255/32 table 255 via - dev 1 scope 253 src 127.0.0.1 metric 0",
            "local 10.0.0.1/32 table 255 via - dev 2 scope 254 src 10.0.0.1 metric 0",
            "unicast 10.0.0.0/24 table 254 via - dev 2 scope 253 src 10.0.0.1 metric 0",
            "broadcast 10.0.0.255/32 table 255 via - dev 2 scope 253 src 10.0.0.1 metric 0",
            "local 10.0.0.9/32 table 255 via - dev 2 scope 254 src 10.0.0.1 metric 0",
            "local 192.0.2.1/32 table 255 via - dev 2 scope 254 src 192.0.2.1 metric 0",
            "local 192.0.2.4/32 table 255 via - dev 2 scope 254 src 192.0.2.4 metric 0",
            "unicast 192.0.2.4/31 table 254 via - dev 2 scope 253 src 192.0.2.4 metric 0",
            "unicast 0.0.0.0/0 table 254 via 10.0.0.254 dev 2 scope 0 src - metric 5",
            "blackhole 203.0.113.0/24 table 9 via  scope 0 src - metric 0",
            "unicast 198.18.0.0/15 table 254 via - dev 3 scope 253 src - metric 0",
        ])
        #expect(kernel.policy.map(\.priority) == [0, 0, 100, 32766, 32767])
        #expect(kernel.policy[1].action == .prohibit && kernel.policy[2].markMask == 0xFF)
        #expect(kernel.neighbors.map(\.state) == [.permanent] && kernel.neighbors[0].link.rawValue == 2)
    }
}
