import Net
import Rules

extension RulesetGenerator {
    /// A target's options, and the protocols it needs with them.
    mutating func targetWords(_ description: ExtensionDescription, table: TableName, hook: Hook?) -> ([String], [UInt8]?) {
        switch description.name {
        case "DNAT": return dnat()
        case "SNAT": return snat(hook: hook)
        case "MASQUERADE":
            return random.chance(25) ? (["--to-ports", chosenPorts()] + randomly(true), [6, 17]) : (randomly(true), nil)
        case "REDIRECT":
            switch random.number(1...10) {
            case 1...5: return (["--to-ports", String(random.pick(Pool.services))], [6, 17])
            case 6: return (["--to-ports", chosenPorts()] + randomly(false), [6, 17])
            default: return ([], nil)
            }
        case "NETMAP":
            return (["--to", random.pick(["198.51.100.0/29", "10.0.0.0/29", "172.16.0.2/32", "198.51.100.6/31"])], nil)
        case "REJECT":
            if random.chance(30) { return (["--reject-with", "tcp-reset"], [6]) }
            let kinds = ["net-unreach", "host-unreach", "proto-unreach", "port-unreach", "net-prohib", "host-prohib", "admin-prohib"]
            return (random.chance(70) ? ["--reject-with", "icmp-" + random.pick(kinds).replacingEnd()] : [], nil)
        case "MARK":
            switch random.number(1...6) {
            case 1: return (["--set-mark", maskedMark()], nil)
            case 2: return (["--set-xmark", maskedMark()], nil)
            case 3: return (["--and-mark", mark()], nil)
            case 4: return (["--or-mark", mark()], nil)
            case 5: return (["--xor-mark", mark()], nil)
            default: return (["--set-mark", mark()], nil)
            }
        case "CONNMARK":
            switch random.number(1...6) {
            case 1: return (["--set-mark", maskedMark()], nil)
            case 2: return (["--set-xmark", maskedMark()], nil)
            case 3: return (["--save-mark"] + (random.chance(30) ? ["--mask", mark()] : []), nil)
            case 4: return (["--restore-mark"] + (random.chance(30) ? ["--mask", mark()] : []), nil)
            case 5: return (["--save-mark", "--nfmask", mark(), "--ctmask", mark()], nil)
            default: return (["--or-mark", mark()], nil)
            }
        case "CT":
            if random.chance(10) {
                let talk = random.pick(HelperTalk.allCases)
                return (["--helper", talk.name], [talk.ipProtocol])
            }
            return (random.pick([["--notrack"], ["--zone", "1"], ["--zone-orig", "2"], ["--zone-reply", "3"]]), nil)
        case "TOS":
            return (random.pick([["--set-tos", tosValue()], ["--set-tos", tosValue() + "/" + tosValue()], ["--or-tos", tosValue()], ["--and-tos", tosValue()], ["--xor-tos", tosValue()]]), nil)
        case "DSCP": return (["--set-dscp", String(random.pick(Pool.tos) >> 2)], nil)
        case "TTL": return ([random.pick(["--ttl-set", "--ttl-inc", "--ttl-dec"]), String(random.pick([1, 2, 5, 64]))], nil)
        case "ECN": return (["--ecn-tcp-remove"], [6])
        case "TCPMSS": return (random.chance(50) ? ["--clamp-mss-to-pmtu"] : ["--set-mss", String(random.pick(Pool.mss))], [6])
        case "TCPOPTSTRIP": return (["--strip-options", random.pick(["mss", "timestamp", "wscale,sack-permitted", "8,30"])], [6])
        case "CLASSIFY": return (["--set-class", "1:\(random.number(1...9))"], nil)
        case "CHECKSUM": return (["--checksum-fill"], nil)
        case "AUDIT": return (["--type", random.pick(["accept", "drop", "reject"])], nil)
        case "TEE": return (["--gateway", random.pick(["10.0.0.4", "172.16.0.3", "198.51.100.4"])], nil)
        case "HMARK":
            let tuple = random.some(["src", "dst", "sport", "dport", "spi", "ct"], 1...4).filter { !["sport", "dport"].contains($0) }
            return (
                ["--hmark-tuple", (tuple.isEmpty ? ["src"] : tuple).joined(separator: ","), "--hmark-mod", String(random.pick([2, 4, 16])), "--hmark-rnd", "0x\(random.number(1...9))"]
                    + (random.chance(40) ? ["--hmark-offset", String(random.number(1...3))] : []), nil
            )
        case "LOG": return (log(), nil)
        case "SET": return (setTarget(table: table), nil)
        case "NFLOG":
            return (
                random.some([0, 1, 2], 0...3).flatMap { part in
                    switch part {
                    case 0: ["--nflog-group", "\(random.pick(Pool.logGroups))"]
                    case 1: ["--nflog-prefix", random.pick(["N1", "\"two words\""])]
                    default: ["--nflog-size", random.pick(["20", "28", "40", "200"])]
                    }
                }, nil
            )
        default: return (description.options.isEmpty ? [] : genericWords(description), nil)
        }
    }

