/// A match, a target or options of one that do nothing yet, for the operator.
public struct Inactivity: Hashable, Sendable {
    /// As in `target "X"`.
    public var subject: String
    /// What will make it act.
    public var awaited: String

    /// - Returns: nil if the status is not that of something inactive.
    public init?(of subject: String, status: ExtensionDescription.Status) {
        guard case .inactive(let awaited) = status else { return nil }
        self.subject = subject
        self.awaited = awaited
    }
}

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
            if let part = match.value.inactivity { errors.append(Self.error(part, match.description)) }
        }
        if let part = target.value?.inactivity, let description = target.description {
            errors.append(Self.error(part, description))
        }
        return errors
    }

    private static func error(_ part: Inactivity, _ description: ExtensionDescription) -> RuleError {
        var error = RuleError("\(part.subject) does not act yet", hint: "it comes with \(part.awaited)", exitCode: 1)
        error.subject = description.name
        return error
    }
}
