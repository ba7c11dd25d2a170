import Dataplane
import Net
import Rules

extension RuleCompiler {
    /// nil if it is none of these.
    mutating func memoryMatches(
        _ match: Match, _ refuse: (String) -> Refusal
    ) throws(Refusal) -> [MemoryMatch]? {
        switch match {
        case .connlimit(let connlimit): return [connectionLimit(connlimit)]
        case .statistic(let statistic):
            switch statistic.mode {
            case .random(let probability): return [.chance(probability, isNegated: statistic.isNegated)]
            case .nth(let every, let packet):
                let state = states.own { TurnState(every: every, after: packet) }
                source.around.turns.append(state.counter)
                return [
                    .turn(UInt32(source.around.turns.count - 1), last: every - 1, isNegated: statistic.isNegated)
                ]
            }
        case .rateest(let rateest):
            source.around.rates.append(try rateTest(rateest, refuse))
            return [.rate(UInt32(source.around.rates.count - 1))]
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
    mutating func memoryTarget(_ target: Target, _ refuse: (String) -> Refusal) throws(Refusal) -> MemoryTarget? {
        switch target {
        case .rateest(let rateest): .meter(try meter(rateest, refuse))
        default: nil
        }
    }
}
