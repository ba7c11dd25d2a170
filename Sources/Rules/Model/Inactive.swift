extension Ruleset {
    /// Use of a match or target that does nothing yet, in the order of tables, chains and rules. A router refuses such
    /// rules unless it is told to load them all the same.
    public func inactive() -> [PlacedError] {
        var found: [PlacedError] = []
        for table in tables {
            for chain in table.chains {
                for (index, rule) in chain.rules.enumerated() {
                    for error in rule.inactivity {
                        found.append(
                            PlacedError(
                                table: table.name, chain: chain.name, ruleNumber: index + 1, rule: rule, error: error))
                    }
                }
            }
        }
        return found
    }

    /// The same without those that were there before: rules of the same meaning, as often as they were there.
    public func inactive(beside earlier: Ruleset) -> [PlacedError] {
        let found = inactive()
        guard !found.isEmpty else { return [] }
        var known: [Place: Int] = [:]
        for placed in earlier.inactive() { known[Place(placed), default: 0] += 1 }
        return found.filter { placed in
            guard let count = known[Place(placed)], count > 0 else { return true }
            known[Place(placed)] = count - 1
            return false
        }
    }

    private struct Place: Hashable {
        var table: TableName
        var chain: String
        var rule: Rule
        var subject: String?

        init(_ placed: PlacedError) {
            table = placed.table
            chain = placed.chain
            rule = placed.rule.bare
            subject = placed.error.subject
        }
    }
}

extension Rule {
    /// What of the rule does not act yet.
    fileprivate var inactivity: [RuleError] {
        var errors: [RuleError] = []
        for match in matches {
            if let error = Self.inactivity(match.description) { errors.append(error) }
        }
        if let description = target.description, let error = Self.inactivity(description) { errors.append(error) }
        return errors
    }

    private static func inactivity(_ description: ExtensionDescription) -> RuleError? {
        guard case .inactive(let awaited) = description.status else { return nil }
        var error = RuleError(
            "\(description.kind.rawValue) \"\(description.name)\" does not act yet", hint: "it comes with \(awaited)",
            exitCode: 1)
        error.subject = description.name
        return error
    }
}
