import TestSupport
import Testing

extension NamespaceTests {
    /// The same commands to the kernel's ipset and to Martlet's: same exit codes, same words, same sets.
    @Suite("ipset, command by command", .serialized, .needsMartlet)
    struct SetText {
        static let commands: [String] = """
            create a hash:ip timeout 600 counters comment maxelem 3 initval 0x1
            add a 10.0.0.1 comment "x y" packets 3
            add a 10.0.0.1
            -exist add a 10.0.0.1 timeout 0
            add a 10.0.0.2 timeout 0
            add a 10.0.0.3 timeout 0
            add a 10.0.0.4
            list a -s
            list -t a
            list -n
            save a -s
            test a 10.0.0.1
            test a 10.0.0.9
            -q test a 10.0.0.9
            del a 10.0.0.9
            -exist del a 10.0.0.9
            create a hash:ip
            create a hash:net -exist
            create a hash:ip -exist
            create a hash:ip timeout 600 counters comment maxelem 3 -exist
            test nope 1.2.3.4
            add nope 1.2.3.4
            list nope
            destroy nope
            swap a nope
            rename a b
            rename b a
            create n hash:net skbinfo initval 0x1
            add n 10.0.0.0/8
            add n 10.1.0.0/16 nomatch
            add n 10.2.0.0/16 skbmark 0x5 skbprio 1:2 skbqueue 3
            test n 10.1.2.3
            test n 10.3.2.3
            test n 10.1.0.0/16
            test n 10.1.0.0/16 nomatch
            test n 10.1.2.3 nomatch
            list n -s
            create l list:set
            add l a
            add l n
            add l n before a
            list l
            destroy a
            destroy
            rename a c
            test l a
            test l n before a
            test l a before n
            create p bitmap:port range 0-1023 counters
            add p 22 packets 5
            del p 22
            add p 22
            add p 80-83
            list p
            test p 80
            test p 8080
            add p 8080
            create bm bitmap:ip range 10.0.0.0/16 netmask 24
            add bm 10.0.3.77
            save bm
            test bm 10.0.3.9
            create ip hash:ip,port initval 0x1
            add ip 10.0.0.1,tcp:80
            add ip 10.0.0.1,icmp:echo-request
            add ip 10.0.0.1,gre:0
            add ip 10.0.0.2,80
            save ip -s
            create ipi hash:ip,port,ip initval 0x1
            add ipi 10.0.0.1,udp:53,10.0.0.2
            add ipi 10.0.0.1
            save ipi
            create np hash:net,port initval 0x1
            add np 10.0.0.0/24,tcp:1
            test np 10.0.0.7,tcp:1
            save np
            create cn hash:ip netmask 24 initval 0x1
            add cn 10.0.0.7
            test cn 10.0.0.8
            save cn
            swap bm cn
            swap bm n
            add cn 0.0.0.0
            add n 0.0.0.0/0
            flush nope
            flush n
            save n
            del l a
            add l nope
            add l l
            destroy a
            list -n
            frobnicate

            add
            create
            create x
            del n
            swap n
            rename n
            create q hash:ip timeout 3000000
            create q hash:ipp
            create q hash:ip maxelem
            create q hash:ip foo
            add n 1.2.3.4 foo
            add n 1.2.3.4 timeout 4
            destroy n n
            add n
            version
            list -o bad
            create o1 iphash --hashsize 64 initval 0x1
            create o2 ipmap --network 10.0.0.0/24
            create o3 ipmap --from 10.0.0.0 --to 10.0.0.9
            create o4 portmap --from 5 --to 9
            create o5 setlist --size 4
            create o6 ipporthash initval 0x1
            create o7 ipportiphash initval 0x1
            create o8 nethash initval 0x1
            create o9 netporthash initval 0x1
            create oa iptree
            create ob hash:net,net
            -N od hash:ip --timeout 5 initval 0x1
            save -s
            create h hash:ip hashsize 0 initval 0x1
            create h2 hash:ip hashsize 4294967295
            create h2 hash:ip hashsize -1
            create h2 hash:ip maxelem x
            create h2 hash:ip timeout x
            create h2 hash:ip netmask 33
            create h2 hash:ip netmask x
            create h2 hash:ip timeout 5 timeout 6
            create h2 hash:ip counters counters -4 initval 0x1
            list h -t
            create - hash:ip initval 0x1
            create -x hash:ip initval 0x1
            rename -x -y
            list -n
            test h 10.0.0.5/24
            add h 10.0.0.5
            test h 10.0.0.5/24
            test h 10.0.0.5/32
            test h localhost
            add h 10.0.0.0/0
            add h 10.0.0.0/33
            add h 10.0.0.0/x
            add h 1.2.3.4,5
            test ip 10.0.0.2,80
            test ip 10.0.0.9,ssh
            test ip 10.0.0.9,udp:domain
            test ip 10.0.0.9,icmp:0/0
            test ip 10.0.0.9,17:5
            test ip 10.0.0.9,80-81
            test ipi 10.1.1.1,80,10.2.2.2
            test np 10.1.1.1/8,80
            test np 10.1.1.1/8,icmp:ping
            test np 10.0.0.0-10.0.0.255,80
            test n 10.1.1.1/8
            test n 10.1.1.1/32
            test n 010.1.1.1
            test n 10.0.0.0-10.0.0.255
            test p ssh
            test p tcp:ssh
            test p 80-81
            test bm 10.0.0.1/30
            test cn 10.0.0.9
            add np 10.0.0.0/8,foo:5
            create tt hash:ip timeout 4 initval 0x1
            add tt 1.1.1.1 timeout x
            add tt 1.1.1.1 timeout 5 timeout 6
            """.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)

