extension ListPrinter {
    /// A target in the words `iptables -L` has for it; those that have none of their own list their saved form.
    mutating func list(_ target: Target, _ rule: Rule) {
        switch target {
        case .none, .accept, .drop, .return, .jump, .goto: break
        case .reject(let reject): append(" reject-with \(reject.answer.rawValue)")
        case .log(let log):
            let flags: [Bool] = [
                log.logsTCPSequence, log.logsTCPOptions, log.logsIPOptions, log.logsUID, false, log.decodesMAC,
            ]
            let bits = flags.enumerated().reduce(0) { $0 | ($1.element ? 1 << $1.offset : 0) }
            if isNumeric {
                append(" LOG flags \(bits) level \(log.level.rawValue)")
            } else {
                let names = ["emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"]
                append(" LOG level \(names[Int(log.level.rawValue) & 7])")
                let words = ["tcp-sequence", "tcp-options", "ip-options", "uid", "", "macdecode"]
                for (flag, word) in zip(flags, words) where flag { append(" \(word)") }
            }
            if !log.prefix.isEmpty { append(" prefix \"\(log.prefix)\"") }
        case .mark(let mark): append(" MARK \(Self.operation(mark.operation))")
        case .connmark(let connmark): list(connmark)
        case .snat(let snat):
            append(" to:\(snat.range.mapping)")
            if snat.range.isRandom { append(" random") }
            if snat.range.isFullyRandom { append(" random-fully") }
            if snat.range.isPersistent { append(" persistent") }
        case .dnat(let dnat):
            append(" to:\(dnat.range.mapping)")
            if dnat.range.isRandom { append(" random") }
            if dnat.range.isPersistent { append(" persistent") }
        case .masquerade(let masquerade):
            if let ports = masquerade.range.ports { append(" masq ports: \(RulePrinter.range(ports, separator: "-"))") }
            if masquerade.range.isRandom { append(" random") }
            if masquerade.range.isFullyRandom { append(" random-fully") }
        case .redirect(let redirect):
            if let ports = redirect.range.ports { append(" redir ports \(RulePrinter.range(ports, separator: "-"))") }
            if redirect.range.isRandom { append(" random") }
        case .netmap(let netmap): append(" to:\(netmap.network)")
        case .ct(let ct):
            append(" CT")
            savedForm(ct)
        case .notrack: append(" NOTRACK")
        case .tos(let tos): list(tos)
        case .dscp(let dscp): append(" DSCP set \(Number.hexadecimal(dscp.codePoint, digits: 2))")
        case .ttl(let ttl):
            switch ttl.operation {
            case .set(let value): append(" TTL set to \(value)")
            case .decrease(let value): append(" TTL decrement by \(value)")
            case .increase(let value): append(" TTL increment by \(value)")
            }
        case .tcpmss(let tcpmss):
            switch tcpmss.operation {
            case .set(let size): append(" TCPMSS set \(size)")
            case .clampToPathMTU: append(" TCPMSS clamp to PMTU")
            }
        case .classify(let classify):
            append(" CLASSIFY set \(String(classify.major, radix: 16)):\(String(classify.minor, radix: 16))")
        case .tee(let tee):
            append(" TEE gw:\(tee.gateway)")
            if let interface = tee.outInterface { append(" oif=\(interface)") }
        case .tproxy(let tproxy):
            append(" TPROXY redirect \(tproxy.address):\(tproxy.port) mark \(Number.hexadecimal(tproxy.mark.value))/\(Number.hexadecimal(tproxy.mark.mask))")
        case .synproxy(let synproxy):
            append(" SYNPROXY")
            savedForm(synproxy)
            append(" ")
        case .rateest(let rateest):
            var printer = RulePrinter()
            rateest.print(to: &printer)
            append(printer.text.replacing("--rateest-", with: ""))
        case .checksum: append(" CHECKSUM fill")
        case .audit(let audit): append(" AUDIT \(audit.kind.rawValue)")
        case .tcpoptstrip(let strip):
            let kinds = strip.kinds.map { kind in
                isNumeric ? String(kind) : TCPOptStripTarget.names.first { $0.value == kind }?.key ?? String(kind)
            }
            if !kinds.isEmpty { append(" TCPOPTSTRIP options \(kinds.joined(separator: ","))") }
        case .ecn(let ecn): list(ecn)
        case .hmark(let hmark):
            append(" HMARK mod \(hmark.modulus) ")
            if let offset = hmark.offset { append("+ \(Number.hexadecimal(offset)) ") }
            if hmark.usesFlow { append("ct, ") }
            if let length = hmark.sourcePrefixLength { append("src-prefix \(length) ") }
            if let length = hmark.destinationPrefixLength { append("dst-prefix \(length) ") }
            let parts: [(String, UInt32?)] = [
                ("sport-mask", hmark.sourcePortMask.map(UInt32.init)), ("dport-mask", hmark.destinationPortMask.map(UInt32.init)),
                ("spi-mask", hmark.spiMask), ("sport", hmark.sourcePortSet.map(UInt32.init)),
                ("dport", hmark.destinationPortSet.map(UInt32.init)), ("spi", hmark.spiSet),
                ("proto-mask", hmark.protocolMask.map(UInt32.init)), ("rnd", hmark.seed),
            ]
            for (name, value) in parts { if let value { append("\(name) \(Number.hexadecimal(value)) ") } }
        default:
            if let value = target.value { savedForm(value) }
        }
    }

