import Testing

@testable import Rules

@Suite("Restoring and saving")
struct RestoreTests {
    @Test("a saved ruleset restores to itself")
    func roundTrip() throws {
        let text = """
            *filter
            :INPUT DROP [0:0]
            :FORWARD ACCEPT [0:0]
            :OUTPUT ACCEPT [0:0]
            :lan - [0:0]
            -A INPUT -i eth+ -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW,ESTABLISHED -j lan
            -A lan -s 10.0.0.0/8 ! -d 1.2.3.4/32 -j ACCEPT
            -A lan -m comment --comment "it's \\"quoted\\"" -j REJECT --reject-with tcp-reset -p tcp
            COMMIT

            """
        let ruleset = try Ruleset.restoring(text, file: "rules.v4")
        let saved = ruleset.saved()
        #expect(try Ruleset.restoring(saved, file: "-").saved() == saved)
    }
}
