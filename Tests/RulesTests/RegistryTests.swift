import Glibc
import TestSupport
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

    /// With MARTLET_RECORD=1 the table is written.
    @Test("EXTENSIONS.md ends in the table of this list")
    func documentation() throws {
        let path = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/") + "/EXTENSIONS.md"
        let text = String(decoding: try readFile(path), as: UTF8.self)
        let table = "\n## The list\n\n" + Extensions.documentation
        if unsafe getenv("MARTLET_RECORD") != nil {
            let head = text.split(separator: "\n## The list", maxSplits: 1).first.map(String.init) ?? text
            try writeFile(path, head + table)
        } else {
            #expect(text.hasSuffix(table), "MARTLET_RECORD=1 writes it")
        }
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
            "-m devgroup --src-group 1", "-m addrtype --dst-type LOCAL", "-m realm --realm 5", "-m policy --dir in --pol none",
            "-m iprange --src-range 10.0.0.1-10.0.0.9", "-p sctp -m sctp --dport 5", "-p dccp -m dccp ! --sport 5",
            "-p udplite -m udplite --dport 5",
        ] {
            #expect(try isInvariant(line), "\(line)")
        }
        for line in [
            "-p tcp --syn", "-m limit", "-m length --length 5", "-m ttl --ttl-gt 5", "-j LOG",
            "-m statistic --mode random --probability 0.5",
            "-j CONNMARK --restore-mark", "-j CONNMARK --xor-mark 1", "-j CONNMARK --set-mark 2 --left-shift-mark 1",
            "-m recent --set", "-m conntrack --ctexpire 5", "-m time --weekdays Mon", "-m mac --mac-source 02:00:00:00:00:01",
            "-m pkttype --pkt-type unicast", "-m cpu --cpu 0", "-m statistic --mode nth --every 2 --packet 0",
            "-m rateest --rateest a --rateest-gt --rateest-pps 1",
            "-j RATEEST --rateest-name a --rateest-interval 250ms --rateest-ewmalog 1s", "-p tcp --syn -j TCPMSS --set-mss 1400", "-j REJECT",
            "-m tos --tos 1", "-m dscp --dscp 1", "-m ecn --ecn-ip-ect 1", "-p tcp -m tcpmss --mss 5", "-m unclean",
            "-m string --algo bm --string x", "-m u32 --u32 0=0", "-m bpf --bytecode \"1,6 0 0 1\"",
            "-p sctp -m sctp --chunk-types any DATA", "-p dccp -m dccp --dccp-types DATA",
            "-p dccp -m dccp --dccp-option 1", "-p ah -m ah --ahspi 5", "-p esp -m esp --espspi 5",
        ] {
            #expect(try !isInvariant(line), "\(line)")
        }
        // What a packet becomes depends on what it was.
        for target in ["TOS --set-tos 1", "DSCP --set-dscp 1", "TTL --ttl-set 9", "ECN --ecn-ip-ect 0", "CHECKSUM --checksum-fill"] {
            let ruleset = try Ruleset.restoring("*mangle\n-A FORWARD -j \(target)\nCOMMIT\n", file: "-")
            #expect(ruleset[.mangle][chain: "FORWARD"]?.rules.first?.target.isFlowInvariant == false, "\(target)")
        }
    }
}
