// What `-v` says of a change while it is made.

extension Command {
    /// Printed before it is known whether the change succeeds. Listings have their own use for `-v`.
    ///
    /// - Parameter table: the rules before the change.
    func remarks(on table: Table) -> String {
        guard isVerbose else { return "" }
        switch verb {
        case .append, .insert, .replace, .deleteRule, .check:
            var text = ""
            for rule in rules {
                var line = ListPrinter(isNumeric: true)
                line.remark(on: rule)
                text += line.text + "\n"
            }
            return text
        case .flush: return Self.remarks("Flushing", chain, table.chains)
        case .zero(nil): return Self.remarks("Zeroing", chain, table.chains)
        case .list where alsoZeroes, .listRules where alsoZeroes: return Self.remarks("Zeroing", chain, table.chains)
        case .deleteChain:
            guard chain == nil else { return Self.remarks("Deleting", chain, []) }
            let chains = table.userChains
            // The first that cannot be deleted is the last one named.
            let stuck = chains.firstIndex { table.isInUse($0) }
            return Self.remarks("Deleting", nil, chains[...(stuck ?? chains.endIndex - 1)])
        default: return ""
        }
    }

    private static func remarks(_ word: String, _ name: String?, _ chains: some Sequence<Chain>) -> String {
        (name.map { [$0] } ?? chains.map(\.name)).map { "\(word) chain `\($0)'\n" }.joined()
    }
}

extension Command {
    /// What iptables says on standard error of rules it shows: once for each label whose name it cannot look up.
    func warnings(on table: Table) -> String {
        guard let warning = NumberedNames.connectionLabels.warning else { return "" }
        let shown: [Rule]
        switch verb {
        case .list(let number), .listRules(let number):
            shown = table.chains.filter { chain == nil || $0.name == chain }.flatMap { chain in
                number.map { chain.rules.indices.contains($0 - 1) ? [chain.rules[$0 - 1]] : [] } ?? chain.rules
            }
        default: shown = isVerbose ? rules : []
        }
        let labels = shown.reduce(0) { count, rule in
            count + rule.matches.count { if case .connlabel = $0 { true } else { false } }
        }
        return String(repeating: warning, count: labels)
    }
}

extension Table {
    /// Whether a user chain has rules, or rules that call it.
    func isInUse(_ chain: Chain) -> Bool {
        !chain.rules.isEmpty || chains.contains { $0.rules.contains { $0.target.chain == chain.name } }
    }
}
