import Dataplane
import Net
import Rules

extension RecentConfiguration {
    /// recent_mt_check: a power of two that the rule's hit count fits into.
    func stamps(hitCount: UInt32) -> Int {
        let wanted = stamps > 0 && Int(hitCount) < stamps ? stamps : hitCount > 0 ? Int(hitCount) : 32
        return min(wanted.powerOfTwo, 1 << 16)
    }
}

extension Int {
    /// The next power of two, unless it is one itself.
    fileprivate var powerOfTwo: Int { self <= 1 ? 1 : 1 << (Int.bitWidth - (self - 1).leadingZeroBitCount) }
}

extension RuleCompiler {
    mutating func test(_ recent: RecentMatch) -> RecentTest {
        let settings = surroundings.recent
        let stamps = recentStamps[recent.name] ?? settings.stamps(hitCount: recent.hitCount)
        // A rule that needs more times remembered than there were begins the list anew, as in the kernel; so does another
        // configuration, for which the kernel's module would have to be loaded anew. The mask is that of the rule
        // which made the list.
        let list = states.shared(recent.name) { (list: RecentList) in
            list.table.stampsPerEntry >= stamps && list.table.capacity == settings.entries
        } make: {
            RecentList(
                entries: settings.entries, stamps: stamps, mask: recent.mask, key: UInt64.random(in: 0...UInt64.max))
        }
        let operation: RecentTest.Operation =
            switch recent.operation {
            case .set: .set
            case .check: .check
            case .update: .update
            case .remove: .remove
            }
        return RecentTest(
            list.table, operation, isNegated: recent.isNegated, seconds: recent.seconds ?? 0,
            hitCount: recent.hitCount, reaps: recent.reaps, comparesTTL: recent.comparesTTL,
            usesDestination: recent.usesDestination)
    }
}

extension Ruleset {
    /// The times that each list of `recent` must remember of an address: what the most demanding of its rules needs.
    func recentStamps(_ settings: RecentConfiguration) -> [String: Int] {
        var stamps: [String: Int] = [:]
        for table in tables {
            for chain in table.chains {
                for rule in chain.rules {
                    for case .recent(let recent) in rule.matches {
                        stamps[recent.name] = max(stamps[recent.name] ?? 0, settings.stamps(hitCount: recent.hitCount))
                    }
                }
            }
        }
        return stamps
    }
}
