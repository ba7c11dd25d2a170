import Testing

@testable import Rules

@Suite("The list of matches and targets")
struct RegistryTests {
    /// Plug-ins of Debian's iptables 1.8.9 for IPv4, without those that are no match or target themselves.
    static let plugIns = """
        CLUSTERIP ECN NETMAP REJECT TTL ULOG ah icmp realm ttl AUDIT CHECKSUM CLASSIFY CONNMARK CONNSECMARK CT DNAT DSCP
        HMARK IDLETIMER LED LOG MARK MASQUERADE NFLOG NFQUEUE NOTRACK RATEEST REDIRECT SECMARK SET SNAT SYNPROXY TCPMSS
        TCPOPTSTRIP TEE TOS TPROXY TRACE addrtype bpf cgroup cluster comment connbytes connlabel connlimit connmark
        conntrack cpu dccp devgroup dscp ecn esp hashlimit helper ipcomp iprange ipvs length limit mac mark multiport
        nfacct osf owner physdev pkttype policy quota rateest recent rpfilter sctp set socket state statistic string tcp
        tcpmss time tos u32 udp
        """.split(whereSeparator: \.isWhitespace).map(String.init)

    @Test("every plug-in of iptables 1.8.9 is in it, built or refused with a reason", arguments: plugIns)
    func complete(name: String) {
        #expect(Extensions.descriptions.contains { $0.name == name })
    }

    @Test("names are there once, and so are the options of each, aliases included")
    func unique() {
        let names = Extensions.descriptions.map { "\($0.kind.rawValue) \($0.name)" }
        #expect(Set(names).count == names.count)
        for description in Extensions.descriptions {
            let options = description.options.flatMap { [$0.name] + $0.aliases }
            #expect(Set(options).count == options.count, "\(description.name)")
            #expect(!description.summary.isEmpty)
        }
    }

    @Test("each says what it is in -h, with all its options", arguments: Extensions.descriptions.map(\.name))
    func help(name: String) {
        let description = Extensions.descriptions.first { $0.name == name }!
        if case .refused = description.status { return }
        let outcome = IPTables.run([description.kind == .match ? "-m" : "-j", name, "-h"], on: Ruleset())
        #expect(outcome.exitCode == 0)
        for option in description.options { #expect(outcome.output.contains("--\(option.name)")) }
    }

    @Test("what can differ from packet to packet is not called invariant")
    func scope() throws {
        func isInvariant(_ line: String) throws -> Bool {
            let ruleset = try Ruleset.restoring("*filter\n-A FORWARD \(line)\nCOMMIT\n", file: "-")
            let rule = try #require(ruleset[.filter][chain: "FORWARD"]?.rules.first)
            return rule.matches.allSatisfy(\.isFlowInvariant) && rule.target.isFlowInvariant
        }
        for line in [
            "-p tcp --dport 22 -j ACCEPT", "-m conntrack --ctstate NEW", "-m mark --mark 1 -j MARK --set-mark 2", "-j CONNMARK --set-mark 2",
        ] {
            #expect(try isInvariant(line), "\(line)")
        }
        for line in [
            "-p tcp --syn", "-m limit", "-m length --length 5", "-m ttl --ttl-gt 5", "-j LOG",
            "-m statistic --mode random --probability 0.5",
            "-m recent --set", "-m conntrack --ctexpire 5", "-p tcp --syn -j TCPMSS --set-mss 1400", "-j REJECT",
            "-j CONNMARK --restore-mark", "-j CONNMARK --xor-mark 1", "-j CONNMARK --set-mark 2 --left-shift-mark 1",
        ] {
            #expect(try !isInvariant(line), "\(line)")
        }
    }
}
