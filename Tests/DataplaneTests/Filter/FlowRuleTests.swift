import Net
import Synchronization
import TestSupport
import Testing

@testable import Dataplane

@Suite("What rules know of flows, where no scenario reaches")
struct FlowRuleTests {
    @Test("the hash is that of include/linux/jhash.h")
    func hash() {
        // Marks that HMARK gave on Linux 6.18, of an ICMP echo 10.0.0.2 > 198.51.100.2, modulus 2³² - 1.
        let mark = HashMark(
            sourceMask: .max, destinationMask: .max, portMask: .max, portSet: 0, protocolMask: .max, usesFlow: false,
            seed: 0xDEAF_BEEF, modulus: .max, offset: 0)
        #expect(mark.mark(0x0A00_0002, 0xC633_6402, 0, 1) == 379_875_623)
        #expect(mark.mark(0xC633_6402, 0x0A00_0002, 0, 47) == 379_875_589)
    }

    @Test("a helper's name means itself and, by its beginning, the same on other ports (strncmp in xt_helper.c)")
    func helperNames() {
        var names = HelperNames()
        #expect(names.numbers(meantBy: "ftp") == 1 << 1)
        #expect(names.numbers(meantBy: "ftp-2121") == 1 << 1)
        #expect(names.numbers(meantBy: "ft") == 0)
        #expect(names.enter("ftp-2121") == 5)
        #expect(names.enter("ftp-2121") == 5)
        #expect(names.numbers(meantBy: "ftp-2121") == 1 << 1 | 1 << 5)
        #expect(names.numbers(meantBy: "") & 1 == 0)
        #expect(names.name(of: 3) == "tftp" && names.name(of: 0) == nil && names.name(of: 6) == nil)
        for number in 6...63 { #expect(names.enter("h\(number)") == UInt8(number)) }
        #expect(names.enter("one too many") == nil)
    }

    @Test("helper and cluster look at the flow that announced another")
    func announced() {
        var setup = Bench.Setup()
        setup.rules = .tracking
        let rules: [RuleText.Rule] = [
            RuleText.Rule(.next).flow(.helper(1 << 3, isNegated: false)), RuleText.Rule(.next).flow(.helper(1 << 2, isNegated: false)),
            RuleText.Rule(.next).flow(.helper(1 << 2, isNegated: true)),
        ]
        setup.rules.chain(.filter, .forward, rules)
        let bench = Bench(setup)
        bench.send("lan udp 10.0.0.2:1 > 192.0.2.9:69")
        var announced: UInt32 = 0
        bench.flows.forEach { announced = $0.index }
        bench.flows.flows[announced].masterHelper = 3
        bench.flows.flows[announced].masterSource = "10.0.0.9"
        bench.send("lan udp 10.0.0.2:1 > 192.0.2.9:69")
        #expect((0..<3).map { bench.rules.counted(rule: $0).packets } == [1, 0, 2])
        let nodes = (1...200).map { seed -> Bool in
            let own = JenkinsHash.scale(JenkinsHash.hash(IPv4Address(10, 0, 0, 9).rawValue.bigEndian, seed: UInt32(seed)), to: 32)
            let worker = Worker(id: 0, shared: bench.shared, snapshot: Snapshot(generation: 9, rules: bench.rules), seed: 1)
            return worker.clusterNode(announced, nodes: 32, seed: UInt32(seed)) == own
        }
        #expect(nodes.allSatisfy { $0 })
    }

    @Test("labels end with their flow: who gets the entry next has none")
    func labels() {
        let table = FlowTable(maximum: 16, workerCount: 1, key: 1)
        #expect(!table.setLabel(1, 0))
        table.makeLabels(1)
        for label in [0, 63, 64, 127] as [UInt8] {
            #expect(!table.hasLabel(1, label))
            #expect(table.setLabel(1, label))
            #expect(table.hasLabel(1, label))
        }
        #expect(table.labels[UInt32(1)].bits == (1 << 63 | 1, 1 << 63 | 1))
        table.flows[UInt32(1)].statusBits.store(0, ordering: .relaxed)
        #expect(!table.hasLabel(1, 63))
        table.makeLabels(1)
        #expect(table.setLabel(1, 5))
        #expect(table.labels[UInt32(1)].bits == (1 << 5, 0))
    }
}
