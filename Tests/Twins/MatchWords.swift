import Rules

extension RulesetGenerator {
    /// A match's options with values that packets of a case have.
    mutating func matchWords(_ description: ExtensionDescription, ipProtocol: UInt8?) -> [String] {
        switch description.name {
        case "tcp": tcp()
        case "udp", "udplite", "sctp", "dccp": transport(description.name)
        case "icmp":
            negatable(20) + [
                "--icmp-type",
                random.pick([
                    "echo-request", "echo-reply", "destination-unreachable", "port-unreachable", "time-exceeded", "8/0", "any",
                    "fragmentation-needed", "3", "11/1", "timestamp-request", "redirect", "13",
                ]),
            ]
        case "multiport": multiport()
        case "conntrack": conntrack()
        case "state": negatable(25) + ["--state", states(["INVALID", "NEW", "ESTABLISHED", "RELATED", "UNTRACKED"])]
        case "mark", "connmark": negatable(25) + ["--mark", maskedMark()]
        case "comment": ["--comment", random.pick(["x", "\"two words\"", "\"with \\\"quotes\\\"\""])]
        case "length": negatable(20) + ["--length", range(Pool.lengths.map { $0 + 20 })]
        case "ttl": random.chance(20) ? ["!", "--ttl-eq", ttl()] : [random.pick(["--ttl-eq", "--ttl-lt", "--ttl-gt"]), ttl()]
        case "tos": negatable(20) + ["--tos", tos()]
        case "dscp":
            negatable(20) + (random.chance(50) ? ["--dscp", String(random.pick(Pool.tos) >> 2)] : ["--dscp-class", random.pick(["EF", "CS1", "BE", "AF11"])])
        case "ecn":
            ipProtocol == 6 && random.chance(60)
                ? random.pick([["--ecn-tcp-cwr"], ["--ecn-tcp-ece"], ["!", "--ecn-tcp-cwr"], ["!", "--ecn-tcp-ece"]])
                : negatable(20) + ["--ecn-ip-ect", String(random.number(0...3))]
        case "tcpmss": negatable(20) + ["--mss", range(Pool.mss)]
        case "iprange": iprange()
        case "mac": negatable(20) + ["--mac-source", "\(random.pick(Pool.macs))"]
        case "pkttype": negatable(20) + ["--pkt-type", random.pick(["unicast", "broadcast", "multicast"])]
        case "ah": ["--ahspi", random.pick(["1", "1:5", "0x100"])]
        case "esp": negatable(20) + ["--espspi", random.pick(["1", "1:5", "256"])]
        case "addrtype": addrtype()
        case "string": string()
        case "u32": ["--u32", u32()]
        case "connbytes":
            negatable(20) + [
                "--connbytes", random.pick(["0:1", "1:", "2:4", "40:200", "100:", "3"]), "--connbytes-dir",
                random.pick(["original", "reply", "both"]), "--connbytes-mode", random.pick(["packets", "bytes", "avgpkt"]),
            ]
        case "connlimit":
            [random.pick(["--connlimit-upto", "--connlimit-above"]), String(random.number(0...3))]
                // A wider mask would put the router's answer beside what it answers, within one tick.
                + (random.chance(20) ? ["--connlimit-mask", "32"] : [])
                + (random.chance(30) ? [random.pick(["--connlimit-saddr", "--connlimit-daddr"])] : [])
        case "connlabel": negatable(20) + ["--label", String(random.number(0...3))] + (random.chance(40) ? ["--set"] : [])
        // The slowest rates: nothing comes back while a case lasts.
        case "limit": ["--limit", random.pick(["1/hour", "3/hour", "1/day", "1/minute"]), "--limit-burst", String(random.number(1...6))]
        case "hashlimit": hashlimit()
        case "recent": recent()
        case "set": setMatch()
        case "quota": negatable(20) + ["--quota", String(random.pick([0, 40, 100, 500, 2000]))]
        case "statistic":
            random.chance(80)
                ? ["--mode", "nth"] + negatable(20) + statisticEvery()
                : ["--mode", "random"] + negatable(20) + ["--probability", random.pick(["0", "1"])]
        case "time": time()
        case "rpfilter": random.some(["--loose", "--validmark", "--accept-local", "--invert"], 0...2)
        case "realm": negatable(20) + ["--realm", random.pick(["0", "1", "0/0xff"])]
        case "devgroup": negatable(20) + [random.pick(["--src-group", "--dst-group"]), random.pick(["0", "1", "0/1"])]
        case "cluster":
            ["--cluster-total-nodes", "2"] + negatable(20)
                + ["--cluster-local-node", random.pick(["1", "2"]), "--cluster-hash-seed", "0x7"]
        case "helper": negatable(20) + ["--helper", random.pick(["ftp", "irc", "tftp", "sip"])]
        case "socket": random.some(["--transparent", "--nowildcard", "--restore-skmark"], 0...2)
        // Protocol; length; a port behind the header; an address.
        case "bpf":
            [
                "--bytecode",
                random.pick([
                    "\"4,48 0 0 9,21 0 1 6,6 0 0 1,6 0 0 0\"", "\"4,48 0 0 9,21 0 1 17,6 0 0 65535,6 0 0 0\"",
                    "\"4,128 0 0 0,37 0 1 60,6 0 0 1,6 0 0 0\"", "\"5,177 0 0 0,72 0 0 2,21 0 1 80,6 0 0 1,6 0 0 0\"",
                    "\"4,32 0 0 12,21 0 1 167772162,6 0 0 1,6 0 0 0\"",
                ]),
            ]
        case "policy": ["--dir", random.pick(["in", "out"]), "--pol", "none"]
        default: genericWords(description)
        }
    }

