import Testing

@testable import Rules

@Suite("The iptables commands")
struct CommandTests {
    @Test("restore and save take iptables' options, in any spelling getopt takes")
    func fileArguments() throws {
        let restore = try IPTables.restoreArguments(["-cnw", "5", "--table", "nat", "--te", "rules.v4"])
        #expect(restore.options.counters && restore.options.noFlush && restore.isTest)
        #expect(restore.options.table == .nat)
        #expect(restore.file == "rules.v4")
        let save = try IPTables.saveArguments(["-ct", "raw", "-f", "out"])
        #expect(save.counters && save.table == .raw && save.file == "out")
        #expect(throws: IPTables.Finished.self) { try IPTables.saveArguments(["--nonsense"]) }
        #expect(throws: IPTables.Finished.self) { try IPTables.restoreArguments(["-V"]) }
    }

    @Test("a restore that fails changes nothing and says everything")
    func restore() throws {
        let arguments = try IPTables.restoreArguments([])
        let outcome = IPTables.restore(
            "*filter\n-A INPUT -j NIX\n-A INPUT -m nix\nCOMMIT\n", arguments, onto: Ruleset())
        #expect(outcome.exitCode == 2)
        #expect(outcome.ruleset == nil)
        #expect(outcome.errors.contains("Error occurred at line: 2\n"))
        #expect(outcome.errors.contains("-:3:13: unknown match \"nix\""))
    }

    @Test("a rule that may not stand where it is put is not put there")
    func place() {
        let outcome = IPTables.run(["-A", "OUTPUT", "-j", "ACCEPT", "-i", "eth0"], on: Ruleset())
        #expect(outcome.exitCode == 2)
        let second = IPTables.run(["-t", "nat", "-A", "POSTROUTING", "-j", "DNAT", "--to", "10.0.0.1"], on: Ruleset())
        #expect(second.exitCode == 1)
        // The table was asked for and is in use from now on, as in the kernel.
        #expect(second.ruleset == Ruleset(tables: [Table(.nat)]))
    }

    @Test("a restore file's lines for ip6tables mean nothing, whatever they say")
    func ipv6() throws {
        let ruleset = try Ruleset.restoring(
            "*filter\n-6 -A INPUT -p nonsense\n-4 -A INPUT -j DROP\nCOMMIT\n", file: "-")
        #expect(ruleset[.filter][chain: "INPUT"]?.rules.count == 1)
    }

    @Test("every host that a rule names is asked for at once, and what is made of digits and dots is no name")
    func hosts() {
        func missing(_ arguments: String) -> [String] {
            let hosts = HostNames([:])
            _ = hosts.using { IPTables.run(arguments.split(separator: " ").map(String.init), on: Ruleset()) }
            return hosts.missing
        }
        #expect(missing("-A INPUT -s a.example,10.0.0.1,b.example -d c.example,d.example/24 -j DROP") == ["a.example", "b.example", "c.example", "d.example"])
        #expect(missing("-A INPUT -s 1.2.3.4.5,300.1.1.1,1..2 -d 09.1.1.1 -j DROP").isEmpty)
        let hosts = HostNames([:])
        let text = "*filter\n-A INPUT -s a.example\n-A INPUT -s b.example\n*nat\nCOMMIT\n*nat\n-A PREROUTING -j NETMAP --to c.example\nCOMMIT\n"
        _ = hosts.using { Ruleset.reading(text, file: "r") }
        #expect(hosts.missing == ["a.example", "b.example", "c.example"])
    }

    @Test("the documentation's table names every match and target")
    func documentation() {
        let table = Extensions.documentation
        for description in Extensions.descriptions { #expect(table.contains("| \(description.name) |")) }
    }
}
