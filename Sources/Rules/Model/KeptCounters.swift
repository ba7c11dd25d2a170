extension Ruleset {
    /// The same rules, those that were there before with the counters they had: a rule of the same chain with the same
    /// meaning counts as the same rule, the first as the first if there are several. Counters that are not zero already
    /// are left alone.
    public func keepingCounters(of old: Ruleset) -> Ruleset {
        var result = self
        for tableIndex in result.tables.indices {
            let before = old[result.tables[tableIndex].name]
            for index in result.tables[tableIndex].chains.indices {
                guard let chain = before[chain: result.tables[tableIndex].chains[index].name] else { continue }
                result.tables[tableIndex].chains[index].keepCounters(of: chain)
            }
        }
        return result
    }
}

extension Chain {
    fileprivate mutating func keepCounters(of old: Chain) {
        if isBuiltIn, counters == .zero { counters = old.counters }
        var places: [Rule: [Int]] = [:]
        // Backwards, so that the last of a list is the first rule of its kind.
        for index in old.rules.indices.reversed() { places[old.rules[index].bare, default: []].append(index) }
        for index in rules.indices {
            guard let place = places[rules[index].bare]?.popLast(), rules[index].counters == .zero else { continue }
            rules[index].counters = old.rules[place].counters
        }
    }
}
