import Dataplane
import Rules

extension RuleCompiler {
    /// nil if it is none of these.
    mutating func copyTarget(_ target: Target, _ refuse: (String) -> Refusal) throws(Refusal) -> CopyTarget? { nil }
}
