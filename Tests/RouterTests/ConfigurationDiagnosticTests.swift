import Control
import Router
import Testing

@Suite("What is wrong with a configuration is said at its place")
struct ConfigurationDiagnosticTests {
    static let ports = "ports: [{name: a}]\n"

    static let cases: [(text: String, diagnostics: [String])] = [
        ("", ["c: the configuration is empty; \"ports\" is missing"]),
        ("[]", ["c:1:1: a configuration must be a mapping of keys to values, not a list"]),
        ("ports:", ["c:1:7: ports must name at least one interface"]),
        ("ports: []", ["c:1:8: ports must name at least one interface"]),
        ("ports: a", ["c:1:8: ports must be a list, not \"a\""]),
        ("workers: {}", ["c:1:1: \"ports\" is missing"]),
        ("ports: [{io: copy}]", ["c:1:9: \"name\" is missing"]),
        ("ports: [{name: a}, {name: a}]", ["c:1:27: port \"a\" is in the list already"]),
        ("ports: [{name: lo}]", ["c:1:16: lo cannot be a port: the loopback stays the kernel's"]),
        ("ports: [{name: a/b}]",
            ["c:1:16: \"a/b\" cannot be an interface: a name has 1 to 15 bytes, without spaces, / and :"]),
        ("ports: [{name: a, io: zerocopy}]",
            ["c:1:23: io must be one of auto, zero-copy, copy, af_packet, not \"zerocopy\"; did you mean zero-copy?"]),
        ("ports: [{name: a, rp_filter: off}]", ["c:1:19: unknown key \"rp_filter\"; did you mean \"rp-filter\"?"]),
        ("prots: [{name: a}]", ["c:1:1: \"ports\" is missing", "c:1:1: unknown key \"prots\"; did you mean \"ports\"?"]),
        (ports + "zebra: 1",
            ["c:2:1: unknown key \"zebra\"; there are ports, workers, rules, conntrack, recent, offload, control, log, effects, static"]),
        (ports + "workers: {count: 0, cpus: [1, 1, x], poll: fast}", [
            "c:2:18: count must be a whole number from 1 to 64 or auto, not \"0\"",
            "c:2:31: cpu 1 is in the list already",
            "c:2:34: cpus must be a whole number from 0 to 1023, not \"x\"",
            "c:2:44: poll must be one of adaptive, busy, interrupt, not \"fast\"",
        ]),
        (ports + "recent: {ip-list-tot: 0, ip-pkt-list-tot: 65536, ip_list_hash_size: 1}", [
            "c:2:23: ip-list-tot must be a whole number from 1 to 1000000, not \"0\"",
            "c:2:43: ip-pkt-list-tot must be a whole number from 0 to 65535, not \"65536\"",
            "c:2:50: unknown key \"ip_list_hash_size\"; there are ip-list-tot, ip-pkt-list-tot",
        ]),
        (ports + "recent: {ip-list-tot: 1000000, ip-pkt-list-tot: 65535}", [
            "c:2:9: recent: ip-list-tot times ip-pkt-list-tot is 65535000000; a list has room for 268435456 times",
        ]),
        (ports + "workers: {count: 3, cpus: [1]}", ["c:2:18: 3 workers need as many cpus, but cpus names 1"]),
        (ports + "conntrack:\n  max: 99999999999999999999\n  tcp-loose: maybe\n  timeouts: {tcp-establishd: 1, udp: -1}", [
            "c:3:8: max must be a whole number from 1 to 2147483647 or auto, not \"99999999999999999999\"",
            "c:4:14: tcp-loose must be true or false, not \"maybe\"",
            "c:5:14: unknown key \"tcp-establishd\"; did you mean \"tcp-established\"?",
            "c:5:38: udp must be a whole number from 0 to 2147483, not \"-1\"",
        ]),
        (ports + "conntrack: {helpers: {ftp: [0, 21, 21]}}", [
            "c:2:29: ftp must be a whole number from 1 to 65535, not \"0\"", "c:2:36: port 21 is in the list already",
        ]),
        (ports + "conntrack: {helpers: {tftp: [1, 2, 3, 4, 5, 6, 7, 8, 9], sane: [6566]}}", [
            "c:2:29: a helper has at most 8 ports, not 9",
            "c:2:64: there is no helper \"sane\": SANE's data connections are not followed here: give saned a port range of its own and allow it by a rule",
        ]),
        (ports + "offload: {a: 1}\noffload: off\nrules: {ipv4: [], ipv4: x}", [
            "c:2:10: offload must be one of off, auto, rule, not a mapping",
            "c:3:1: duplicate key \"offload\"; it stands on line 2 already",
            "c:4:15: ipv4 must be the path of a file, not a list",
            "c:4:19: duplicate key \"ipv4\"; it stands on line 4 already",
        ]),
        (ports + "control: {socket: /\(String(repeating: "x", count: 107)), group: }", [
            "c:2:19: the path of a socket has at most 107 bytes", "c:2:136: group must be the name of a group, not nothing",
        ]),
        (ports + "offload: [\n", ["c:3:1: not YAML: while parsing a flow node from line 3: did not find expected node content"]),
        (ports + "---\nports: []", ["c:2:1: not YAML: expected a single document in the stream from line 1: but found another document"]),
        (ports + "static: {ports: [{name: a, mac: \"01:00:00:00:00:01\", mtu: 9, addresses: [10.0.0.300/24]}]}", [
            "c:2:33: 01:00:00:00:00:01 cannot be the address of an interface",
            "c:2:59: mtu must be a whole number from 68 to 65535, not \"9\"",
            "c:2:74: addresses must be like 192.0.2.1/24",
        ]),
        (ports + """
            static:
              ports: [{name: b, mac: "02:00:00:00:00:01", addresses: [10.0.0.1/24]}]
              routes:
                - {to: 10.1.0.1/16, via: 10.0.0.2}
                - {to: default, via: 10.9.0.2}
                - {to: default, metric: 1}
                - {to: default, port: bb, table: mian, metric: 2}
                - {to: default, via: 10.0.0.2, type: blackhole, metric: 3}
              policy: [{priority: 1, fwmark: 1/x, table: 1}, {priority: 2}]
              neighbors: [{address: 10.0.0.2, mac: zz, port: b}, {address: 224.0.0.1, mac: "02:00:00:00:00:02", port: b}]
            """, [
            "c:3:10: port \"a\" is not described here",
            "c:5:12: 10.1.0.1/16 has bits beyond its length; did you mean 10.1.0.0/16?",
            "c:6:26: no port has an address in the subnet of 10.9.0.2; name its port",
            "c:7:7: a route needs \"via\" or \"port\"",
            "c:8:27: no port \"bb\" is described under static; did you mean b?",
            "c:8:38: table must be a whole number from 1 to 4294967295 or main, local or default, not \"mian\"",
            "c:9:26: a route of this type leads nowhere",
            "c:10:34: fwmark must be a mark like 1 or 0x10/0xff, not \"1/x\"",
            "c:10:50: \"table\" is missing",
            "c:11:40: mac must be like \"02:00:00:00:00:01\", not \"zz\"",
            "c:11:64: address must be the address of a host, like 192.0.2.1, not \"224.0.0.1\"",
        ]),
        ("ports: [" + (0..<63).map { "{name: p\($0)}" }.joined(separator: ", ") + "]", ["c:1:805: a router has at most 62 ports, not 63"]),
    ]

    @Test("all mistakes of a file, in order", arguments: cases.indices)
    func diagnostics(_ index: Int) {
        let (text, expected) = Self.cases[index]
        let error = #expect(throws: ConfigurationError.self) { try Configuration.parse(text, file: "c") }
        #expect(error?.diagnostics.map(\.description) == expected)
    }

    @Test("a file that cannot be read is one diagnostic")
    func unreadable() {
        let error = #expect(throws: ConfigurationError.self) { try Configuration.load("/nowhere/c") }
        #expect(error?.diagnostics.map(\.description) == ["/nowhere/c: cannot be read: No such file or directory"])
    }
}
