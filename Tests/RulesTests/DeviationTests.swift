import Testing

@testable import Rules

/// What iptables-legacy 1.8.9 lacks, loses when it saves, or takes for something else than it says, and what we do
/// instead: accept it, keep it, or refuse it.
struct Deviation: Sendable, CustomStringConvertible {
    var rule: String
    /// nil if it is refused.
    var saved: String?
    var table = "filter"
    var chain = "INPUT"

    init(_ rule: String, _ saved: String?, table: String = "filter", chain: String = "INPUT") {
        self.rule = rule
        self.saved = saved
        self.table = table
        self.chain = chain
    }

    var description: String { rule }
}

@Suite("Where we do better than iptables")
struct DeviationTests {
    @Test(
        "conditions are kept that iptables-save drops, and garbage that iptables takes is refused",
        arguments: [
            // iptables-save drops these conditions, and the rule restored would match everything.
            Deviation("! -i +", "! -i +"),
            Deviation("-p ah -m ah ! --ahspi :", "-p ah -m ah ! --ahspi 0:4294967295"),
            Deviation("-p esp -m esp ! --espspi :", "-p esp -m esp ! --espspi 0:4294967295"),
            Deviation("-m conntrack --ctorigsrc 10.1.2.3/255.0.255.0", "-m conntrack --ctorigsrc 10.1.2.3/255.0.255.0"),
            Deviation("-p tcp ! --dport 0:65535", "-p tcp -m tcp ! --dport 0:65535"),
            Deviation("-p udp ! --sport :", "-p udp -m udp ! --sport 0:65535"),
            // It takes the option's own letter for a part of what is attached to it.
            Deviation("-ieth0 -jDROP", "-i eth0 -j DROP"),
            Deviation("--jump=DROP --source=10.1.1.1", "-s 10.1.1.1/32 -j DROP"),
            // It saves them without the quotation marks they need.
            Deviation("-i \"eth 0\"", "-i \"eth 0\""),
            Deviation("-m set --match-set \"a b\" src", "-m set --match-set \"a b\" src"),
            Deviation("-j SET --add-set \"a b\" src", "-j SET --add-set \"a b\" src"),
            Deviation("-m rateest --rateest \"a b\" --rateest-lt --rateest-bps 8", "-m rateest --rateest \"a b\" --rateest-lt --rateest-bps 8bit"),
            Deviation(
                "-m recent --set --name \"a b\"", "-m recent --set --name \"a b\" --mask 255.255.255.255 --rsource"),
            // It saves the comparison twice, and then does not read it back.
            Deviation(
                "-m rateest --rateest-delta --rateest a --rateest-bps1 8bit --rateest-eq --rateest-bps2 8bit --rateest-pps1 1 --rateest-pps2 2",
                "-m rateest --rateest-delta --rateest a --rateest-bps1 8bit --rateest-eq --rateest-bps2 8bit --rateest-pps1 1 --rateest-eq --rateest-pps2 2"),
            Deviation(
                "-m rateest --rateest-delta --rateest a --rateest-bps1 8bit --rateest-eq --rateest-bps2 8bit --rateest-pps1 1 --rateest-eq --rateest-pps2 2",
                "-m rateest --rateest-delta --rateest a --rateest-bps1 8bit --rateest-eq --rateest-bps2 8bit --rateest-pps1 1 --rateest-eq --rateest-pps2 2"),
            // It saves a range of one port without its end, and then does not read it back.
            Deviation(
                "-p udp -j DNAT --to-destination 10.0.0.2:91-91/8000", "-p udp -j DNAT --to-destination 10.0.0.2:91-91/8000", table: "nat",
                chain: "PREROUTING"),
            // It reads something else than what stands there.
            Deviation("-m hashlimit --hashlimit-upto 96KB/s --hashlimit-name x", nil),
            Deviation("-m hashlimit --hashlimit-above 1gb/s --hashlimit-name x", nil),
            Deviation("-m hashlimit --hashlimit-upto 5/sec --hashlimit-name x --hashlimit-rate-interval 7", nil),
            Deviation("-m recent --set --mask 24", nil),
            Deviation("-m time --weekdays 8", nil),
            Deviation("-p tcp -j SYNPROXY --mss 65536", nil),
            Deviation("-j CLASSIFY --set-class 1:10000", nil, table: "mangle", chain: "FORWARD"),
            Deviation("-j NETMAP --to 10.0.0.0/255.0.255.0", nil, table: "nat", chain: "PREROUTING"),
            Deviation("-j SNAT --to-source 1.2.3.9-1.2.3.4", nil, table: "nat", chain: "POSTROUTING"),
            Deviation("-j CT --zone mark --zone-orig 3", nil, table: "raw", chain: "PREROUTING"),
            // As with the kernel's module loaded for that port.
            Deviation("-p tcp -j CT --helper ftp-2121", "-p tcp -j CT --helper ftp-2121", table: "raw", chain: "PREROUTING"),
            Deviation("-p udp -j CT --helper ftp-2121", nil, table: "raw", chain: "PREROUTING"),
            Deviation("-p tcp -j CT --helper ftp-21", nil, table: "raw", chain: "PREROUTING"),
            Deviation("-p tcp -j CT --helper sip-2121", nil, table: "raw", chain: "PREROUTING"),
            // The kernel or iptables has lost them, or never had them.
            Deviation("-m unclean -j DROP", "-m unclean -j DROP"),
            Deviation("-j MIRROR", "-j MIRROR"),
            Deviation("-p udplite --dport 5", "-p udplite -m udplite --dport 5"),
            Deviation("-j ULOG --ulog-prefix \"x y\"", "-j ULOG --ulog-prefix \"x y\" --ulog-nlgroup 1"),
            Deviation("-j FLOWOFFLOAD", "-j FLOWOFFLOAD", chain: "FORWARD"),
        ])
    func deviations(deviation: Deviation) {
        let line = Line(table: deviation.table, chain: deviation.chain, rule: deviation.rule)
        #expect(line.saved() == deviation.saved.map { ["-A \(deviation.chain) \($0)"] })
    }

    @Test("a line feed in an argument is refused: iptables saves it, and then cannot read its own file")
    func lineFeeds() {
        let outcome = IPTables.run(["-A", "INPUT", "-m", "comment", "--comment", "one\ntwo"], on: Ruleset())
        #expect(outcome.exitCode == 2 && outcome.ruleset == nil && outcome.errors.contains("line feed"))
    }
}
