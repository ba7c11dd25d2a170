import Dataplane
import Rules

extension RuleCompiler {
    /// nil if it is none of these.
    mutating func reportTarget(_ target: Target, _ refuse: (String) -> Refusal) throws(Refusal) -> ReportTarget? { nil }
}
