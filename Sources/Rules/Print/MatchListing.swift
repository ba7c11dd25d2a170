import Net

extension ListPrinter {
    /// A match in the words `iptables -L` has for it; those that have none of their own list their saved form.
    mutating func list(_ match: Match, _ rule: Rule) {
        switch match {
        case .tcp(let tcp):
            append(" tcp")
            list(tcp.ports, rule)
            if let option = tcp.option { append(" option=\(option.isNegated ? "!" : "")\(option.value)") }
            if let flags = tcp.flags {
                func text(_ flags: TCPFlags) -> String {
                    "0x" + Number.hexadecimal(flags.rawValue, digits: 2).dropFirst(2).uppercased()
                }
                let mask = text(flags.value.mask)
                let set = text(flags.value.set)
                append(" flags:\(flags.isNegated ? "!" : "")")
                append(isNumeric ? "\(mask)/\(set)" : "\(flags.value.mask)/\(flags.value.set)")
            }
        case .udp(let udp):
            append(" udp")
            list(udp.ports, rule)
        case .icmp(let icmp): list(icmp)
        case .bpf(let bpf):
            append("match bpf \(bpf.program.map { "\($0.code) \($0.jumpTrue) \($0.jumpFalse) \($0.operand)" }.joined(separator: ","))\0")
        case .comment(let comment): append(" /* \(comment.text) */")
        case .limit(let limit):
            append(" limit: avg \(LimitMatch.Rate.description(interval: limit.interval)) burst \(limit.burst)")
        case .mark(let mark): append(" mark match\(mark.mark.isNegated ? " ! " : " ")\(mark.mark.value)")
        case .connmark(let mark): append(" connmark match \(mark.mark.isNegated ? "!" : "") \(mark.mark.value)")
        case .multiport(let multiport):
            let ipProtocol = rule.ipProtocol?.value.rawValue
            let list = multiport.ports.value.map { range in
                let first = port(range.lowerBound, ipProtocol)
                return range.lowerBound == range.upperBound ? first : "\(first):\(port(range.upperBound, ipProtocol))"
            }
            append(" multiport \(multiport.side.rawValue) \(multiport.ports.isNegated ? " !" : "")")
            append(list.joined(separator: ","))
        case .mac(let mac): append(" MAC\(mac.source.isNegated ? " ! " : " ")\(mac.source.value)")
        case .addrtype(let addrtype):
            append(" ADDRTYPE match")
            if let source = addrtype.source { append(" src-type \(source.isNegated ? "!" : "")\(source.value)") }
            if let destination = addrtype.destination {
                append(" dst-type \(destination.isNegated ? "!" : "")\(destination.value)")
            }
            if let confinement = addrtype.confinement {
                append(confinement == .inInterface ? " limit-in" : " limit-out")
            }
        case .length(let length): append(" length \(length.lengths.isNegated ? "!" : "")\(length.lengths.value.text)")
        case .ttl(let ttl):
            switch ttl.comparison {
            case .equal(let value): append(" TTL match TTL == \(value)")
            case .notEqual(let value): append(" TTL match TTL != \(value)")
            case .less(let value): append(" TTL match TTL < \(value)")
            case .greater(let value): append(" TTL match TTL > \(value)")
            }
        case .tos(let tos):
            let sign = tos.tos.isNegated ? "!" : ""
            if let name = symbol(tos.tos.value) {
                append(" tos match \(sign)\(name)")
            } else {
                append(" tos match\(sign)\(tos.tos.value)")
            }
        case .dscp(let dscp):
            append(
                " DSCP match \(dscp.codePoint.isNegated ? "!" : "")\(Number.hexadecimal(dscp.codePoint.value, digits: 2))"
            )
        case .pkttype(let pkttype):
            append(" PKTTYPE \(pkttype.kind.isNegated ? "!= " : "= ")\(pkttype.kind.value.rawValue)")
        case .helper(let helper):
            append(" helper match \(helper.name.isNegated ? "! " : "")\"\(helper.name.value)\"")
        case .iprange(let range):
            if let source = range.source {
                append(" source IP range \(source.isNegated ? "! " : "")\(source.value.first)-\(source.value.last)")
            }
            if let destination = range.destination {
                append(
                    " destination IP range \(destination.isNegated ? "! " : "")\(destination.value.first)-\(destination.value.last)"
                )
            }
        case .recent(let recent): list(recent)
        case .statistic(let statistic): list(statistic)
        case .quota(let quota): append(" quota: \(quota.quota.value) bytes")
        case .connlimit(let connlimit):
            let side = connlimit.countsDestinations ? "dst" : "src"
            append(" #conn \(side)/\(connlimit.prefixLength) \(connlimit.isAbove ? ">" : "<=") \(connlimit.limit)")
        case .connbytes(let connbytes):
            var printer = RulePrinter()
            connbytes.print(to: &printer)
            let amount = printer.text.split(separator: " ").first { $0.first?.isNumber == true } ?? ""
            append(connbytes.amount.isNegated ? " ! " : " ")
            append(
                "connbytes \(amount) connbytes mode \(connbytes.unit.rawValue) connbytes direction \(connbytes.side.rawValue)"
            )
        case .string(let string): list(string)
        case .hashlimit(let hashlimit): list(hashlimit)
        case .time(let time): list(time)
        case .rpfilter(let rpfilter):
            append(" rpfilter")
            savedForm(rpfilter)
        case .socket(let socket):
            var printer = RulePrinter()
            socket.print(to: &printer)
            append(" socket\(printer.text)")
        case .ah, .esp, .ecn, .connlabel, .cpu, .tcpmss, .cluster: listShort(match)
        case .policy(let policy): list(policy)
        case .conntrack(let conntrack): list(conntrack)
        case .u32(let u32):
            var printer = RulePrinter()
            u32.print(to: &printer)
            append(printer.text.hasPrefix(" ! --u32") ? " u32 !\(printer.text.dropFirst(8))" : " u32\(printer.text.dropFirst(6))")
        case .devgroup(let group):
            if let source = group.source { named("src-group", source, .deviceGroups) }
            if let destination = group.destination { named("dst-group", destination, .deviceGroups) }
        case .realm(let realm): named("realm", realm.realm, .realms)
        case .owner(let owner): list(owner)
        case .dccp(let dccp):
            append(" dccp")
            list(dccp.ports, rule)
            if let types = dccp.types {
                // INVALID stands for every number that no type has.
                let numbers = (0..<16).filter { types.value.rawValue & 1 << UInt16($0 > 9 ? 15 : $0) != 0 }.map(String.init)
                let names = DCCPMatch.Types.names.filter { types.value.contains($0.value) }.map(\.key)
                append("\(types.isNegated ? " ! " : " ")\((isNumeric ? numbers : names).joined(separator: ","))")
            }
            if let option = dccp.option { append(" option=\(option.isNegated ? "!" : "")\(option.value)") }
        case .sctp(let sctp):
            append(" sctp")
            list(sctp.ports, rule)
            if let chunks = sctp.chunks { append("\(chunks.isNegated ? " ! " : " ")\(chunks.value.mode.rawValue) \(chunks.value.text(isNumeric: isNumeric))") }
        default: savedForm(match.value)
        }
    }

