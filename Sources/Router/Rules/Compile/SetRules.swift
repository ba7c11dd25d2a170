import Dataplane
import Rules

extension RuleCompiler {
    /// nil if it is none of these.
    mutating func setTests(_ match: Match, _ refuse: (String) -> Refusal) throws(Refusal) -> [SetTest]? { nil }
}
