import Dataplane
import Net
import Rules

extension RuleCompiler {
    /// The number of the helper that a CT rule names; 0 if it names none.
    func helper(of ct: CTTarget, _ refuse: (String) -> Refusal) throws(Refusal) -> UInt8 {
        guard let name = ct.helper, !ct.isUntracked else { return 0 }
        if let reason = HelperPorts.refusal(of: name) { throw refuse("there is no helper \"\(name)\": \(reason)") }
        guard HelperKind(named: name) != nil else { throw refuse("no helper is called \"\(name)\"") }
        guard let number = helperNames.number(of: name) else {
            throw refuse("there is no room for another helper than the \(HelperNames.limit) there are")
        }
        return number
    }
}

extension HelperNames {
    /// Enters the helpers that rules name.
    mutating func enter(_ ruleset: Ruleset) {
        for table in ruleset.tables {
            for chain in table.chains {
                for rule in chain.rules {
                    guard case .ct(let ct) = rule.target, let name = ct.helper, HelperKind(named: name) != nil else { continue }
                    _ = enter(name)
                }
            }
        }
    }

    /// Enters the helpers that a configuration names by their ports, and says which ports they are.
    mutating func enter(_ helpers: [ConntrackHelper: [UInt16]]) -> HelperAssignments {
        var assignments = HelperAssignments()
        for helper in ConntrackHelper.allCases {
            guard let kind = HelperKind(named: helper.rawValue) else { continue }
            for port in helpers[helper] ?? [] {
                guard let number = enter(kind.name(onPort: port)) else { continue }
                // The parser has seen to it that there are no more than there is room for.
                _ = assignments.assign(number, to: port, kind.description.ipProtocol)
            }
        }
        return assignments
    }
}

extension ConntrackHelper {
    /// Why it is none here; nil if it is one.
    var refusal: String? { HelperPorts.refusal(of: rawValue) }
}
