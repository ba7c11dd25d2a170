import Net

// What the kernel checks when it takes a table: jumps, loops, and whether each match and target may stand where it
// does.

/// A rule that may not stand where it does.
public struct PlacedError: Error, Hashable, Sendable {
    public var table: TableName
    public var chain: String
    /// From 1, as iptables counts.
    public var ruleNumber: Int
    public var rule: Rule
    public var error: RuleError
}

extension Ruleset {
    /// Everything the kernel would refuse in these tables; empty if it would take them.
    public func check() -> [PlacedError] { tables.flatMap { $0.check() } }
}

extension Table {
    public func check() -> [PlacedError] {
        var errors: [PlacedError] = []
        let reachability = self.reachability
        func report(_ chain: Chain, _ index: Int, _ error: RuleError) {
            errors.append(
                PlacedError(
                    table: name, chain: chain.name, ruleNumber: index + 1, rule: chain.rules[index], error: error))
        }
        for chain in chains {
            for (index, rule) in chain.rules.enumerated() {
                if let called = rule.target.chain, self[chain: called] == nil {
                    report(chain, index, RuleError("chain \"\(called)\" does not exist", exitCode: 1))
                }
                let place = RulePlace(
                    table: name, hooks: reachability.hooks(chain: chain.name, rule: index), rule: rule)
                do throws(RuleError) {
                    for match in rule.matches { try Self.check(match.value, at: place) }
                    if let target = rule.target.value { try Self.check(target, at: place) }
                } catch {
                    report(chain, index, error)
                }
            }
        }
        if let loop = reachability.loop, let chain = self[chain: loop.chain] {
            report(
                chain, loop.rule,
                RuleError(
                    "Loop found in table", hint: "this rule leads back into a chain it was called from"
                ).byKernel(.loop))
        }
        return errors
    }

    private static func check(_ value: some RuleExtension, at place: RulePlace) throws(RuleError) {
        let description = type(of: value).description
        do throws(RuleError) {
            try check(description, at: place)
            try value.check(at: place)
        } catch {
            var error = error
            error.subject = description.name
            throw error
        }
    }

    private static func check(_ description: ExtensionDescription, at place: RulePlace) throws(RuleError) {
        let kind = description.kind == .match ? "match" : "target"
        guard description.tables.contains(place.table) else {
            let legal = TableName.allCases.filter { description.tables.contains($0) }.map(\.rawValue)
            throw RuleError(
                "\(kind) \"\(description.name)\" is not legal in table \(place.table.rawValue)",
                hint: "only in \(legal.joined(separator: ", "))", exitCode: 1)
        }
        guard place.hooks.isSubset(of: description.hooks) else {
            let wrong = place.hooks.subtracting(description.hooks)
            throw RuleError(
                "\(kind) \"\(description.name)\" is not legal in \(wrong)",
                hint: "only in chains reached from \(description.hooks)", exitCode: 1)
        }
        if !description.protocols.isEmpty {
            guard let ipProtocol = place.rule.ipProtocol, !ipProtocol.isNegated,
                description.protocols.contains(ipProtocol.value.rawValue)
            else {
                let names = description.protocols.map { "-p \(Names.protocolName($0) ?? String($0))" }
                throw RuleError(
                    "\(kind) \"\(description.name)\" needs \(names.joined(separator: " or "))", exitCode: 1)
            }
        }
    }
}
