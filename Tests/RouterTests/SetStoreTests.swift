import Control
import Net
import Rules
import Synchronization
import TestSupport
import Testing

@testable import Router

@Suite("Sets of a running router")
struct SetStoreTests {
    static let second: UInt64 = 1_000_000_000

    private static func store(_ text: String = "") throws -> SetStore {
        SetStore(try SetStore.prepare(text.isEmpty ? nil : text, file: "sets", at: second), retire: { $0() })
    }

    private static func saved(_ store: SetStore, at now: UInt64 = second) throws -> String {
        try store.list(nil, .save, at: now).joined()
    }

    private static func command(_ store: SetStore, _ text: String, exists: Bool = false) -> String {
        let words = text.split(separator: " ").map(String.init)
        do throws(RuleError) {
            return try store.perform(Word.words(of: words), exists: exists, at: second).isThere ? "" : "no"
        } catch {
            return error.message
        }
    }

    @Test("what was saved restores to the same")
    func roundTrip() throws {
        let text = """
            create addresses hash:ip family inet hashsize 1024 maxelem 65536 timeout 600 counters comment bucketsize 12 initval 0x12345678
            add addresses 192.0.2.1 timeout 30 packets 3 bytes 40 comment "two words"
            create networks hash:net family inet hashsize 1024 maxelem 65536 skbinfo bucketsize 12 initval 0x00000001
            add networks 10.0.0.0/8 skbmark 0x1/0xff skbprio 1:a skbqueue 7
            create services hash:ip,port family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x00000001
            add services 192.0.2.1,icmp:echo-request
            create places hash:net,port family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x00000001
            add places 10.0.0.0/24,udp:53 nomatch
            create ways hash:ip,port,ip family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x00000001
            add ways 192.0.2.1,tcp:80,198.51.100.1
            create map bitmap:ip range 10.0.0.0-10.0.255.255 netmask 24
            add map 10.0.3.0
            create ports bitmap:port range 0-1023
            add ports 22
            create all list:set size 8
            add all networks
            add all addresses

            """
        let store = try Self.store(text)
        #expect(try Self.saved(store) == text)
        let again = try Self.store(try Self.saved(store))
        #expect(try Self.saved(again) == text)
    }

    @Test("timeouts count down in whole seconds, and never to a 0 that would say for ever")
    func timeouts() throws {
        let store = try Self.store("create s hash:ip timeout 10 initval 0x1\nadd s 10.0.0.1\nadd s 10.0.0.2 timeout 0\n")
        func elements(_ seconds: Double) throws -> [String] {
            SetElements.lines(try Self.saved(store, at: UInt64(seconds * 1e9))).sorted()
        }
        let text = try Self.saved(store, at: 4 * Self.second)
        #expect(text.contains("add s 10.0.0.1 timeout 7\n") && text.contains("add s 10.0.0.2 timeout 0\n"))
        #expect(try Self.saved(store, at: 11 * Self.second - 1).contains("add s 10.0.0.1 timeout 1\n"))
        #expect(try elements(11) == ["s 10.0.0.2 timeout 0"])
    }

    @Test("sets that take the place of others lie beside them until no rule knows these any more")
    func replacement() throws {
        struct Refusal: Error {}
        let store = try Self.store("create a hash:ip initval 0x1\nadd a 10.0.0.1\ncreate b list:set size 8\nadd b a\n")
        let before = store.slots
        let text = "create a hash:ip family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x00000002\nadd a 10.0.0.2\n"
        let prepared = try store.prepare(text, file: "sets", at: Self.second)
        // A command comes between, and takes the slot that was meant for a.
        #expect(Self.command(store, "create c hash:ip") == "")
        let taken = Set(before.values).union(store.slots.values)
        #expect(throws: Refusal.self) { try store.replace(with: prepared) { slots throws(Refusal) in throw Refusal() } }
        #expect(try Self.saved(store).contains("add a 10.0.0.1\n"))
        var new: [String: UInt16] = [:]
        store.replace(with: prepared) { slots in
            new = slots
            return ["a"]
        }
        #expect(new.count == 1 && taken.isDisjoint(with: new.values))
        #expect(store.slots == new)
        #expect(try Self.saved(store) == text)
        // The slots of those that are gone are free again.
        #expect(Self.command(store, "create d hash:ip") == "" && store.slots["d"] == 0)
    }

