import Dataplane
import Net
import Rules

extension RuleCompiler {
    /// nil if it is none of these.
    mutating func memoryMatches(
        _ match: Match, _ refuse: (String) -> Refusal
    ) throws(Refusal) -> [MemoryMatch]? {
        switch match {
        case .limit(let limit):
            return [.limit(states.own { LimitBucket(interval: limit.interval, burst: limit.burst) }.limit)]
        case .quota(let quota):
            let bucket = states.own { QuotaBucket(bytes: quota.quota.value) }
            return [.quota(bucket.quota, isNegated: quota.quota.isNegated)]
        case .recent(let recent):
            source.recentTests.append(test(recent))
            return [.recent(UInt32(source.recentTests.count - 1))]
        case .hashlimit(let hashlimit):
            source.hashlimitTests.append(try test(hashlimit, refuse))
            return [.hashlimit(UInt32(source.hashlimitTests.count - 1))]
        default: return nil
        }
    }

    /// nil if it is none of these.
    mutating func memoryTarget(_ target: Target, _ refuse: (String) -> Refusal) throws(Refusal) -> MemoryTarget? { nil }
}
