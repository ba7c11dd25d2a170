extension Ruleset {
    /// Use of a match or target that does nothing yet, in the order of tables, chains and rules. A router refuses such
    /// rules unless it is told to load them all the same.
    public func inactive() -> [PlacedError] {
        var found: [PlacedError] = []
        for table in tables {
            for chain in table.chains {
                for (index, rule) in chain.rules.enumerated() {
                    for description in rule.matches.map(\.description) + [rule.target.description].compactMap({ $0 }) {
                        guard case .inactive(let awaited) = description.status else { continue }
                        let error = RuleError(
                            "\(description.kind.rawValue) \"\(description.name)\" does not act yet",
                            hint: "it comes with \(awaited)", exitCode: 1)
                        found.append(
                            PlacedError(
                                table: table.name, chain: chain.name, ruleNumber: index + 1, rule: rule, error: error))
                    }
                }
            }
        }
        return found
    }
}
