import Control
import Net
import Router
import Rules
import TestSupport

/// Makes cases and carries them out in both routers.
public struct TwinRunner {
    /// What became of a case.
    public enum Verdict {
        case twins
        /// The kernel does not take rules that Martlet takes, or the other way round.
        case refused(String)
        case different([String])
    }

    private let kernel: KernelSide
    private let martlet: MartletSide
    /// Changes the rules that Martlet is given, to see that it is noticed.
    public var tamper: ((TwinCase) -> TwinCase)?

    public init(_ kernel: KernelSide, _ martlet: MartletSide = MartletSide()) {
        self.kernel = kernel
        self.martlet = martlet
    }

    private static func start(seed: UInt64, hasNAT: Bool) -> (TwinCase, SeededRandom) {
        var random = SeededRandom(seed: seed)
        var twinCase = TwinCase(seed: seed)
        var rules = RulesetGenerator(random: SeededRandom(seed: random.next()), hasNAT: hasNAT)
        twinCase.tables = rules.tables(rules: random.pick(weighted: [(3, 5), (3, 10), (2, 20), (1, 40)]))
        return (twinCase, random)
    }

    /// The rules of a seed, as iptables-save text.
    public static func rules(seed: UInt64, hasNAT: Bool) -> String { start(seed: seed, hasNAT: hasNAT).0.rules }

    /// Makes the case of a seed; the conversation is made while the kernel takes part in it.
    ///
    /// - Throws: `KernelSide.Refusal`, or what fails in the laboratory.
    public func make(seed: UInt64, hasNAT: Bool) throws -> (TwinCase, TwinOutcome, PacketPattern.Bindings) {
        var (twinCase, random) = Self.start(seed: seed, hasNAT: hasNAT)
        var conversation = ConversationGenerator(
            random: SeededRandom(seed: random.next()), packets: random.number(5...30))
        // More than any case needs; those not used do no harm.
        let given = kernel.freshFragmentIDs((1...30).map { "$f\($0)" })
        var steps: [TwinCase.Step] = []
        let outcome = try kernel.run(twinCase, given: given) { outputs, names in
            let step = conversation.next(outputs, names)
            if let step { steps.append(step) }
            return step
        }
        twinCase.steps = steps
        return (twinCase, outcome, given)
    }

    /// A random case, compared.
    public func compare(seed: UInt64, hasNAT: Bool) throws -> (TwinCase, Verdict) {
        let (twinCase, outcome, given) = try make(seed: seed, hasNAT: hasNAT)
        return (twinCase, try compare(twinCase, outcome, given))
    }

    /// A case that has its steps, compared.
    public func compare(_ twinCase: TwinCase) throws -> Verdict {
        let given = kernel.freshFragmentIDs(twinCase.fragmentNames.sorted())
        do {
            return try compare(twinCase, try kernel.run(twinCase, given: given), given)
        } catch let refusal as KernelSide.Refusal {
            return .refused("the kernel refuses the rules: \(refusal)")
        }
    }

    private func compare(_ twinCase: TwinCase, _ outcome: TwinOutcome, _ given: PacketPattern.Bindings) throws -> Verdict {
        let tampered = tamper?(twinCase) ?? twinCase
        let other: TwinOutcome
        do { other = try martlet.run(tampered, times: outcome.times, given: given) } catch let failure as Failure {
            return .refused("Martlet refuses the rules: \(failure)")
        } catch let errors as Diagnostics {
            return .refused("Martlet refuses the rules: \(errors)")
        }
        let found = differences(between: outcome, and: other, in: twinCase)
        return found.isEmpty ? .twins : .different(found)
    }

    /// What the kernel makes of a case, for a scenario file.
    public func kernelOutcome(_ twinCase: TwinCase) throws -> TwinOutcome {
        var given: PacketPattern.Bindings = [:]
        for (number, name) in twinCase.fragmentNames.sorted().enumerated() { given[name] = UInt64(200 + number) }
        return try kernel.run(twinCase, given: given)
    }
}