    private mutating func port() -> String { String(random.pick(Pool.ports)) }
    private mutating func ttl() -> String { String(random.pick(Pool.ttls)) }
    private mutating func tos() -> String {
        "0x" + String(random.pick(Pool.tos), radix: 16) + (random.chance(40) ? "/0x" + String(random.pick(Pool.tos), radix: 16) : "")
    }

    private mutating func ports() -> String {
        switch random.number(1...10) {
        case 1...6: return port()
        case 7: return "1024:65535"
        case 8: return ":1023"
        default:
            let ends = [random.pick(Pool.ports), random.pick(Pool.ports)].sorted()
            return "\(ends[0]):\(ends[1])"
        }
    }

    private mutating func range(_ values: [Int]) -> String {
        let ends = [random.pick(values), random.pick(values)].sorted()
        return random.chance(50) ? "\(ends[0])" : "\(ends[0]):\(ends[1])"
    }

    private mutating func tcp() -> [String] {
        var words: [String] = []
        if random.chance(40) { words += negatable(25) + ["--sport", ports()] }
        if random.chance(50) { words += negatable(25) + ["--dport", ports()] }
        if random.chance(30) {
            let all = ["FIN", "SYN", "RST", "PSH", "ACK", "URG"]
            if random.chance(30) {
                words += negatable(25) + ["--syn"]
            } else {
                let mask = random.some(all, 1...6)
                let set = random.some(mask, 0...3)
                words += negatable(25) + ["--tcp-flags", mask.joined(separator: ","), set.isEmpty ? "NONE" : set.joined(separator: ",")]
            }
        }
        if random.chance(15) { words += negatable(25) + ["--tcp-option", random.pick(["2", "3", "4", "8", "30"])] }
        return words
    }

    private mutating func transport(_ name: String) -> [String] {
        var words: [String] = []
        if random.chance(50) { words += negatable(25) + ["--sport", ports()] }
        if random.chance(60) { words += negatable(25) + ["--dport", ports()] }
        if name == "sctp", random.chance(50) {
            words += negatable(25) + ["--chunk-types", random.pick(["any", "all", "only"]), random.pick(["DATA", "INIT", "DATA,SACK", "INIT,DATA:Be", "ABORT:T"])]
        }
        if name == "dccp" {
            if random.chance(40) { words += negatable(25) + ["--dccp-types", random.pick(["REQUEST", "DATA,ACK", "RESET,CLOSE", "INVALID"])] }
            if random.chance(20) { words += negatable(25) + ["--dccp-option", random.pick(["1", "37"])] }
        }
        return words
    }

    private mutating func multiport() -> [String] {
        let entries = (0..<random.number(1...6)).map { _ in
            let ends = [random.pick(Pool.ports), random.pick(Pool.ports)].sorted()
            return random.chance(70) || ends[0] == ends[1] ? "\(ends[0])" : "\(ends[0]):\(ends[1])"
        }
        return negatable(25) + [random.pick(["--sports", "--dports", "--ports"]), entries.joined(separator: ",")]
    }

    private mutating func states(_ names: [String]) -> String { random.some(names, 1...3).joined(separator: ",") }

    private mutating func conntrack() -> [String] {
        var words: [String] = []
        for kind in random.some(random.chance(30) ? [0] : Array(2...7), 1...2) {
            words += negatable(25)
            switch kind {
            case 0, 1:
                words += ["--ctstate", states(["INVALID", "NEW", "ESTABLISHED", "RELATED", "UNTRACKED", "SNAT", "DNAT"])]
            case 2: words += ["--ctproto", random.pick(["tcp", "udp", "icmp", "47"])]
            case 3: words += [random.pick(["--ctorigsrc", "--ctorigdst", "--ctreplsrc", "--ctrepldst"]), subnet()]
            case 4:
                words += [random.pick(["--ctorigsrcport", "--ctorigdstport", "--ctreplsrcport", "--ctrepldstport"]), ports()]
            case 5: words += ["--ctstatus", states(["NONE", "EXPECTED", "SEEN_REPLY", "ASSURED", "CONFIRMED"])]
            case 6: words += ["--ctexpire", random.pick(["20:40", "100:200", "50:400000", "0:15"])]
            default:
                if words.last == "!" { words.removeLast() }
                words += ["--ctdir", random.pick(["ORIGINAL", "REPLY"])]
            }
        }
        return words
    }

