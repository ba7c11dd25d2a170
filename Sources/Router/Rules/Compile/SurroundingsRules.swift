import Dataplane
import Rules

extension RuleCompiler {
    /// nil if it is none of these.
    mutating func surroundingsMatches(
        _ match: Match, _ refuse: (String) -> Refusal
    ) throws(Refusal) -> [SurroundingsMatch]? {
        switch match {
        case .mark(let mark):
            [
                .mark(
                    MaskedValueTest(
                        value: mark.mark.value.value, mask: mark.mark.value.mask, isNegated: mark.mark.isNegated))
            ]
        default: nil
        }
    }
}
