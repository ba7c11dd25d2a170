import Rules

extension Ruleset {
    /// Whether a rule hands out copies of packets.
    var copiesPackets: Bool {
        tables.contains { table in
            table.chains.contains { chain in
                chain.rules.contains { rule in
                    switch rule.target {
                    case .nflog, .ulog: true
                    default: false
                    }
                }
            }
        }
    }

    /// Interfaces that rules name and that are no ports; `lo` is among them.
    func interfacesBeside(_ ports: [String]) -> [String] {
        var names: Set<String> = []
        for table in tables {
            for chain in table.chains {
                for rule in chain.rules { names.formUnion(rule.interfacesBeside(ports)) }
            }
        }
        return names.sorted()
    }
}

extension Rule {
    /// Interfaces that the rule names and that are no ports; `lo` is among them.
    func interfacesBeside(_ ports: [String]) -> [String] {
        var names: [String] = []
        for pattern in [inInterface, outInterface] {
            guard let pattern = pattern?.value, !ports.contains(where: { pattern.matches($0) }) else { continue }
            names.append(pattern.description)
        }
        return names
    }
}