    /// Masks with holes are lost when iptables saves them.
    private mutating func subnet() -> String {
        "\(random.pick(Pool.everywhere))" + (random.chance(40) ? "/\(random.pick([8, 24, 30]))" : "")
    }

    private mutating func iprange() -> [String] {
        var words: [String] = []
        func option(_ name: String) -> [String] {
            let ends = [random.pick(Pool.everywhere), random.pick(Pool.everywhere)].sorted()
            return negatable(25) + [name, "\(ends[0])-\(ends[1])"]
        }
        let both = random.number(1...3)
        if both != 1 { words += option("--src-range") }
        if both != 2 { words += option("--dst-range") }
        return words
    }

    private mutating func addrtype() -> [String] {
        let kinds = ["UNICAST", "LOCAL", "BROADCAST", "MULTICAST", "ANYCAST", "BLACKHOLE", "UNSPEC"]
        var words = negatable(25) + [random.pick(["--src-type", "--dst-type"]), random.some(kinds, 1...2).joined(separator: ",")]
        if random.chance(15) { words.append(random.pick(["--limit-iface-in", "--limit-iface-out"])) }
        return words
    }

    private mutating func string() -> [String] {
        var words = negatable(25) + ["--string", random.pick(["GET", "EVIL", "anonymous", "hello", "o"]), "--algo", random.pick(["bm", "kmp"])]
        if random.chance(30) { words += ["--from", String(random.pick([0, 20, 28, 40]))] }
        if random.chance(30) { words += ["--to", String(random.pick([40, 48, 60, 100]))] }
        if random.chance(20) { words.append("--icase") }
        return words
    }

    private mutating func u32() -> String {
        random.pick([
            "0&0xFFFF=0x14:0x64", "6&0xFF=6", "6&0xFF=0x11,0x1", "4&0x3FFF=0", "8>>24=0x3F:0x40", "12=0x0A000002",
            "0>>22&0x3C@0>>16=0x16:0x50", "0>>22&0x3C@12>>26&0x3C@0=0x47455420", "6&0xFF=6&&0>>22&0x3C@12&0xFF=0:0xFFFF",
        ]).split(separator: " ").joined()
    }

    private mutating func hashlimit() -> [String] {
        var words = [random.pick(["--hashlimit-upto", "--hashlimit-above"]), random.pick(["1/hour", "2/hour", "1/minute"])]
        words += ["--hashlimit-burst", String(random.number(1...5))]
        if random.chance(80) { words += ["--hashlimit-mode", random.some(["srcip", "srcport", "dstip", "dstport"], 1...3).joined(separator: ",")] }
        if random.chance(20) { words += ["--hashlimit-srcmask", random.pick(["24", "16"])] }
        return words + ["--hashlimit-name", "h\(random.number(1...1_000_000))"]
    }

    private mutating func recent() -> [String] {
        var words = negatable(15)
        words.append(random.pick(["--set", "--rcheck", "--update", "--remove"]))
        if words.last == "--rcheck" || words.last == "--update" {
            if random.chance(50) { words += ["--seconds", random.pick(["60", "3600"])] }
            if random.chance(50) { words += ["--hitcount", String(random.number(1...4))] }
            if random.chance(20) { words += ["--rttl"] }
        }
        words += ["--name", random.pick(RecentLists.names)]
        if random.chance(30) { words.append(random.pick(["--rsource", "--rdest"])) }
        if random.chance(20) { words += ["--mask", random.pick(["255.255.255.0", "255.255.255.255"])] }
        return words
    }

    private mutating func statisticEvery() -> [String] {
        let every = random.number(1...5)
        return ["--every", String(every)] + (random.chance(50) ? ["--packet", String(random.number(0...every - 1))] : [])
    }

    private mutating func time() -> [String] {
        // Years away from the day this runs, whichever it is; and whole days, whose boundaries are far unless it is midnight.
        random.pick([
            ["--datestart", "2001-01-01T00:00:00"], ["--datestop", "2001-01-01T00:00:00"],
            ["--datestart", "2001-01-01T00:00:00", "--datestop", "2105-01-01T00:00:00"], ["--timestart", "00:00:00"],
        ])
    }
}
