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

    /// What is settled of a case before its first packet.
    private struct Start {
        var twinCase: TwinCase
        var random: SeededRandom
        var changes: [RuleChange] = []
        var talks: [HelperTalk] = []
    }

    private static func start(seed: UInt64, hasNAT: Bool) -> Start {
        var random = SeededRandom(seed: seed)
        var twinCase = TwinCase(seed: seed)
        var rules = RulesetGenerator(random: SeededRandom(seed: random.next()), hasNAT: hasNAT)
        if random.chance(30) { rules.makeSets() }
        let hasChange = random.chance(15)
        if hasChange { rules.matches.removeAll { RulesetGenerator.forgetful.contains($0.name) } }
        twinCase.tables = rules.tables(rules: random.pick(weighted: [(3, 5), (3, 10), (2, 20), (1, 40)]))
        twinCase.sets = rules.sets.flatMap(\.lines)
        var start = Start(twinCase: twinCase, random: random)
        if start.random.chance(15) {
            start.talks = start.random.some(HelperTalk.allCases, 1...2)
            for talk in start.talks { rules.help(talk, in: &start.twinCase.tables) }
        }
        if hasChange { start.changes.append(rules.change(of: start.twinCase.tables)) }
        if !rules.sets.isEmpty {
            for _ in 0..<start.random.number(0...3) { start.changes.append(.ipset(rules.setCommand())) }
        }
        return start
    }

    /// The rules of a seed, as iptables-save text.
    public static func rules(seed: UInt64, hasNAT: Bool) -> String { start(seed: seed, hasNAT: hasNAT).twinCase.rules }

    /// Makes the case of a seed; the conversation is made while the kernel takes part in it.
    ///
    /// - Throws: `KernelSide.Refusal`, or what fails in the laboratory.
    public func make(seed: UInt64, hasNAT: Bool) throws -> (TwinCase, TwinOutcome, PacketPattern.Bindings) {
        var start = Self.start(seed: seed, hasNAT: hasNAT)
        var twinCase = start.twinCase
        var conversation = ConversationGenerator(
            random: SeededRandom(seed: start.random.next()), packets: start.random.number(5...30))
        conversation.changes = start.changes
        conversation.talks = start.talks
        conversation.translates = hasNAT
        // The kernel looks for ended connections once a tick.
        if twinCase.rules.contains("-m connlimit") { conversation.pause = 0.0045 }
        // More than any case needs; those not used do no harm.
        let given = kernel.freshFragmentIDs((1...30).map { "$f\($0)" })
        var steps: [TwinCase.Step] = []
        let outcome = try kernel.run(twinCase, given: given) { outputs, names in
            var step = conversation.next(outputs, names)
            step?.pause = conversation.pause
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
