import TestSupport
import Testing

@Suite("Scenarios, by the data plane alone")
struct OfflineScenarioTests {
    @Test("a scenario comes out as its file says", arguments: ScenarioFolder.all)
    func scenario(_ scenario: Scenario) throws {
        let outcome = try OfflineScenarioRunner().run(scenario)
        for problem in outcome.problems { Issue.record("\(problem)") }
    }

    @Test("the same scenario gives the same packets again", arguments: ScenarioFolder.all.filter { $0.name.hasPrefix("masquerade") })
    func repeats(_ scenario: Scenario) throws {
        let runner = OfflineScenarioRunner()
        #expect(try runner.run(scenario).outputs.map(\.packet) == runner.run(scenario).outputs.map(\.packet))
    }
}
