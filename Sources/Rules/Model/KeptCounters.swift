extension Ruleset {
    /// The same rules, those that were there before with the counters they had: a rule of the same chain with the same
    /// meaning counts as the same rule, the first as the first if there are several. Counters that are not zero already
    /// are left alone.
    public func keepingCounters(of old: Ruleset) -> Ruleset {
        adjustingCounters(by: old) { mine, before in if mine == .zero { mine = before } }
    }

    /// The same rules, each that is also among the `newer` ones with the counters it has there.
    public func takingCounters(of newer: Ruleset) -> Ruleset {
        adjustingCounters(by: newer) { mine, theirs in mine = theirs }
    }

    /// The same rules with what their predecessors still counted after these rules were made from them: workers carry on with the
    /// old rules until the new ones are in force, and no packet goes uncounted for that.
    ///
    /// - Parameters:
    ///   - earlier: the rules that these were made from.
    ///   - final: the same rules, with everything they ever counted.
    ///   - zeroed: counters were set to zero on the way; without it a rule whose counters are not as before is one that was made anew
    ///     and begins where it was told to.
    public func inheritingCounters(from final: Ruleset, madeFrom earlier: Ruleset, zeroed: Bool) -> Ruleset {
        var increase = Ruleset()
        var hasCounted = false
        for (table, before) in zip(final.tables, earlier.tables) where table.name == before.name {
            var counted = table
            for (chain, chainBefore) in zip(table.chains.indices, before.chains) {
                hasCounted = counted.chains[chain].subtractCounters(of: chainBefore) || hasCounted
            }
            increase.tables.append(counted)
        }
        guard hasCounted else { return self }
        // What the counters were, looked up by the same rule as what they have grown by.
        let unchanged = zeroed ? nil : adjustingCounters(by: earlier) { mine, before in mine = before }
        var result = adjustingCounters(by: increase) { mine, grown in
            mine.packets &+= grown.packets
            mine.bytes &+= grown.bytes
        }
        guard let unchanged else { return result }
        for (t, table) in tables.enumerated() {
            for (c, chain) in table.chains.enumerated() {
                if chain.counters != unchanged.tables[t].chains[c].counters {
                    result.tables[t].chains[c].counters = chain.counters
                }
                for (r, rule) in chain.rules.enumerated()
                where rule.counters != unchanged.tables[t].chains[c].rules[r].counters {
                    result.tables[t].chains[c].rules[r].counters = rule.counters
                }
            }
        }
        return result
    }

    private func adjustingCounters(
        by other: Ruleset, _ adjust: (_ mine: inout RuleCounters, _ theirs: RuleCounters) -> Void
    ) -> Ruleset {
        var result = self
        for tableIndex in result.tables.indices {
            guard let theirs = other.tables.first(where: { $0.name == result.tables[tableIndex].name }) else { continue }
            for index in result.tables[tableIndex].chains.indices {
                guard let chain = theirs[chain: result.tables[tableIndex].chains[index].name] else { continue }
                result.tables[tableIndex].chains[index].adjustCounters(by: chain, adjust)
            }
        }
        return result
    }
}

extension Chain {
    /// - Returns: whether anything is left.
    fileprivate mutating func subtractCounters(of before: Chain) -> Bool {
        var isZero = counters == before.counters
        counters.packets &-= before.counters.packets
        counters.bytes &-= before.counters.bytes
        for index in rules.indices where index < before.rules.count {
            let old = before.rules[index].counters
            if rules[index].counters != old { isZero = false }
            rules[index].counters.packets &-= old.packets
            rules[index].counters.bytes &-= old.bytes
        }
        return !isZero
    }

    fileprivate mutating func adjustCounters(
        by other: Chain, _ adjust: (_ mine: inout RuleCounters, _ theirs: RuleCounters) -> Void
    ) {
        if isBuiltIn { adjust(&counters, other.counters) }
        for (index, place) in counterparts(in: other).enumerated() {
            if let place { adjust(&rules[index].counters, other.rules[place].counters) }
        }
    }

    /// For each rule, where the same rule stands in another chain.
    ///
    /// Most changes leave nearly everything as it was, so equal beginnings and ends are paired without more ado, and only what lies
    /// between is looked up.
    private func counterparts(in other: Chain) -> [Int?] {
        var places = [Int?](repeating: nil, count: rules.count)
        var first = 0
        while first < rules.count, first < other.rules.count, rules[first].hasSameMeaning(as: other.rules[first]) {
            places[first] = first
            first += 1
        }
        var mine = rules.count
        var theirs = other.rules.count
        while mine > first, theirs > first, rules[mine - 1].hasSameMeaning(as: other.rules[theirs - 1]) {
            mine -= 1
            theirs -= 1
            places[mine] = theirs
        }
        guard first < mine, first < theirs else { return places }
        var known: [Rule: [Int]] = [:]
        // Backwards, so that the last of a list is the first rule of its kind.
        for place in (first..<theirs).reversed() { known[other.rules[place].bare, default: []].append(place) }
        for index in first..<mine { places[index] = known[rules[index].bare]?.popLast() }
        return places
    }
}
