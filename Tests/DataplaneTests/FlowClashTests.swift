import Net
import Testing

@testable import Dataplane

/// Two packets of one socket that two workers meet at the same time, each with a flow of its own that the other does not see yet: what
/// the kernel makes of it (nf_ct_resolve_clash in net/netfilter/nf_conntrack_core.c), step by step.
@Suite("Clashes of flows that begin twice (nf_ct_resolve_clash)")
struct FlowClashTests {
    private static let now = Instant.seconds(1000)

    /// A table with two owners, on which flows are begun and confirmed one by one.
    private struct Race: ~Copyable {
        let owners = FlowTableTests.Owners(flows: 256, workers: 2)
        var table: FlowTable { owners.table }

        /// Begins a flow on a worker; NAT reserves its reply tuple, as it does in POSTROUTING.
        func begin(_ worker: Int, _ original: FlowTuple, reply: FlowTuple? = nil, isTranslated: Bool = false) -> UInt32 {
            let reply = reply ?? original.inverted ?? original
            let flow = unsafe owners.owners[worker].create(original: original, reply: reply, hash: table.index.hash(original))
            table.flows[flow].expire(at: FlowClashTests.now + 30 * TCPTimeouts.second)
            if isTranslated {
                #expect(table.reserveReply(flow))
                table.flows[flow].set([.sourceNAT, .sourceNATDone, .destinationNATDone])
            }
            return flow
        }
    }

    private static func tuple(_ ipProtocol: IPProtocol, _ source: IPv4Address, _ sourcePort: UInt16) -> FlowTuple {
        FlowTuple(source: source, destination: "192.0.2.9", ipProtocol: ipProtocol, sourcePort: sourcePort, destinationPort: 53)
    }

    @Test("allow_clash: a second first packet of UDP, UDP-Lite or ICMP joins the flow of the first; one of TCP or SCTP is lost",
        arguments: [(IPProtocol.udp, true), (.udpLite, true), (.icmp, true), (.tcp, false), (.sctp, false), (.gre, false)])
    func twins(ipProtocol: IPProtocol, joins: Bool) {
        let race = Race()
        var tuple = Self.tuple(ipProtocol, "10.0.0.2", 1000)
        if ipProtocol == .icmp { tuple.destinationPort = 8 << 8 }
        let first = race.begin(0, tuple)
        let second = race.begin(1, tuple)
        #expect(race.table.confirm(first))
        #expect(!race.table.confirm(second))
        switch race.table.resolveClash(second, now: Self.now) {
        case .joined(let other): #expect(joins && other == first)
        case .dropped: #expect(!joins)
        default: Issue.record("neither joined nor dropped")
        }
    }

    @Test("both directions at once: the answer's flow is the question's, turned round")
    func turned() {
        let race = Race()
        let question = Self.tuple(.udp, "10.0.0.2", 1000)
        let first = race.begin(0, question)
        let second = race.begin(1, question.inverted ?? question)
        #expect(race.table.confirm(first))
        #expect(!race.table.confirm(second))
        guard case .joined(first) = race.table.resolveClash(second, now: Self.now) else {
            Issue.record("not joined")
            return
        }
    }

    @Test("both directions at once through NAT that changes nothing: whoever is confirmed first gets both tuples, the other joins (nf_ct_match_reverse)",
        arguments: [(IPProtocol.udp, true), (.tcp, false)])
    func turnedAndBound(ipProtocol: IPProtocol, joins: Bool) throws {
        let race = Race()
        let question = Self.tuple(ipProtocol, "10.0.0.2", 1000)
        let answer = try #require(question.inverted)
        let first = race.begin(0, question)
        let second = race.begin(1, answer)
        for flow in [first, second] {
            #expect(race.table.reserveReply(flow))
            race.table.flows[flow].set([.sourceNATDone, .destinationNATDone])
        }
        #expect(race.table.confirm(first))
        #expect(!race.table.confirm(second))
        switch race.table.resolveClash(second, now: Self.now) {
        case .joined(let other): #expect(joins && other == first)
        case .dropped: #expect(!joins)
        default: Issue.record("neither joined nor dropped")
        }
        unsafe race.owners.owners[1].abandon(second)
        let table = race.table
        #expect(table.find(question, hash: table.index.hash(question), now: Self.now)?.direction == .original)
        #expect(table.find(answer, hash: table.index.hash(answer), now: Self.now)?.direction == .reply)
    }