    @Test("one word may stand for many elements")
    func ranges() throws {
        let store = try Self.store(
            """
            create a hash:ip
            add a 10.0.0.0/30
            add a 10.0.1.1-10.0.1.3
            create n hash:net
            add n 10.0.0.1-10.0.0.8
            create p hash:ip,port
            add p 10.0.0.1-10.0.0.2,tcp:80-81

            """)
        let elements = SetElements.lines(try Self.saved(store))
        #expect(elements.filter { $0.hasPrefix("a ") }.count == 7)
        #expect(elements.filter { $0.hasPrefix("n ") } == ["n 10.0.0.1", "n 10.0.0.2/31", "n 10.0.0.4/30", "n 10.0.0.8"])
        #expect(
            elements.filter { $0.hasPrefix("p ") } == ["p 10.0.0.1,tcp:80", "p 10.0.0.1,tcp:81", "p 10.0.0.2,tcp:80", "p 10.0.0.2,tcp:81"])
    }

    @Test("every error of a text is told")
    func errors() throws {
        let text =
            "create a hash:ipp\nadd b 1.2.3.4\ncreate c hash:ip\nadd c 1.2.3.4/40\nadd c 1.2.3.4 timeout 5\nadd c 1.2.3.4 nomtch\nfrobnicate c\n"
        let failure = #expect(throws: Failure.self) { try Self.store(text) }
        #expect(
            failure?.diagnostics.map { "\($0.line):\($0.column): \($0.message.prefix { $0 != "\n" })" } == [
                "1:10: Syntax error: typename 'hash:ipp' is unknown; did you mean \"hash:ip\"?",
                "2:5: The set with the given name does not exist",
                "4:7: Syntax error: '40' is out of range 0-32",
                "5:15: Timeout cannot be used: set was created without timeout support",
                "6:15: Unknown argument: `nomtch'",
                "7:1: No command specified: unknown argument frobnicate",
            ])
    }

    @Test("a restore is done as a whole or not at all")
    func transaction() throws {
        let store = try Self.store(
            "create a hash:ip counters initval 0x1\nadd a 10.0.0.1 packets 5\ncreate b hash:ip initval 0x2\nadd b 1.1.1.1\ncreate l list:set\nadd l b\n")
        let before = try Self.saved(store)
        for wrong in [
            "add a 10.0.0.2\nadd a 10.0.0.1\n", "flush\nadd a 10.0.0.9\ndel b 1.1.1.1\n",
            "swap a b\nadd b 10.0.0.1\n", "create c hash:ip\nadd c 1.2.3.4\nadd a 10.0.0.1 packets 7 -exist\ndestroy b\n",
            "destroy l\nrename b c\ncreate b hash:net\nadd b 1.0.0.0/8\ndel c 9.9.9.9\n", "add l a\ndel l b\nadd l a\n",
            "del a 10.0.0.1\nadd nothere 1.1.1.1\n",
        ] {
            do throws(Diagnostics) {
                try store.restore(wrong, file: "x", exists: false, at: Self.second)
                Issue.record("accepted: \(wrong)")
            } catch {
                #expect(!error.list.isEmpty)
            }
            #expect(try Self.saved(store) == before, "after \(wrong)")
        }
        try store.restore("add a 10.0.0.2\nflush b\nswap a b\n", file: "x", exists: false, at: Self.second)
        #expect(
            SetElements.lines(try Self.saved(store)) == [
                "b 10.0.0.1 packets 5 bytes 0", "b 10.0.0.2 packets 0 bytes 0", "l b",
            ])
    }

    @Test("sets that rules name can be neither destroyed nor renamed")
    func references() throws {
        let store = try Self.store("create a hash:ip\ncreate b hash:ip\ncreate l list:set\nadd l b\n")
        store.withSlots { _ in ["a", "a"] }
        #expect(Self.command(store, "destroy a") == "Set cannot be destroyed: it is in use by a kernel component")
        #expect(Self.command(store, "destroy") == "Set cannot be destroyed: it is in use by a kernel component")
        #expect(Self.command(store, "destroy b") == "Set cannot be destroyed: it is in use by a kernel component")
        #expect(Self.command(store, "rename a c") == "Set cannot be renamed: it is in use by another system")
        #expect(try store.list("a", .terse, at: Self.second).joined().contains("References: 2\n"))
        store.withSlots { _ in [] }
        #expect(Self.command(store, "destroy a") == "" && Self.command(store, "destroy l") == "")
        #expect(Self.command(store, "destroy b") == "")
        #expect(try Self.saved(store) == "")
    }

    @Test("remembered sets come back as they were, whatever commands did to them; others keep what packets put there")
    func bringBack() throws {
        let text = """
            create a hash:ip family inet hashsize 1024 maxelem 65536 timeout 600 counters comment bucketsize 12 initval 0x1
            add a 192.0.2.1 timeout 30 packets 3 bytes 40 comment "two words"
            create b hash:ip family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x2
            add b 192.0.2.2
            create c hash:net family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x3
            add c 10.0.0.0/8
            create d hash:ip family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x4
            create l list:set size 8
            add l a
            add l b

            """
        let changes: [[String]] = [
            ["add a 192.0.2.9", "del a 192.0.2.1"], ["flush a", "add a 192.0.2.1"], ["flush"], ["destroy c"], ["destroy d", "create d hash:net"],
            ["swap a b"], ["rename c z"], ["rename c z", "create c hash:ip"], ["create n hash:ip", "add l n"], ["del l a", "destroy a"],
            ["flush l", "destroy"], ["add l c before a", "del l b"], ["swap a b", "add b 192.0.2.7", "swap a d", "del b 192.0.2.1"],
        ]
        for commands in changes {
            let store = try Self.store(text)
            let before = try Self.saved(store)
            store.remember()
            for command in commands { #expect(Self.command(store, command) == "", "\(command)") }
            #expect(try Self.saved(store) != before)
            store.bringBack(at: Self.second) { slots in
                #expect(slots.keys.sorted() == ["a", "b", "c", "d", "l"])
                return ["a"]
            }
            #expect(try Self.saved(store) == before, "\(commands)")
            #expect(!store.isModified)
            // References are right too: lists hold what they held, rules what they named.
            #expect(Self.command(store, "destroy a") != "" && Self.command(store, "destroy b") != "" && Self.command(store, "destroy c") == "")
            #expect(Self.command(store, "add l c") != "" && Self.command(store, "add l d") == "")
        }

        // What comes in force with them may fail: then nothing has come back.
        struct Refused: Error {}
        let store = try Self.store(text)
        store.remember()
        #expect(Self.command(store, "destroy c") == "" && Self.command(store, "add b 192.0.2.3") == "")
        let changed = try Self.saved(store)
        #expect(throws: Refused.self) { try store.bringBack(at: Self.second) { (_) throws(Refused) in throw Refused() } }
        #expect(try Self.saved(store) == changed)
        store.forgetRemembered()
        store.bringBack(at: Self.second) { _ in [] }
        #expect(try Self.saved(store) == changed && store.isModified)
    }

    @Test("a full set with forceadd takes new elements in place of others, one without it takes none")
    func forceadd() throws {
        let store = try Self.store("create f hash:ip hashsize 64 maxelem 256 forceadd\ncreate n hash:ip hashsize 64 maxelem 256\n")
        for number in 0..<256 {
            #expect(Self.command(store, "add f 10.0.0.\(number)") == "" || number == 0)
            #expect(Self.command(store, "add n 10.0.0.\(number)") == "" || number == 0)
        }
        var taken = 0
        for number in 0..<256 {
            // Where no other has the same place in the hash, there is none to give way (mtype_add in ip_set_hash_gen.h).
            let answer = Self.command(store, "add f 10.0.1.\(number)")
            #expect(answer == "" || answer == "Hash is full, cannot add more elements")
            if answer == "" {
                taken += 1
                #expect(Self.command(store, "test f 10.0.1.\(number)") == "")
            }
        }
        let rows = store.rows(nil, withElements: false, at: Self.second)
        #expect(taken > 100 && rows[0].entries == 256, "\(taken)")
        #expect(Self.command(store, "add n 10.0.1.1") == "Hash is full, cannot add more elements" && rows[1].entries == 256)
        #expect(try store.list("f", .terse, at: Self.second).joined().contains("forceadd"))
    }

    @Test("long texts are read line by line, also where lines say more than the plainest")
    func long() throws {
        var text = "create m hash:ip maxelem 1048576 counters\ncreate t hash:net,port timeout 100 maxelem 1048576\n"
        for number in 0..<20_000 {
            text += "add m 10.0.\(number >> 8).\(number & 255)\(number % 100 == 0 ? " packets 7" : "")\n"
            text += "add t 10.0.\(number >> 8).\(number & 255)/32,tcp:80 timeout \(number % 1000 + 1)\n"
        }
        let store = try Self.store()
        try store.restore(text, file: "x", exists: false, at: Self.second)
        let rows = store.rows(nil, withElements: true, at: Self.second)
        #expect(rows.map(\.entries) == [20_000, 20_000])
        #expect(rows[0].elements?.count { $0.packets == 7 } == 200)
        #expect(rows[1].elements?.count { $0.timeout == 5 } == 20)
        do throws(Diagnostics) {
            try store.restore(text, file: "x", exists: false, at: Self.second)
            Issue.record("accepted twice")
        } catch {
            #expect(error.list.first?.location.line == 1)
        }
    }
}
