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
                    let parts = rule.matches.map(\.value.inactivity) + [rule.target.value?.inactivity]
                    for case let part? in parts {
                        let error = RuleError(
                            "\(part.subject) does not act yet", hint: "it comes with \(part.awaited)", exitCode: 1)
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