    @Test("__nf_ct_resolve_clash: translated twice to the same it joins; to another port it stands by its answers alone for a second (IPS_NAT_CLASH)")
    func translated() {
        let race = Race()
        let tuple = Self.tuple(.udp, "10.0.0.2", 1000)
        func reply(_ port: UInt16) -> FlowTuple {
            FlowTuple(source: "192.0.2.9", destination: "198.51.100.1", ipProtocol: .udp, sourcePort: 53, destinationPort: port)
        }
        let first = race.begin(0, tuple, reply: reply(1000), isTranslated: true)
        let second = race.begin(1, tuple, reply: reply(1001), isTranslated: true)
        #expect(race.table.confirm(first))
        #expect(!race.table.confirm(second))
        guard case .answersOnly = race.table.resolveClash(second, now: Self.now) else {
            Issue.record("the second packet was lost")
            return
        }
        // What goes out finds the first, answers find the flow whose port they are for.
        let table = race.table
        #expect(table.find(tuple, hash: table.index.hash(tuple), now: Self.now)?.flow == first)
        for (flow, port) in [(first, 1000 as UInt16), (second, 1001)] {
            let found = table.find(reply(port), hash: table.index.hash(reply(port)), now: Self.now)
            #expect(found?.flow == flow && found?.direction == .reply)
        }
        let late = Self.now + TCPTimeouts.second + 1
        #expect(table.find(reply(1001), hash: table.index.hash(reply(1001)), now: late) == nil)
    }

    @Test("the reply tuple is another client's: the packet is lost, and nothing of it stays")
    func foreign() {
        let race = Race()
        let mine = Self.tuple(.udp, "10.0.0.2", 1000)
        let reply = FlowTuple(source: "192.0.2.9", destination: "198.51.100.1", ipProtocol: .udp, sourcePort: 53, destinationPort: 1000)
        let other = race.begin(0, Self.tuple(.udp, "10.0.0.3", 1000), reply: reply)
        let flow = race.begin(1, mine, reply: reply)
        race.table.flows[other].set([.sourceNAT, .sourceNATDone])
        race.table.flows[flow].set([.sourceNAT, .sourceNATDone])
        #expect(race.table.confirm(other))
        #expect(!race.table.confirm(flow))
        guard case .dropped = race.table.resolveClash(flow, now: Self.now) else {
            Issue.record("not dropped")
            return
        }
        unsafe race.owners.owners[1].abandon(flow)
        #expect(race.table.find(mine, hash: race.table.index.hash(mine), now: Self.now) == nil)
        #expect(race.table.count == 1)
    }

    @Test("nobody is confirmed yet: the second passes as both would have it, and the next packet finds the first")
    func early() {
        let race = Race()
        let tuple = Self.tuple(.udp, "10.0.0.2", 1000)
        let reply = FlowTuple(source: "192.0.2.9", destination: "198.51.100.1", ipProtocol: .udp, sourcePort: 53, destinationPort: 1000)
        let first = race.begin(0, tuple, reply: reply, isTranslated: true)
        let second = race.begin(1, tuple, reply: reply)
        race.table.flows[second].set([.sourceNAT, .sourceNATDone])
        // Its twin's reservation is no obstacle to the choice, but it is one to entering.
        #expect(race.table.reserveReply(second))
        #expect(!race.table.confirm(second))
        guard case .passes = race.table.resolveClash(second, now: Self.now) else {
            Issue.record("the packet was lost")
            return
        }
        #expect(race.table.confirm(first))
    }
}
