import Dataplane
import Rules

extension RuleCompiler {
    /// nil if it is none of these.
    mutating func memoryMatches(
        _ match: Match, _ refuse: (String) -> Refusal
    ) throws(Refusal) -> [MemoryMatch]? {
        switch match {
        case .connlimit(let connlimit): [connectionLimit(connlimit)]
        default: nil
        }
    }

    /// nil if it is none of these.
    mutating func memoryTarget(_ target: Target, _ refuse: (String) -> Refusal) throws(Refusal) -> MemoryTarget? { nil }
}
