import Testing

@testable import Rules

/// A line in a filter table and what is said of it.
struct Mistake: Sendable, CustomStringConvertible {
    var line: String
    var headline: String
    var table = "filter"

    init(_ line: String, _ headline: String, table: String = "filter") {
        self.line = line
        self.headline = headline
        self.table = table
    }

    var description: String { line }
}

@Suite("Errors of a file")
struct DiagnosticTests {
    private func headlines(_ text: String) -> [String] {
        do throws(Diagnostics) {
            _ = try Ruleset.restoring(text, file: "rules.v4")
            return []
        } catch {
            return error.list.map(\.headline)
        }
    }

    @Test(
        "each says where, what and what may have been meant",
        arguments: [
            Mistake(
                "-A INPUT -p tcp -m stat --state NEW", "rules.v4:2:20: unknown match \"stat\"; did you mean \"state\"?"),
            Mistake("-A INPUT -j ACEPT", "rules.v4:2:13: unknown target or chain \"ACEPT\"; did you mean \"ACCEPT\"?"),
            Mistake(
                "-A INPUT -j accept", "rules.v4:2:13: unknown target or chain \"accept\"; did you mean \"ACCEPT\"?"),
            Mistake("-A INPT -j ACCEPT", "rules.v4:2:4: No chain/target/match by that name.; did you mean \"INPUT\"?"),
            Mistake(
                "-A INPUT -p tcp --dprt 22", "rules.v4:2:17: unknown option \"--dprt\"; did you mean \"--dport\"?"),
            Mistake(
                "-A INPUT --dport 22 -p tcp",
                "rules.v4:2:10: unknown option \"--dport\"; it belongs to -m dccp, -m sctp, -m tcp, -m udp, -m udplite, to be named before it"
            ),
            Mistake(
                "-A INPUT -m conntrack --ctstate ESTABLISHD",
                "rules.v4:2:33: Bad ctstate \"ESTABLISHD\"; did you mean \"ESTABLISHED\"?"
            ),
            Mistake("-A INPUT -p tpc", "rules.v4:2:13: unknown protocol \"tpc\" specified; did you mean \"tcp\"?"),
            Mistake(
                "-A INPUT -s 10.0.0.0/33", "rules.v4:2:13: invalid mask `33' specified"),
            Mistake("-A INPUT -o eth0 -j DROP", "rules.v4:2:10: Can't use -o with INPUT"),
            Mistake(
                "-A INPUT -m comment --comment \"never closed", "rules.v4:2:31: quotation mark is never closed"),
            Mistake("-A INPUT -m state ! NEW", "rules.v4:2:21: Bad argument `NEW'; write ! --state NEW"),
            Mistake(
                "-A INPUT -m mport --ports 1",
                "rules.v4:2:13: unknown match \"mport\"; today it is spelled -m multiport"),
            Mistake(
                "-A INPUT -j NFQUEUE --queue-num 1",
                "rules.v4:2:13: target \"NFQUEUE\" is not supported: packets do not pass through user-space queues"),
            Mistake(
                "-A INPUT -j MASQUERADE",
                "rules.v4:2:13: target \"MASQUERADE\" is not legal in table filter; only in nat"),
            Mistake(
                "-A PREROUTING -j SNAT --to-source 1.2.3.4",
                "rules.v4:2:18: target \"SNAT\" is not legal in PREROUTING; only in chains reached from INPUT, POSTROUTING",
                table: "nat"),
            Mistake(
                "-A OUTPUT -m mac --mac-source 02:00:00:00:00:01",
                "rules.v4:2:14: match \"mac\" is not legal in OUTPUT; only in chains reached from PREROUTING, INPUT, FORWARD"
            ),
            Mistake("-A INPUT -m tcp --dport 1", "rules.v4:2:13: match \"tcp\" needs -p tcp"),
            Mistake("-P INPUT REJECT", "rules.v4:2:1: Bad policy name. Run `dmesg' for more information."),
            Mistake(":INPUT ALLOW [0:0]", "rules.v4:2:8: unknown policy \"ALLOW\""),
            Mistake(":mine ACCEPT [0:0]", "rules.v4:2:7: user chain \"mine\" can have no policy; write \"-\""),
            Mistake("[1] -A INPUT -j DROP", "rules.v4:2:1: Bad line 2: need ]; write [packets:bytes]"),
            Mistake("-V", "rules.v4:2:1: \"-V\" has no place in a restore file"),
        ])
    func mistakes(mistake: Mistake) {
        #expect(headlines("*\(mistake.table)\n\(mistake.line)\nCOMMIT\n") == [mistake.headline])
    }

    @Test("every error of a file is told, in the order of its lines")
    func all() {
        let text = """
            # rules
            *filter
            :INPUT DROP [0:0]
            :lost
            -A INPUT -p tcp --dport 99999 -j ACCEPT
            -A INPUT -p udp --dport 53 -j ACCEPT
            -A lan -j ACCEPT
            COMMIT
            *fitler
            -A INPUT -j NONSENSE
            COMMIT
            *nat
            -A POSTROUTING -j MASQERADE

            """
        #expect(
            headlines(text) == [
                "rules.v4:4:2: policy is missing; a user chain's is \"-\"",
                "rules.v4:5:25: invalid port/service `99999' specified",
                "rules.v4:7:4: No chain/target/match by that name.",
                "rules.v4:9:2: table \"fitler\" does not exist; did you mean \"filter\"?",
                "rules.v4:13:1: COMMIT expected; table \"nat\" begins on line 12",
                "rules.v4:13:19: unknown target or chain \"MASQERADE\"; did you mean \"MASQUERADE\"?",
            ])
    }

    @Test("nothing is loaded if anything is wrong, not even the tables that are right")
    func transaction() {
        let text = "*filter\n-A INPUT -j DROP\nCOMMIT\n*nat\n-A PREROUTING -j REJECT\nCOMMIT\n"
        #expect(headlines(text).count == 1)
    }

    @Test("the line is shown with a caret under the word, tabs and wide characters included")
    func caret() throws {
        let text = "*filter\n-A INPUT\t-m comment --comment \"größe\" -j NIX\nCOMMIT\n"
        do throws(Diagnostics) {
            _ = try Ruleset.restoring(text, file: "f")
            Issue.record("accepted")
        } catch {
            #expect(
                error.description == """
                    f:2:42: unknown target or chain "NIX"
                      -A INPUT\t-m comment --comment "größe" -j NIX
                              \t                                ^^^
                    """)
        }
    }

    @Test("a file of anything at all is read to its end")
    func anything() {
        for text in [
            "", "\n\n", "COMMIT", "*", "*\n", "*filter", "*filter\n:\nCOMMIT", "\u{0}", "*filter\n-\n--\n!\nCOMMIT\n",
            "*filter\n[\n[]\n[:]\nCOMMIT\n", "*filter\r\nCOMMIT\r\n", "*filter\n-A\nCOMMIT\n",
            "*filter\n-A INPUT -m\nCOMMIT\n", "*filter\n-A INPUT -c\nCOMMIT\n",
        ] {
            _ = headlines(text)
        }
    }
}
