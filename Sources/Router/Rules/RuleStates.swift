import Dataplane
import Rules

/// What rules remember between packets, kept while a ruleset is replaced by its successor: a rule that stays keeps what it knew, and
/// so does a list, table or set that is still named.
///
/// Whoever holds the value keeps the memory alive that the compiled rules point to.
struct RuleStates {
    /// A rule that stays is one of the same chain with the same meaning; the first is the first, if there are several.
    private struct Place: Hashable {
        var table: TableName
        var chain: String
        var rule: Rule
        var occurrence: Int
        /// Of the rule's matches and target that remember something, which one.
        var number: Int
    }

    private struct Name: Hashable {
        var kind: ObjectIdentifier
        var name: String
    }

    private var ofRules: [Place: any RuleState] = [:]
    private var named: [Name: any RuleState] = [:]
    private var earlierOfRules: [Place: any RuleState] = [:]
    private var earlierNamed: [Name: any RuleState] = [:]
    private var occurrences: [Place: Int] = [:]
    private var current: Place?

    init() {}

    /// For a ruleset that is to replace one with these states.
    init(following earlier: RuleStates) {
        earlierOfRules = earlier.ofRules
        earlierNamed = earlier.named
    }

    /// The rule that is compiled next.
    mutating func enter(_ rule: Rule, table: TableName, chain: String) {
        guard rule.mayRemember else {
            current = nil
            return
        }
        var place = Place(table: table, chain: chain, rule: rule.bare, occurrence: 0, number: 0)
        let before = occurrences[place, default: 0]
        occurrences[place] = before + 1
        place.occurrence = before
        current = place
    }

    /// What the present rule remembers; made if the rule is new.
    mutating func own<State: RuleState>(_ make: () -> State) -> State {
        guard let place = current else { return make() }
        current?.number += 1
        let state = earlierOfRules[place] as? State ?? make()
        ofRules[place] = state
        return state
    }

    /// What all rules that give this name share; made if no rule has named it yet.
    ///
    /// - Parameter fits: whether one that was there before these rules may serve on.
    mutating func shared<State: RuleState>(
        _ name: String, fits: (State) -> Bool = { _ in true }, make: () -> State
    ) -> State {
        let key = Name(kind: ObjectIdentifier(State.self), name: name)
        if let state = named[key] as? State { return state }
        var state: State?
        if let earlier = earlierNamed[key] as? State, fits(earlier) { state = earlier }
        let result = state ?? make()
        named[key] = result
        return result
    }

    /// Everything of one kind that has a name, in no order.
    func all<State: RuleState>(_ kind: State.Type) -> [(name: String, state: State)] {
        named.compactMap { key, value in (value as? State).map { (key.name, $0) } }
    }

    /// Lets go of what the ruleset before knew and this one does not.
    mutating func forgetEarlier() {
        earlierOfRules = [:]
        earlierNamed = [:]
        occurrences = [:]
        current = nil
    }
}

extension Rule {
    /// Whether one of its matches remembers something that no name tells apart. (Only these rules are looked up by their text.)
    fileprivate var mayRemember: Bool {
        matches.contains { match in
            switch match {
            case .limit, .quota, .statistic, .connlimit: true
            default: false
            }
        }
    }
}
