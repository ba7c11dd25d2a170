import Dataplane
import Rules
import Testing

@testable import Router

@Suite("Rules that make estimates and ask for them")
struct EstimatorRuleTests {
    private static let maker = "-A FORWARD -j RATEEST --rateest-name a --rateest-interval 250ms --rateest-ewmalog 1s"

    private static func ruleset(_ rules: String...) throws -> Ruleset {
        try Ruleset.restoring("*filter\n" + rules.joined(separator: "\n") + "\nCOMMIT\n", file: "-")
    }

    private static func refusal(_ rules: Ruleset) -> String? {
        do throws(RuleCompiler.Refusal) {
            _ = try RuleCompiler.compile(rules, for: RuleCompiler.Surroundings())
            return nil
        } catch { return error.message }
    }

    @Test("a rule that asks for an estimate which none makes is refused (the kernel's ENOENT)")
    func unknown() throws {
        let asks = "-A FORWARD -m rateest --rateest b --rateest-gt --rateest-pps 5"
        #expect(Self.refusal(try Self.ruleset(Self.maker, asks)) == "rateest: no rule with -j RATEEST estimates \"b\"")
        let second = "-A FORWARD -m rateest --rateest1 a --rateest-gt --rateest-pps --rateest2 c"
        #expect(Self.refusal(try Self.ruleset(Self.maker, second)) == "rateest: no rule with -j RATEEST estimates \"c\"")
        #expect(Self.refusal(try Self.ruleset("-A FORWARD -m rateest --rateest a --rateest-lt --rateest-pps 5", Self.maker)) == nil)
    }

    @Test("rules that share an estimate must agree on it (the kernel's EINVAL)")
    func disagreement() throws {
        let other = "-A INPUT -j RATEEST --rateest-name a --rateest-interval 500ms --rateest-ewmalog 2s"
        #expect(
            Self.refusal(try Self.ruleset(Self.maker, other))
                == "RATEEST: another rule estimates \"a\" with another interval or ewmalog")
        #expect(Self.refusal(try Self.ruleset(Self.maker, Self.maker)) == nil)
    }

    @Test("an estimate and a rule's turn live on in the ruleset that follows, if they stay as they are")
    func keeps() throws {
        func compile(_ rules: Ruleset, after states: RuleStates) throws -> RuleCompiler.Result {
            try RuleCompiler.compile(rules, for: RuleCompiler.Surroundings(states: states))
        }
        func estimator(_ result: RuleCompiler.Result) -> RateEstimator? {
            result.states.all(RateEstimator.self).first?.state
        }
        let first = try compile(try Self.ruleset(Self.maker), after: RuleStates())
        let second = try compile(try Self.ruleset("-A FORWARD -j ACCEPT", Self.maker), after: first.states)
        #expect(estimator(first) === estimator(second))
        let changed = Self.maker.replacing("250ms", with: "500ms").replacing("1s", with: "2s")
        let third = try compile(try Self.ruleset(changed), after: second.states)
        #expect(estimator(second) !== estimator(third))
        #expect(estimator(third)?.intervalPower == 1)
    }
}