        /// Words for many elements, what each type takes, and what it does not.
        static let elements: [String] = #"""
            create a1 hash:ip
            add a1 1.2.3.4
            add a1 1.2.3.8/30
            add a1 1.2.3.16-1.2.3.18
            add a1 1.2.3.4
            create a2 hash:ip netmask 24 timeout 0 counters comment maxelem 10 hashsize 64
            add a2 1.2.4.4 comment "a b"
            create a3 hash:net
            add a3 10.0.0.0/8
            add a3 10.1.0.0/16 nomatch
            add a3 1.2.3.4
            add a3 0.0.0.0/0
            create a4 hash:ip,port
            add a4 1.2.3.4,80
            add a4 1.2.3.4,udp:53
            add a4 1.2.3.4,tcp:80-82
            add a4 1.2.3.4,icmp:8/0
            add a4 1.2.3.4,icmp:echo-request
            add a4 1.2.3.4,ssh
            add a4 1.2.3.4,vrrp:0
            create a5 hash:net,port
            add a5 10.0.0.0/8,tcp:80
            add a5 10.0.0.0/24,udp:80 nomatch
            create a6 hash:ip,port,ip timeout 0
            add a6 1.2.3.4,tcp:80,5.6.7.8
            create a7 bitmap:ip range 1.2.3.0/24
            add a7 1.2.3.9
            add a7 1.2.4.9
            create a8 bitmap:ip range 10.0.0.0-10.0.255.255 netmask 24
            add a8 10.0.3.4
            create a9 bitmap:port range 0-1000 counters
            add a9 80
            add a9 90-92
            add a9 tcp:100
            create b1 list:set size 5
            add b1 a1
            add b1 a2 before a1
            add b1 a3 after a1
            create b4 hash:ip skbinfo
            create a1 hash:ip
            create a1 hash:net
            create -exist a1 hash:ip
            create nosuch foo
            add nono 1.2.3.4
            add a1 foo
            del a1 9.9.9.9
            del a1 1.2.3.4
            add a1 1.2.3.4 timeout 5
            add a1 1.2.3.4 comment x
            create b5 hash:ip bucketsize 4 initval 0x12345678
            swap a1 a3
            rename a4 z4
            flush a1
            destroy a1
            destroy a5
            create 12345678901234567890123456789012 hash:ip
            create 1234567890123456789012345678901 hash:ip
            create sa hash:net timeout 0 counters comment skbinfo
            add sa 10.0.0.0/8 nomatch timeout 0 packets 3 bytes 4 comment "x y" skbmark 0x1/0xff skbprio 1:5 skbqueue 7
            create sb hash:net timeout 0 comment netmask 24
            create sc bitmap:ip range 1.2.3.0/24 timeout 0 comment counters skbinfo
            create sd list:set timeout 0 counters comment size 3
            create se hash:net
            add se 1.2.3.0-1.2.3.5
            add se 1.2.3.4/24
            add se 1.2.3.9/0
            add se 10.0.0.1/8
            create sf hash:ip,port timeout 0
            add sf 1.2.3.0/30,tcp:1-2
            add sf 1.2.3.4,icmp:3/4
            add sf 1.2.3.4,icmp:destination-unreachable
            add sf 1.2.3.4,icmp:5/9
            add sf 1.2.3.4
            add sf 1.2.3.4,47:0
            add sf 1.2.3.4,gre:5
            add sf 1.2.3.4,sctp:5
            add sf 1.2.3.4,udplite:5
            add sf 1.2.3.4,tcp:0
            create sg hash:ip maxelem 2
            add sg 0.0.0.0/0
            add sg 0.0.0.0
            create sh bitmap:port range 5-3
            create sh bitmap:port range 80-90 timeout 0
            add sh 79
            add sh ssh
            create sj bitmap:ip range 1.2.3.4
            create sj bitmap:ip range 1.0.0.0/8
            create sj bitmap:ip range 1.0.0.0/16 netmask 33
            create sk list:set
            add sk sk
            add sk sa
            add sk sa
            add sk sd
            add sk nono
            create sl hash:ip timeout 99999999999
            create sl hash:ip foo
            create sl hash:ip hashsize 1000 maxelem 0
            create sm hash:net,port
            add sm 10.0.0.1/8,udp:1-3
            add sm 0.0.0.0/0,80
            create sn hash:ip,port,ip
            add sn 1.1.1.1,80,2.2.2.2/31
            add sn 1.1.1.1,80
            save -s
            """#.split(separator: "\n").map(String.init)

        /// What may differ: memory is laid out otherwise, keys are chosen at random, and the times run.
        private static func compared(_ text: String) -> String {
            text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
                if line.hasPrefix("Size in memory") { return "Size in memory" }
                guard line.hasPrefix("Header:") || line.hasPrefix("create ") else { return SetText.steady(line) }
                return line.split(separator: " initval ")[0].description
            }.joined(separator: "\n")
        }

        private static func steady(_ line: Substring) -> String {
            var words = line.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
            if let place = words.firstIndex(of: "timeout"), place + 1 < words.count, words[place + 1] != "0" {
                words[place + 1] = "*"
            }
            return words.joined(separator: " ")
        }

        /// Blanks part words, but for those between quotation marks.
        private static func words(_ text: String) -> [String] {
            var words: [String] = []
            for (place, part) in text.split(separator: "\"", omittingEmptySubsequences: false).enumerated() {
                if place % 2 == 1 { words.append(String(part)) } else { words += part.split(separator: " ").map(String.init) }
            }
            return words
        }

        @Test("says, does and answers what ipset does")
        func commands() throws { try Self.compare(Self.commands) }

        @Test("takes the elements that ipset takes")
        func elements() throws { try Self.compare(Self.elements) }

        private static func compare(_ commands: [String]) throws {
            let lab = try Lab(.live(queues: 1))
            defer { lab.tearDown() }
            let router = try RouterUnderTest(.martlet(workers: 1), in: lab)
            let binary = try MartletBinary.require()
            for command in commands {
                let words = words(command)
                let theirs = try Program.run(["ipset"] + words, in: lab.router)
                let ours = try Program.run([binary, "ipset", "--socket", router.socket] + words, in: lab.router)
                #expect(theirs.status == ours.status, "ipset \(command)")
                // Ports of one address are sorted by ipset in an order of its own.
                func lines(_ text: String) -> [Substring] {
                    let lines = Self.compared(text).split(separator: "\n")
                    return words.contains("-s") ? lines.sorted() : lines
                }
                #expect(lines(theirs.output) == lines(ours.output), "ipset \(command)")
                #expect(Self.compared(theirs.errors) == Self.compared(ours.errors), "ipset \(command)")
            }
        }

        @Test("rules and sets: a missing set is refused, a set in use stays, a reload is one step")
        func rules() throws {
            let lab = try Lab(.live(queues: 1))
            defer { lab.tearDown() }
            var setup = RouterSetup(rules: "*filter\n-A FORWARD -m set --match-set s src -j DROP\nCOMMIT\n")
            setup.sets = "create s hash:ip\nadd s 10.0.0.9\n"
            let router = try RouterUnderTest(.martlet(workers: 1), in: lab, setup: setup)
            let binary = try MartletBinary.require()
            func martlet(_ words: [String], input: String? = nil) throws -> Program.Result {
                try Program.run([binary] + words + ["--socket", router.socket], in: lab.router, input: input)
            }
            let missing = try martlet(["rules", "restore", "-"], input: "*filter\n-A INPUT -m set --match-set t src\nCOMMIT\n")
            #expect(missing.status == 1 && missing.errors.contains("Set t doesn't exist."), "\(missing.errors)")
            #expect(try martlet(["ipset", "destroy", "s"]).status == 1)
            #expect(try martlet(["sets", "list", "s", "--terse"]).output.contains("References: 1\n"))
            #expect(try martlet(["sets", "list", "s", "--json"]).output.contains("\"element\":\"10.0.0.9\""))
            try router.martlet(["ipset", "add", "s", "10.0.0.8"])
            // A restore of rules leaves the sets as they are.
            try router.martlet(["rules", "restore", "-"], input: "*filter\nCOMMIT\n")
            #expect(SetElements.lines(try router.savedSets()) == ["s 10.0.0.8", "s 10.0.0.9"])
            try router.martlet(["ipset", "destroy", "s"])
            // An error anywhere in the text leaves everything as it was.
            let wrong = try martlet(["sets", "restore", "-"], input: "create x hash:ip\nadd x 1.1.1.1\nadd x 1.1.1.1\n")
            #expect(wrong.status == 1 && wrong.errors.contains("-:3:"), "\(wrong.errors)")
            #expect(try router.savedSets() == "")
            let restore = try Program.run(
                [binary, "ipset", "restore", "--socket", router.socket], in: lab.router,
                input: "create x hash:ip\nadd x 1.1.1.1\nadd x 1.1.1.1\n")
            #expect(restore.status == 1)
            #expect(restore.errors == "ipset v7.17: Error in line 3: Element cannot be added to the set: it's already added\n")
        }
    }
}
