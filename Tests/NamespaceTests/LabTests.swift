import Glibc
import TestSupport
import Testing

extension NamespaceTests {
    @Suite("Laboratory", .serialized)
    struct Laboratory {
        static func namespaces() throws -> String { try Program.require(["ip", "netns", "list"]) }

        @Test("a laboratory vanishes with its value, and so do the programs in it")
        func tearDown() throws {
            let lab = try Lab(.live())
            let name = lab.router
            let sleeper = try lab.start(["sleep", "100"], in: "router")
            #expect(try Self.namespaces().contains(name))
            lab.tearDown()
            #expect(!(try Self.namespaces().contains(name)))
            #expect(Clock.wait(seconds: 2, until: { !sleeper.isRunning }))
        }

        @Test("what a dead run left is swept, what a living one has stays")
        func sweep() throws {
            let dead = try Program(["true"])
            _ = try dead.wait()
            let stale = "martlab-\(dead.pid)-1-router"
            let living = "martlab-1-1-router"
            for name in [stale, living] { try Program.require(["ip", "netns", "add", name]) }
            defer { for name in [stale, living] { _ = try? Program.run(["ip", "netns", "del", name]) } }
            Lab.removeStaleLabs()
            let list = try Self.namespaces()
            #expect(!list.contains(stale))
            #expect(list.contains(living))
        }

        @Test("veth pairs have the queues that were asked for", arguments: [1, 2])
        func queues(count: Int) throws {
            let lab = try Lab(.cables(queues: count))
            let files = try lab.run(["ls", "/sys/class/net/lan0/queues"], in: "router").output.split(separator: "\n")
            #expect(files.filter { $0.hasPrefix("rx-") }.count == count)
            #expect(files.filter { $0.hasPrefix("tx-") }.count == count)
        }

        @Test("a cable carries frames both ways, with times in order and tags in place")
        func cable() throws {
            let lab = try Lab(.cables())
            let near = try Cable(namespace: lab.router, interface: "lan0")
            let far = try Cable(namespace: lab.namespace("client"), interface: "eth0")
            for text in [
                "eth 02:00:00:00:01:02 > 02:00:00:00:01:01 udp 10.0.0.2:1 > 10.0.0.3:2 len 3",
                "eth 02:00:00:00:01:02 > 02:00:00:00:01:01 vlan 7:3 udp 10.0.0.2:1 > 10.0.0.3:2 len 3",
            ] {
                let before = Clock.now
                try far.send(TestPacket(text).bytes)
                let capture = try #require(near.receive(seconds: 1))
                #expect(capture.packet.description == text)
                #expect(capture.time > before && capture.time < Clock.now)
                #expect(near.receive(seconds: 0.01) == nil)
            }
            #expect(far.receive(seconds: 0.01) == nil, "a cable does not hear itself")
        }

        @Test("a program's end, output and signals are seen")
        func programs() throws {
            let result = try Program.run(["sh", "-c", "cat; echo oops >&2; exit 3"], input: "text")
            #expect(result.status == 3 && result.output == "text" && result.errors == "oops\n")
            #expect(throws: LabError.self) { try Program.run(["sleep", "5"], seconds: 0.1) }
            let sleeper = try Program(["sleep", "100"])
            #expect(sleeper.end())
            #expect(try sleeper.wait().status == 128 + SIGTERM)
            #expect(throws: LabError.self) { try Program(["no-such-program"]) }
        }

        @Test("books that do not balance are noticed")
        func books() throws {
            let good = """
                {"frames": {"received": 10, "fromHost": 2, "madeHere": 1, "extraFragments": 1, "transmitted": 8, "toHost": 3,
                 "dropped": {"filter": 1, "ttl": 1}, "absorbed": 1, "held": 0, "framesOwned": 64, "framesInUmem": 64}}
                """
            #expect(try Books(json: good).problems == [])
            #expect(try Books(json: good).drops == ["filter": 1, "ttl": 1])
            #expect(
                try Books(json: Self.replace("\"toHost\": 3", "\"toHost\": 2", good)).problems == ["14 came, 13 went"])
            #expect(
                try Books(json: Self.replace("\"framesOwned\": 64", "\"framesOwned\": 63", good)).problems.count == 1)
            #expect(throws: LabError.self) { try Books(json: Self.replace("\"held\": 0", "\"hold\": 0", good)) }
        }

        private static func replace(_ old: String, _ new: String, _ text: String) -> String {
            var parts: [String] = []
            var rest = text[...]
            while let first = rest.first {
                if rest.hasPrefix(old) {
                    parts.append(new)
                    rest = rest.dropFirst(old.count)
                } else {
                    parts.append(String(first))
                    rest = rest.dropFirst()
                }
            }
            return parts.joined()
        }

        @Test("without a binary Martlet's start says how to get one")
        func missingBinary() throws {
            guard unsafe access(MartletBinary.path, X_OK) != 0 else { return }
            #expect { try MartletBinary.require() } throws: { "\($0)".contains("make build") }
        }
    }
}
