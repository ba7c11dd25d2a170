import Glibc
import Synchronization
import TestSupport
import Testing

extension NamespaceTests {
    @Suite("Scenarios", .serialized)
    struct Scenarios {
        /// With MARTLET_RECORD=1 the kernel's answers are written into the files: look at every line before keeping it.
        static let isRecording = unsafe getenv("MARTLET_RECORD") != nil

        @Test("the kernel does what every scenario says: it is the oracle", arguments: ScenarioFolder.all)
        func kernel(scenario: Scenario) throws {
            let outcome = try kernelOutcome(of: scenario)
            if Self.isRecording {
                let file = scenario.name + ".scenario"
                let text = ScenarioRecorder.record(scenario, text: try ScenarioFolder.text(of: file), outcome: outcome)
                try writeFile(ScenarioFolder.path + "/" + file, text)
            } else {
                for problem in outcome.problems { Issue.record("\(problem)") }
            }
        }
    }
}

private let outcomes = Mutex<[String: ScenarioOutcome]>([:])

/// What the kernel makes of a scenario, found out once in a run: every Martlet is compared with the same.
func kernelOutcome(of scenario: Scenario) throws -> ScenarioOutcome {
    if let outcome = outcomes.withLock({ $0[scenario.name] }) { return outcome }
    let outcome = try NamespaceScenarioRunner(.kernel).run(scenario)
    outcomes.withLock { $0[scenario.name] = outcome }
    return outcome
}
