import Net
import TestSupport
import Testing
import Twins

/// Random rulesets and conversations, the kernel beside Martlet. More of them: `make twins`.
@Suite("Random twins", .serialized)
struct RandomTwinTests {
    /// Seeds, and whether the kernel has a nat table.
    static let fixed: [(first: UInt64, hasNAT: Bool)] = [(10_000, false), (20_000, true)]

    @Test("Martlet is the kernel's twin in fixed random cases", arguments: fixed)
    func fixedCases(seeds: (first: UInt64, hasNAT: Bool)) throws {
        let start = Clock.now
        try KernelSide.with { kernel in
            let runner = TwinRunner(kernel)
            var count: UInt64 = 0
            // Half a minute each on a machine that has other things to do.
            while count < 250, Clock.now.since(start) < 30_000_000_000 {
                let seed = seeds.first + count
                count += 1
                guard let failure = try TwinSession.check(runner, seed: seed, hasNAT: seeds.hasNAT) else { continue }
                Issue.record("\(failure)")
                return
            }
            #expect(count > 20)
        }
    }

    /// A change of the rules that Martlet is given, which must not go unnoticed.
    static let tampering: [(what: String, change: @Sendable (inout TwinCase) -> Void)] = [
        (
            "another order of rules",
            { twinCase in
                for table in twinCase.tables.indices { twinCase.tables[table].rules.reverse() }
            }
        ),
        (
            "a forgotten rule",
            { twinCase in
                for table in twinCase.tables.indices { twinCase.tables[table].rules = Array(twinCase.tables[table].rules.dropFirst()) }
            }
        ),
        (
            "another policy",
            { twinCase in
                for table in twinCase.tables.indices where twinCase.tables[table].name == "filter" {
                    twinCase.tables[table].chains = twinCase.tables[table].chains.map { line in
                        line.hasPrefix(":FORWARD") ? ":FORWARD \(line.contains("DROP") ? "ACCEPT" : "DROP") [0:0]" : line
                    }
                }
            }
        ),
    ]

    @Test("a planted fault is found, and made small", arguments: tampering.indices)
    func planted(place: Int) throws {
        try KernelSide.with { kernel in
            var runner = TwinRunner(kernel)
            runner.tamper = { twinCase in
                var other = twinCase
                Self.tampering[place].change(&other)
                return other
            }
            var found: TwinSession.Failure?
            for seed in UInt64(1)...20 where found == nil {
                found = try TwinSession.check(runner, seed: seed, hasNAT: true)
            }
            let failure = try #require(found, "\(Self.tampering[place].what) goes unnoticed")
            #expect(failure.ruleCount <= 4, "\(failure.scenario)")
            // What is left is a scenario that can be kept.
            let scenario = try Scenario(name: "planted", text: failure.scenario)
            #expect(scenario.steps.count <= 4)
        }
    }

    @Test("the same seed makes the same rules")
    func repeats() {
        #expect(TwinRunner.rules(seed: 7, hasNAT: true) == TwinRunner.rules(seed: 7, hasNAT: true))
        #expect(TwinRunner.rules(seed: 7, hasNAT: true) != TwinRunner.rules(seed: 8, hasNAT: true))
    }
}