    /// Clear-and-xor in the shortest word that says it.
    private static func operation(_ operation: MaskedValue) -> String {
        let value = Number.hexadecimal(operation.value)
        if operation.value == 0 { return "and \(Number.hexadecimal(~operation.mask))" }
        if operation.value == operation.mask { return "or \(value)" }
        if operation.mask == 0 { return "xor \(value)" }
        if operation.mask == .max { return "set \(value)" }
        return "xset \(value)/\(Number.hexadecimal(operation.mask))"
    }

    private mutating func list(_ connmark: ConnmarkTarget) {
        switch connmark.operation {
        case .set(let operation): append(" CONNMARK \(Self.operation(operation))")
        case .save(let connmarkMask, let markMask): list("save", connmarkMask, markMask)
        case .restore(let connmarkMask, let markMask): list("restore", connmarkMask, markMask)
        }
        switch connmark.shift {
        case .left(let bits): append(" left-shift-mark \(bits)")
        case .right(let bits): append(" right-shift-mark \(bits)")
        case nil: break
        }
    }

    private mutating func list(_ word: String, _ connmarkMask: UInt32, _ markMask: UInt32) {
        append(" CONNMARK \(word)")
        if connmarkMask == markMask {
            if connmarkMask != .max { append(" mask \(Number.hexadecimal(connmarkMask))") }
        } else if word == "restore" {
            append(" ctmask \(Number.hexadecimal(connmarkMask)) nfmask ~\(Number.hexadecimal(markMask))")
        } else {
            append(" nfmask \(Number.hexadecimal(markMask)) ctmask ~\(Number.hexadecimal(connmarkMask))")
        }
    }

    private mutating func list(_ tos: TOSTarget) {
        let operation = tos.operation
        if let name = symbol(operation) {
            append("  TOS set\(name)")
        } else if isNumeric {
            append(" TOS set \(operation)")
        } else if operation.value == 0 {
            append(" TOS and \(Number.hexadecimal(~operation.mask, digits: 2))")
        } else if operation.value == operation.mask {
            append(" TOS or \(Number.hexadecimal(operation.value, digits: 2))")
        } else if operation.mask == 0 {
            append(" TOS xor \(Number.hexadecimal(operation.value, digits: 2))")
        } else {
            append(" TOS set \(operation)")
        }
    }

    private mutating func list(_ ecn: ECNTarget) {
        append(" ECN")
        if ecn.ecnEcho == false, ecn.congestionWindowReduced == false, ecn.codePoint == nil {
            append(" TCP remove")
            return
        }
        if let bit = ecn.ecnEcho { append(" ECE=\(bit ? 1 : 0)") }
        if let bit = ecn.congestionWindowReduced { append(" CWR=\(bit ? 1 : 0)") }
        if let codePoint = ecn.codePoint { append(" ECT codepoint=\(codePoint)") }
    }
}
