import Dataplane
import Rules
import Testing

@testable import Router

@Suite("Helpers named by rules and by the configuration")
struct HelperRuleTests {
    static func refusals(_ rule: String) throws -> [String] {
        let ruleset = try Ruleset.restoring("*raw\n-A PREROUTING \(rule)\nCOMMIT\n", file: "-")
        return RuleCompiler.refusals(of: ruleset, for: RuleCompiler.Surroundings()).map(\.message)
    }

    @Test("helpers that there are act, on any port; the kernel's others are refused by name, with the reason")
    func rules() throws {
        for rule in ["-p tcp -j CT --helper ftp", "-p tcp -j CT --helper irc-7000", "-p udp -j CT --helper tftp", "-p udp -j CT --helper amanda"] {
            #expect(try Self.refusals(rule) == [])
        }
        for (name, ipProtocol) in [("sip", "udp"), ("pptp", "tcp"), ("RAS", "udp"), ("Q.931", "tcp"), ("netbios-ns", "udp"), ("snmp", "udp"), ("sane", "tcp")] {
            let found = try Self.refusals("-p \(ipProtocol) -j CT --helper \(name)")
            #expect(found.count == 1 && found[0].hasPrefix("there is no helper \"\(name)\": "))
        }
    }

    @Test("a helper keeps its number as long as the router runs; another port is another helper")
    func numbers() throws {
        var names = HelperNames()
        let assignments = names.enter([.ftp: [21, 2121], .tftp: [69]])
        #expect(names.names == ["ftp", "irc", "tftp", "amanda", "ftp-2121"])
        #expect(assignments.ports(of: 1) == [21] && assignments.ports(of: 5) == [2121] && assignments.ports(of: 3) == [69])
        let ruleset = try Ruleset.restoring(
            "*raw\n-A PREROUTING -p tcp -j CT --helper irc-7000\n-A PREROUTING -p tcp -j CT --helper ftp-2121\nCOMMIT\n", file: "-")
        names.enter(ruleset)
        #expect(names.names == ["ftp", "irc", "tftp", "amanda", "ftp-2121", "irc-7000"])
    }

    @Test("rules that name more helpers than there is room for are refused")
    func tooMany() throws {
        let rules = (1...70).map { "-A PREROUTING -p tcp -j CT --helper ftp-\(3000 + $0)\n" }.joined()
        let ruleset = try Ruleset.restoring("*raw\n\(rules)COMMIT\n", file: "-")
        let found = RuleCompiler.refusals(of: ruleset, for: RuleCompiler.Surroundings())
        #expect(found.count == 70 - (HelperNames.limit - 4))
    }
}
