import Dataplane
import Rules

/// Estimators by name, as RATEEST rules make them and rateest rules ask for them.
struct RateEstimators {
    /// The first rule that names each.
    private let makers: [String: RateestTarget]
    /// Numbers of those that were met already.
    fileprivate var numbers: [String: UInt32] = [:]

    init(_ ruleset: Ruleset) {
        let targets = ruleset.tables.flatMap(\.chains).flatMap(\.rules).compactMap { rule -> (String, RateestTarget)? in
            if case .rateest(let target) = rule.target { (target.name, target) } else { nil }
        }
        makers = Dictionary(targets, uniquingKeysWith: { first, _ in first })
    }

    fileprivate subscript(name: String) -> RateestTarget? { makers[name] }
}

extension RuleCompiler {
    mutating func rateTest(_ match: RateestMatch, _ refuse: (String) -> Refusal) throws(Refusal) -> RateTest {
        func rates(_ rates: RateestMatch.Rates?) -> RateTest.Rates {
            RateTest.Rates(bytes: rates?.bytes ?? 0, packets: rates?.packets ?? 0)
        }
        let first = try meter(match.estimator, refuse)
        let comparison: RateTest.Comparison =
            switch match.comparison {
            case .less: .less
            case .greater: .greater
            case .equal: .equal
            }
        let delta = match.delta.map { rates($0) }
        switch match.operand {
        case .rate(let fixed):
            return RateTest(
                first: first, second: nil, comparison: comparison, isNegated: match.isNegated,
                comparesBytes: fixed.bytes != nil, comparesPackets: fixed.packets != nil, firstDelta: delta,
                secondRates: rates(fixed))
        case .estimator(let name, let bytes, let packets):
            return RateTest(
                first: first, second: try meter(name, refuse), comparison: comparison, isNegated: match.isNegated,
                comparesBytes: bytes, comparesPackets: packets, firstDelta: delta, secondRates: rates(match.secondDelta))
        }
    }

    /// The number of the estimate that a rule makes. All rules of one name must agree on it (xt_rateest_tg_checkentry: EINVAL).
    mutating func meter(_ target: RateestTarget, _ refuse: (String) -> Refusal) throws(Refusal) -> UInt32 {
        guard let first = estimators[target.name], first == target else {
            throw refuse("RATEEST: another rule estimates \"\(target.name)\" with another interval or ewmalog")
        }
        return try meter(target.name, refuse)
    }

    /// The number of the estimate with a name (xt_rateest_mt_checkentry: ENOENT).
    private mutating func meter(_ name: String, _ refuse: (String) -> Refusal) throws(Refusal) -> UInt32 {
        if let number = estimators.numbers[name] { return number }
        guard let maker = estimators[name] else {
            throw refuse("rateest: no rule with -j RATEEST estimates \"\(name)\"")
        }
        // An interval of 250 ms is -2.
        let power = UInt8(clamping: Int(maker.interval) + 2)
        let estimator = states.shared(name, fits: { $0.intervalPower == power && $0.averaging == maker.averaging }) {
            RateEstimator(intervalPower: power, averaging: maker.averaging)
        }
        source.around.meters.append(estimator.meter)
        let number = UInt32(source.around.meters.count - 1)
        estimators.numbers[name] = number
        return number
    }
}
