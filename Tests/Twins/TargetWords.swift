import Rules

extension RulesetGenerator {
    /// A target's options, and the protocols it needs with them.
    mutating func targetWords(_ description: ExtensionDescription, hook: Hook?) -> ([String], [UInt8]?) {
        switch description.name {
        case "DNAT": return dnat()
        case "SNAT": return snat(hook: hook)
        case "MASQUERADE":
            return random.chance(25) ? (["--to-ports", chosenPorts()], [6, 17]) : ([], nil)
        case "REDIRECT":
            return random.chance(60) ? (["--to-ports", String(random.pick(Pool.services))], [6, 17]) : ([], nil)
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
        case "CT": return (random.pick([["--notrack"], ["--zone", "1"], ["--zone-orig", "2"], ["--zone-reply", "3"]]), nil)
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
        case "LOG": return (random.chance(50) ? ["--log-prefix", "twins"] : [], nil)
        case "NFLOG": return (["--nflog-group", "5"], nil)
        default: return (description.options.isEmpty ? [] : genericWords(description), nil)
        }
    }

    private mutating func tosValue() -> String { "0x" + String(random.pick(Pool.tos), radix: 16) }

    private mutating func chosenPorts() -> String {
        let first = random.number(40000...49990)
        return random.chance(30) ? "\(first)" : "\(first)-\(first + random.number(0...9))"
    }

    private mutating func dnat() -> ([String], [UInt8]?) {
        let address = random.pick(Pool.hosts.flatMap { $0 } + [Pool.router[0]])
        switch random.number(1...8) {
        case 1...4: return (["--to-destination", "\(address)"], nil)
        case 5...6: return (["--to-destination", "\(address):\(random.pick(Pool.services))"], [6, 17])
        case 7: return (["--to-destination", ":\(random.pick(Pool.services))"], [6, 17])
        default: return (["--to-destination", "\(address)"] + (random.chance(30) ? ["--persistent"] : []), nil)
        }
    }

    private mutating func snat(hook: Hook?) -> ([String], [UInt8]?) {
        // In INPUT an address of its own would make the host answer itself, by the loopback interface, which is the kernel's alone.
        let address = random.pick(Pool.spare + (hook == .postrouting ? [Pool.router[1]] : []))
        switch random.number(1...6) {
        case 1...4: return (["--to-source", "\(address)"], nil)
        default: return (["--to-source", "\(address):\(chosenPorts())"], [6, 17])
        }
    }
}

extension String {
    /// `net-unreach` → `net-unreachable`, as the option is written out.
    fileprivate func replacingEnd() -> String {
        hasSuffix("unreach") ? self + "able" : hasSuffix("prohib") ? self + "ited" : self
    }
}
