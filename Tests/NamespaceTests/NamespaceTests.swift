import TestSupport
import Testing

/// Everything that uses namespaces: one test at a time, since two cores and one clock are shared by all of them.
@Suite("Namespaces", .serialized)
enum NamespaceTests {}

extension Trait where Self == ConditionTrait {
    /// For tests of Martlet: they run, and fail if there is none, wherever a binary may be expected.
    static var needsMartlet: Self { .enabled(if: MartletBinary.isExpected, "no Martlet here: \(MartletBinary.advice)") }
}