    /// Those that list what they save in other words.
    private mutating func listShort(_ match: Match) {
        var printer = RulePrinter()
        match.value.print(to: &printer)
        var words = printer.text.split(separator: " ").map(String.init)[...]
        switch match {
        case .ecn: append(" ECN match")
        case .tcpmss: append(" tcpmss match")
        default: append(" \(match.description.name)")
        }
        var ends = ""
        while let option = words.popFirst() {
            let isNegated = option == "!"
            let name = (isNegated ? words.popFirst() ?? "" : option).dropFirst(2)
            let sign = isNegated ? "!" : ""
            switch name {
            case "ahspi", "espspi":
                let value = words.popFirst() ?? ""
                append(" \(value.contains(":") ? "spis" : "spi"):\(sign)\(value)")
            case "ecn-tcp-ece": append(" \(sign)ECE")
            case "ecn-tcp-cwr": ends = " \(sign)CWR" + ends
            case "ecn-ip-ect": ends += " \(sign)ECT=\(words.popFirst() ?? "")"
            case "label": append(" \(sign)\(sign.isEmpty ? "" : " ")\(words.popFirst()?.filter { $0 != "\"" } ?? "")")
            case "set": append(" set")
            case "cpu": append(" \(sign)\(sign.isEmpty ? "" : " ")\(words.popFirst() ?? "")")
            case "mss": append(" \(sign)\(words.popFirst() ?? "")")
            case "cluster-local-nodemask": append(" \(sign)node_mask=\(words.popFirst() ?? "")")
            case "cluster-total-nodes": append(" total_nodes=\(words.popFirst() ?? "")")
            case "cluster-hash-seed": append(" hash_seed=\(words.popFirst() ?? "")")
            default: append(" \(sign)\(name) \(words.popFirst() ?? "")")
            }
        }
        append(ends)
        if case .ah = match, printer.text.isEmpty { append(" ") }
    }

    /// A number or a range of them; one number alone by its name.
    private func account(_ range: ClosedRange<UInt32>, _ name: (UInt32) -> String?) -> String {
        if !isNumeric, range.count == 1, let name = name(range.lowerBound) { return name }
        return RulePrinter.range(range, separator: "-")
    }

    private mutating func list(_ owner: OwnerMatch) {
        if let hasSocket = owner.hasSocket { append("\(hasSocket ? "" : " !") owner socket exists") }
        if let users = owner.users {
            append("\(users.isNegated ? " !" : "") owner UID match \(account(users.value, Names.user))")
        }
        if let groups = owner.groups {
            append("\(groups.isNegated ? " !" : "") owner GID match \(account(groups.value, Names.group))")
        }
        if owner.countsSupplementaryGroups { append(" incl. suppl. groups") }
    }

    private mutating func list(_ hashlimit: HashlimitMatch) {
        var printer = RulePrinter()
        hashlimit.print(to: &printer, ofWhole: true)
        // The saved values in the same order, under shorter names; the list's name is not shown.
        var words = printer.text.split(separator: " ").map(String.init)[...]
        append(" limit:")
        while let option = words.popFirst() {
            let name = option.dropFirst("--hashlimit-".count)
            switch name {
            case "upto": append(" up to \(words.popFirst() ?? "")")
            case "above": append(" above \(words.popFirst() ?? "")")
            case "mode":
                let mode = (words.popFirst() ?? "").map { $0 == "," ? "-" : String($0) }.joined()
                append(" mode \(mode)")
            case "name": _ = words.popFirst()
            case "rate-match": append(" rate-match")
            default: append(" \(name) \(words.popFirst() ?? "")")
            }
        }
    }

    private mutating func list(_ time: TimeMatch) {
        var printer = RulePrinter()
        time.print(to: &printer)
        let words = printer.text.split(separator: " ").map(String.init)
        func value(_ option: String) -> String? {
            words.firstIndex(of: "--\(option)").map { words[$0 + 1] }
        }
        append(" TIME")
        if let start = value("timestart"), let stop = value("timestop") { append(" from \(start) to \(stop)") }
        if let days = value("weekdays") { append(" on \(days)") }
        if let days = value("monthdays") {
            append(" on \(days.split(separator: ",").map(Self.ordinal).joined(separator: ","))")
        }
        if let start = value("datestart") {
            append(" starting from \(start.map { $0 == "T" ? " " : String($0) }.joined())")
        }
        if let stop = value("datestop"), stop != "2038-01-19T03:14:07" {
            append(" until date \(stop.map { $0 == "T" ? " " : String($0) }.joined())")
        }
        if !time.usesLocalTime { append(" UTC") }
        if time.isContiguous { append(" contiguous") }
    }

    /// By the last digit alone, as iptables has it: 11st.
    private static func ordinal(_ number: Substring) -> String {
        switch number.last {
        case "1": "\(number)st"
        case "2": "\(number)nd"
        case "3": "\(number)rd"
        default: "\(number)th"
        }
    }

    private mutating func list(_ string: StringMatch) {
        var printer = RulePrinter()
        string.print(to: &printer)
        // The pattern is quoted, and nothing behind it is.
        guard let start = printer.text.firstIndex(of: "\""), let end = printer.text.lastIndex(of: "\"") else { return }
        append(" STRING match \(string.pattern.isNegated ? "!" : "") \(printer.text[start...end])")
        append(" ALGO name \(string.algorithm.rawValue)")
        if string.from != 0 { append(" FROM \(string.from)") }
        if string.to != .max { append(" TO \(string.to)") }
        if string.ignoresCase { append(" ICASE") }
    }

    private mutating func list(_ ports: TransportPorts, _ rule: Rule) {
        list("spt", ports.source, rule)
        list("dpt", ports.destination, rule)
    }

    private mutating func list(_ name: String, _ ports: Negatable<ClosedRange<UInt16>>?, _ rule: Rule) {
        guard let ports, ports.isNegated || ports.value != 0...65535 else { return }
        let ipProtocol = rule.ipProtocol?.value.rawValue
        append(" \(name)")
        let sign = ports.isNegated ? "!" : ""
        if ports.value.lowerBound == ports.value.upperBound {
            append(":\(sign)\(port(ports.value.lowerBound, ipProtocol))")
        } else {
            append("s:\(sign)\(port(ports.value.lowerBound, ipProtocol)):\(port(ports.value.upperBound, ipProtocol))")
        }
    }

    private mutating func list(_ icmp: ICMPMatch) {
        let kind = icmp.kind.value
        if !isNumeric, let name = ICMPMatch.names.first(where: { $0.kind == kind })?.name {
            append(" icmp \(icmp.kind.isNegated ? "!" : "")\(name)")
            return
        }
        append(" icmp\(icmp.kind.isNegated ? " !" : "")type \(kind.type)")
        if kind.codes.lowerBound == kind.codes.upperBound {
            append(" code \(kind.codes.lowerBound)")
        } else if kind.codes != 0...255 {
            append(" codes \(kind.codes.lowerBound)-\(kind.codes.upperBound)")
        }
    }

    private mutating func list(_ recent: RecentMatch) {
        append(" \(recent.isNegated ? "! " : "")recent: ")
        switch recent.operation {
        case .set: append("SET")
        case .check: append("CHECK")
        case .update: append("UPDATE")
        case .remove: append("REMOVE")
        }
        if let seconds = recent.seconds { append(" seconds: \(seconds)") }
        if recent.reaps { append(" reap") }
        if recent.hitCount > 0 { append(" hit_count: \(recent.hitCount)") }
        if recent.comparesTTL { append(" TTL-Match") }
        append(" name: \(recent.name) side: \(recent.usesDestination ? "dest" : "source") mask: \(recent.mask)")
    }

    private mutating func list(_ statistic: StatisticMatch) {
        var printer = RulePrinter()
        statistic.print(to: &printer)
        switch statistic.mode {
        case .random:
            let probability = printer.text.split(separator: " ").last ?? ""
            append(" statistic mode random\(statistic.isNegated ? " !" : "") probability \(probability)")
        case .nth(let every, let packet):
            append(" statistic mode nth\(statistic.isNegated ? " !" : "") every \(every)")
            if packet > 0 { append(" packet \(packet)") }
        }
    }
}
