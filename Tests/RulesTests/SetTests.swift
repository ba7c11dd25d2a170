import Net
import Testing

@testable import Rules

@Suite("IP sets")
struct SetTests {
    @Test("every type is read and written, with what is noted of its elements")
    func roundTrip() throws {
        let text = """
            create addresses hash:ip family inet hashsize 1024 maxelem 65536 timeout 600 counters comment bucketsize 12 initval 0x12345678
            add addresses 192.0.2.1 timeout 30 packets 3 bytes 40 comment "two words"
            create networks hash:net family inet hashsize 1024 maxelem 65536 skbinfo bucketsize 12
            add networks 10.0.0.0/8 skbmark 0x1/0xff skbprio 1:a skbqueue 7
            add networks 10.1.0.0/16 nomatch
            create services hash:ip,port family inet hashsize 1024 maxelem 65536 bucketsize 12
            add services 192.0.2.1,tcp:80
            add services 192.0.2.1,icmp:echo-request
            add services 192.0.2.1,icmp:5/9
            add services 192.0.2.1,gre:0
            create places hash:net,port family inet hashsize 1024 maxelem 65536 bucketsize 12
            add places 10.0.0.0/24,udp:53 nomatch
            create ways hash:ip,port,ip family inet hashsize 1024 maxelem 65536 bucketsize 12
            add ways 192.0.2.1,tcp:80,198.51.100.1
            create map bitmap:ip range 10.0.0.0-10.0.255.255 netmask 24
            add map 10.0.3.0
            create ports bitmap:port range 0-1023
            add ports 22
            create all list:set size 8
            add all networks
            add all addresses

            """
        let sets = try SetCollection.restoring(text, file: "sets")
        #expect(sets.saved() == text)
        #expect(sets["networks"]?[.network("10.1.0.0/16")]?.isNomatch == true)
        #expect(sets["all"]?.elements.map(\.entry) == [.set("networks"), .set("addresses")])
    }

    @Test("one word may stand for many elements")
    func ranges() throws {
        let sets = try SetCollection.restoring(
            """
            create a hash:ip
            add a 10.0.0.0/30
            add a 10.0.1.1-10.0.1.3
            create n hash:net
            add n 10.0.0.1-10.0.0.8
            create p hash:ip,port
            add p 10.0.0.1-10.0.0.2,tcp:80-81
            """, file: "sets")
        #expect(sets["a"]?.elements.count == 7)
        #expect(
            sets["n"]?.elements.map { "\($0.entry)" } == ["10.0.0.1", "10.0.0.2/31", "10.0.0.4/30", "10.0.0.8"])
        #expect(
            sets["p"]?.elements.map { "\($0.entry)" } == [
                "10.0.0.1,tcp:80", "10.0.0.1,tcp:81", "10.0.0.2,tcp:80", "10.0.0.2,tcp:81",
            ])
    }

    @Test("elements come and go by their entry, in sets of thousands")
    func removal() throws {
        var set = IPSet(name: "s", type: .hashIP)
        for number in UInt32(1)...5000 { set.update(SetElement(.address(IPv4(number)))) }
        for number in UInt32(1)...5000 where number % 3 == 0 {
            let wasThere = set.remove(.address(IPv4(number)))
            #expect(wasThere)
        }
        #expect(set.elements.count == 5000 - 1666)
        for number in UInt32(1)...5000 { #expect(set.contains(.address(IPv4(number))) == (number % 3 != 0)) }
    }

    private func IPv4(_ number: UInt32) -> IPv4Address { IPv4Address(rawValue: number) }

    @Test("every error of a file is told, and nothing is changed")
    func errors() {
        let text =
            "create a hash:ipp\nadd b 1.2.3.4\ncreate c hash:ip\nadd c 1.2.3.4/40\nadd c 1.2.3.4 timeout 5\nadd c 1.2.3.4 nomtch\nfrobnicate c\n"
        do throws(Diagnostics) {
            _ = try SetCollection.restoring(text, file: "sets")
            Issue.record("accepted")
        } catch {
            #expect(
                error.list.map(\.headline) == [
                    "sets:1:10: Syntax error: typename 'hash:ipp' is unknown; did you mean \"hash:ip\"?",
                    "sets:2:5: The set with the given name does not exist",
                    "sets:4:7: Syntax error: '40' is out of range 0-32",
                    "sets:5:15: Timeout cannot be used: set was created without timeout support",
                    "sets:6:15: Unknown argument: `nomtch'",
                    "sets:7:1: No command specified: unknown argument frobnicate",
                ])
        }
    }
}
