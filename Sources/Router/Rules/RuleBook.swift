import Dataplane
import Net
import Rules

/// The rules in force, as text would have them and as packets meet them, and what each has counted.
struct RuleBook {
    /// With the counters they had when they came into force.
    private var ruleset: Ruleset
    private let origins: [RuleCompiler.Origin]
    let compiled: CompiledRules
    /// What the rules remember, kept alive for `compiled`.
    private(set) var states: RuleStates
    /// All helpers that have been named so far.
    let helperNames: HelperNames

    init(_ ruleset: Ruleset, for surroundings: RuleCompiler.Surroundings, workerCount: Int) throws(RuleCompiler.Refusal) {
        let result = try RuleCompiler.compile(ruleset, for: surroundings)
        self.ruleset = ruleset
        origins = result.origins
        states = result.states
        helperNames = result.helperNames
        states.forgetEarlier()
        compiled = CompiledRules(result.source, workerCount: workerCount)
    }

    /// The rules with everything they have counted until now.
    var current: Ruleset {
        var current = ruleset
        for (number, origin) in origins.enumerated() {
            let counted = compiled.counted(rule: number)
            guard counted.packets > 0 else { continue }
            let index = current.tables.firstIndex { $0.name == origin.table }
            guard let index else { continue }
            if let rule = origin.rule {
                current.tables[index].chains[origin.chain].rules[rule].counters.packets &+= counted.packets
                current.tables[index].chains[origin.chain].rules[rule].counters.bytes &+= counted.bytes
            } else if current.tables[index].chains[origin.chain].isBuiltIn {
                current.tables[index].chains[origin.chain].counters.packets &+= counted.packets
                current.tables[index].chains[origin.chain].counters.bytes &+= counted.bytes
            }
        }
        return current
    }

    /// Takes over what rules that stay have counted between the moment their successors were made from them and the moment the last
    /// worker left them.
    mutating func inherit(from final: Ruleset, madeFrom earlier: Ruleset, zeroed: Bool) {
        ruleset = ruleset.inheritingCounters(from: final, madeFrom: earlier, zeroed: zeroed)
    }
}