    private mutating func tosValue() -> String { "0x" + String(random.pick(Pool.tos), radix: 16) }

    private mutating func chosenPorts() -> String {
        // One port, or so many that two flows hardly get the same by chance: then they would share a name here, and only on one side.
        let first = random.number(40000...45000)
        return random.chance(40) ? "\(first)" : "\(first)-\(first + 4000)"
    }

    /// Always with a prefix, by which the kernel's lines are found again.
    private mutating func log() -> [String] {
        var words = ["--log-prefix", "\"P\(random.number(1...9)): \""]
        if random.chance(30) { words += ["--log-level", random.pick(["info", "debug", "crit", "5"])] }
        return words + random.some(["--log-tcp-sequence", "--log-tcp-options", "--log-ip-options", "--log-uid", "--log-macdecode"], 0...2)
    }

    /// Asks for a random port.
    private mutating func randomly(_ mayBeFully: Bool) -> [String] {
        random.chance(20) ? [mayBeFully && random.chance(50) ? "--random-fully" : "--random"] : []
    }

    /// An address, or a few that stand in a row.
    private mutating func someAddresses(_ one: IPv4Address) -> String {
        random.chance(75) ? "\(one)" : "\(one)-\(IPv4Address(rawValue: one.rawValue + UInt32(random.number(1...2))))"
    }

    private mutating func dnat() -> ([String], [UInt8]?) {
        let address = random.pick(Pool.hosts.flatMap { $0 } + [Pool.router[0]])
        switch random.number(1...11) {
        case 9: return (["--to-destination", someAddresses(random.pick(Pool.rows))] + (random.chance(50) ? ["--persistent"] : []), nil)
        case 10: return (["--to-destination", "\(address):\(chosenPorts())"] + randomly(false), [6, 17, 132])
        case 11: return (["--to-destination", "\(address):8080-8090/\(random.pick(Pool.services))"], [6, 17])
        case 1...4: return (["--to-destination", "\(address)"], nil)
        case 5...6: return (["--to-destination", "\(address):\(random.pick(Pool.services))"], [6, 17])
        case 7: return (["--to-destination", ":\(random.pick(Pool.services))"], [6, 17])
        default: return (["--to-destination", "\(address)"] + (random.chance(30) ? ["--persistent"] : []), nil)
        }
    }

    private mutating func snat(hook: Hook?) -> ([String], [UInt8]?) {
        // In INPUT an address of its own would make the host answer itself, by the loopback interface, which is the kernel's alone.
        let address = random.pick(Pool.spare + (hook == .postrouting ? [Pool.router[1]] : []))
        switch random.number(1...8) {
        case 1...4: return (["--to-source", "\(address)"], nil)
        case 5: return (["--to-source", someAddresses(address)] + (random.chance(40) ? ["--persistent"] : []), nil)
        case 6: return (["--to-source", "\(address)"] + randomly(true), nil)
        default: return (["--to-source", "\(address):\(chosenPorts())"] + randomly(true), [6, 17])
        }
    }
}

extension RulesetGenerator {
    /// Gives a helper what it waits for, ahead of all other rules of the raw table.
    mutating func help(_ talk: HelperTalk, in tables: inout [TwinCase.Table]) {
        guard let place = tables.firstIndex(where: { $0.name == "raw" }) else { return }
        let words = "-p \(talk.ipProtocol) --dport \(talk.port) -j CT --helper \(talk.name)"
        tables[place].rules.insert("-A PREROUTING " + words, at: 0)
    }
}

extension String {
    /// `net-unreach` → `net-unreachable`, as the option is written out.
    fileprivate func replacingEnd() -> String {
        hasSuffix("unreach") ? self + "able" : hasSuffix("prohib") ? self + "ited" : self
    }
}
