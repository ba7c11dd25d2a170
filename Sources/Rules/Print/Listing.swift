import Net

// The table that `iptables -L` prints: one line a rule, in columns, with matches and targets in words of their own.

extension Table {
    /// - Parameter number: a rule's number, to print its line alone; nil for whole chains with headings.
    func listing(_ command: Command, number: Int?) throws(RuleError) -> String {
        let selected = try chains(for: command)
        var text = ""
        for (index, chain) in selected.enumerated() {
            if number == nil {
                if index > 0 { text += "\n" }
                text += heading(chain, command)
            }
            for (index, rule) in chain.rules.enumerated() where number == nil || number == index + 1 {
                var line = ListPrinter(isNumeric: command.isNumeric)
                line.columns(of: rule, number: index + 1, command)
                text += line.text + "\n"
            }
        }
        return text
    }

    private func heading(_ chain: Chain, _ command: Command) -> String {
        var text = "Chain \(chain.name) ("
        if let policy = chain.policy {
            text += "policy \(policy.rawValue)"
            if command.isVerbose {
                let packets = ListPrinter.short(chain.counters.packets, isExact: command.isExact)
                let bytes = ListPrinter.short(chain.counters.bytes, isExact: command.isExact)
                text += " \(packets) packets, \(bytes) bytes"
            }
        } else {
            let references = chains.reduce(0) { $0 + $1.rules.count { $0.target.chain == chain.name } }
            text += "\(references) references"
        }
        text += ")\n"
        if command.showsLineNumbers { text += "num  " }
        if command.isVerbose { text += command.isExact ? "    pkts      bytes " : " pkts bytes " }
        text += "target     prot opt "
        if command.isVerbose { text += "in     out     " }
        return text + "source               destination         \n"
    }
}

/// Collects a line of the table.
struct ListPrinter {
    let isNumeric: Bool
    private(set) var text = ""

    init(isNumeric: Bool) { self.isNumeric = isNumeric }

    mutating func append(_ words: String) { text += words }

    /// A port by its number, or its service's name.
    func port(_ port: UInt16, _ ipProtocol: UInt8?) -> String {
        if isNumeric { return String(port) }
        return Names.serviceName(port, protocolName: ipProtocol.flatMap { Names.protocolName($0) }) ?? String(port)
    }

    /// A count in at most five places, as iptables rounds it.
    static func short(_ number: UInt64, isExact: Bool) -> String {
        guard !isExact, number > 99999 else { return String(number) }
        var value = number
        for unit in ["K", "M", "G"] {
            value = (value + 500) / 1000
            if value <= 9999 { return "\(value)\(unit)" }
        }
        return "\((value + 500) / 1000)T"
    }

    static func pad(_ text: String, to width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    static func padLeft(_ text: String, to width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }

    mutating func columns(of rule: Rule, number: Int, _ command: Command) {
        if command.showsLineNumbers { text += Self.pad(String(number), to: 4) + " " }
        if command.isVerbose {
            for count in [rule.counters.packets, rule.counters.bytes] {
                text += Self.padLeft(Self.short(count, isExact: command.isExact), to: command.isExact ? 8 : 5) + " "
            }
        }
        text += Self.pad(rule.target.listedName, to: 9) + " "
        let number = rule.ipProtocol?.value.rawValue ?? 0
        let name = isNumeric ? String(number) : number == 0 ? "all" : Names.protocolName(number) ?? String(number)
        text += (rule.ipProtocol?.isNegated == true ? "!" : " ") + Self.pad(name, to: 4) + " "
        text += rule.fragments == false ? "!f " : rule.fragments == true ? "-f " : "-- "
        if command.isVerbose {
            for interface in [rule.inInterface, rule.outInterface] {
                let name = interface?.value.description ?? (isNumeric ? "*" : "any")
                text += " " + Self.pad((interface?.isNegated == true ? "!" : "") + name, to: 6)
            }
            text += " "
        }
        for address in [rule.source, rule.destination] {
            text += (address?.isNegated == true ? "!" : " ") + Self.pad(self.address(address?.value), to: 19) + " "
        }
        if case .goto = rule.target { text += "[goto] " }
        for match in rule.matches { list(match, rule) }
        list(rule.target, rule)
    }

    /// The rule as `-v` shows it while it is made, taken out or looked for: numbers but for the protocol, and no columns.
    mutating func remark(on rule: Rule) {
        // What the kernel has but one name for is called by it here too.
        text += rule.target.listedName + " "
        let number = rule.ipProtocol?.value.rawValue ?? 0
        // iptables looks no name up here; these it knows by itself.
        let isKnown = [0, 1, 6, 17, 50, 51, 58, 132, 135, 136].contains(number)
        let name = number == 0 ? "all" : isKnown ? Names.protocolName(number) ?? String(number) : String(number)
        text += (rule.ipProtocol?.isNegated == true ? "!" : " ") + name + " opt "
        text += rule.fragments == false ? "!f " : rule.fragments == true ? "-f " : "-- "
        for (word, interface) in [("in", rule.inInterface), ("out", rule.outInterface)] {
            text += "\(word) \(interface?.isNegated == true ? "!" : "")\(interface?.value.description ?? "*") "
        }
        text += (rule.source?.isNegated == true ? "!" : " ") + address(rule.source?.value) + " "
        text += (rule.destination?.isNegated == true ? "!" : " ") + "-> " + address(rule.destination?.value) + "  "
        if case .goto = rule.target { text += "[goto] " }
        for match in rule.matches { list(match, rule) }
        list(rule.target, rule)
    }

    private func address(_ value: AddressMask?) -> String {
        guard let value, !value.mask.isUnspecified else { return isNumeric ? "0.0.0.0/0" : "anywhere" }
        return self.name(of: value)
    }

    /// An address by its name, if this host's own files have one; no name server is asked.
    func name(of value: AddressMask) -> String {
        guard !isNumeric, let name = LocalNames.name(of: value.address) else { return value.shortDescription }
        return name + value.shortDescription.drop { $0 != "/" }
    }

    /// The saved form without the hyphens, which is what many matches and targets list.
    mutating func savedForm(_ value: some RuleExtension) {
        var printer = RulePrinter()
        value.print(to: &printer)
        text += printer.text.replacingHyphens()
    }
}

extension String {
    /// ` --name` as ` name`.
    fileprivate func replacingHyphens() -> String {
        split(separator: " ", omittingEmptySubsequences: false)
            .map { $0.hasPrefix("--") ? $0.dropFirst(2) : $0 }
            .joined(separator: " ")
    }
}

extension Target {
    /// What the target column says.
    var listedName: String {
        switch self {
        case .none: ""
        case .accept: "ACCEPT"
        case .drop: "DROP"
        case .return: "RETURN"
        case .jump(let chain), .goto(let chain): chain
        // The kernel has one target for both.
        case .notrack: "CT"
        default: value?.savedName ?? ""
        }
    }
}
