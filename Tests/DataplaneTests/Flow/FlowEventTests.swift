import Net
import TestSupport
import Testing

@testable import Dataplane

/// What is told of flows, timeouts of their own, and that the end of many delays no burst.
@Suite("Flow events, policies and endings")
struct FlowEventTests {
    private static func bench(_ change: (inout Bench.Setup) -> Void = { _ in }) -> Bench {
        var setup = Bench.Setup()
        setup.rules = .tracking
        change(&setup)
        return Bench(setup)
    }

    private static func events(_ bench: Bench) -> [FlowEvents] {
        var events: [FlowEvents] = []
        while let event = unsafe bench.workers[0].flowEvents.pop() { events.append(event.events) }
        return events
    }

    @Test("a flow's beginning, first answer and end are told of, and nothing while nobody listens")
    func life() {
        let bench = Self.bench()
        bench.send("lan udp 10.0.0.2:1 > 198.51.100.2:53 len 8")
        #expect(Self.events(bench).isEmpty)
        bench.flows.isListenedTo = true
        bench.send("lan udp 10.0.0.2:2 > 198.51.100.2:53 len 8")
        bench.send("lan udp 10.0.0.2:2 > 198.51.100.2:53 len 8")
        bench.send("wan udp 198.51.100.2:53 > 10.0.0.2:2 len 8")
        #expect(Self.events(bench) == [.new, .reply])
        bench.pass(31)
        bench.pass(1)
        #expect(Self.events(bench) == [.destroy, .destroy])
    }

    @Test("a reset that is a connection's first answer ends it as unanswered, once, and belongs to it all the same (nf_ct_kill_acct)")
    func refused() {
        let bench = Self.bench()
        bench.flows.isListenedTo = true
        bench.send("lan tcp 10.0.0.2:1 > 198.51.100.2:80 S seq 1")
        bench.send("wan tcp 198.51.100.2:80 > 10.0.0.2:1 RA seq 0 ack 2")
        bench.pass(31)
        var told: [(FlowEvents, Bool)] = []
        while let event = unsafe bench.workers[0].flowEvents.pop() { told.append((event.events, event.flow.status.contains(.seenReply))) }
        #expect(told.map(\.0) == [[.new, .protocolState], .destroy] && told.allSatisfy { !$0.1 }, "\(told)")
    }

    @Test("a full ring loses events and counts them")
    func full() {
        let ring = FlowEventRing(capacity: 2)
        let bench = Self.bench()
        bench.send("lan udp 10.0.0.2:1 > 198.51.100.2:53 len 8")
        for _ in 0..<5 { bench.flows.tell(.mark, of: 1, at: bench.now, to: ring) }
        #expect(ring.lost == 3)
        #expect(ring.pop()?.events == .mark)
    }

    @Test("a flow with a policy lives as long as that says, and as long as it says now")
    func policy() {
        let bench = Self.bench { setup in
            var template = TrackingTemplate(zone: 0, options: [])
            template.policy = 3
            setup.rules.chain(.raw, .prerouting, [.init(proto: .udp, target: .plain(.flow(.track(template))))])
        }
        bench.flows.policies.set(3, [7_000_000_000, 8_000_000_000])
        bench.send("lan udp 10.0.0.2:1 > 198.51.100.2:53 len 8")
        #expect(bench.flowList.first?.hasPrefix("udp 7 ") == true, "\(bench.flowList)")
        bench.flows.policies.set(3, [70_000_000_000, 80_000_000_000])
        bench.send("lan udp 10.0.0.2:1 > 198.51.100.2:53 len 8")
        #expect(bench.flowList.first?.hasPrefix("udp 70 ") == true, "\(bench.flowList)")
        bench.send("lan tcp 10.0.0.2:1 > 198.51.100.2:53 S seq 1")
        #expect(bench.flowList.contains { $0.hasPrefix("tcp 120 ") })
    }

    @Test("a reset of ours closes its connection for as long as the flow's policy says, which is told of (nf_conntrack_tcp_set_closing)")
    func reset() throws {
        let bench = Self.bench { setup in
            var template = TrackingTemplate(zone: 0, options: [])
            template.policy = 3
            setup.rules.chain(.raw, .prerouting, [.init(proto: .tcp, target: .plain(.flow(.track(template))))])
            setup.rules.chain(.filter, .forward, [.init(.reject(.tcpReset)).proto(.tcp).states(.established).input("lan")])
        }
        // In the order of TCPSlot.
        bench.flows.policies.set(3, [11, 12, 13, 14, 15, 16, 17, 77, 19, 20, 21].map { $0 * 1_000_000_000 })
        bench.flows.isListenedTo = true
        bench.send("lan tcp 10.0.0.2:1 > 198.51.100.2:80 S seq 1")
        bench.send("wan tcp 198.51.100.2:80 > 10.0.0.2:1 SA seq 9 ack 2")
        _ = Self.events(bench)
        #expect(bench.send("lan tcp 10.0.0.2:1 > 198.51.100.2:80 A seq 2 ack 10") == ["lan tcp 198.51.100.2:80 > 10.0.0.2:1 R seq 10 win 0 df"])
        #expect(bench.flowList.first?.hasPrefix("tcp 77 CLOSE") == true, "\(bench.flowList)")
        #expect(Self.events(bench) == [[.assured, .protocolState]])
    }

    @Test("a flow takes at most 256 bytes, its share of the index included")
    func memory() {
        #expect(FlowTable(maximum: 1 << 20, workerCount: 1, key: 1).bytesPerFlow <= 256)
    }

    @Test("one burst ends only so many flows, and the next ones the rest")
    func bounded() {
        let bench = Self.bench()
        for port in 1...1000 { bench.send("lan udp 10.0.0.2:\(port) > 198.51.100.2:53 len 8") }
        #expect(bench.flows.count == 1000)
        bench.pass(40)
        #expect(bench.flows.count >= 900)
        #expect(unsafe bench.workers[0].timeToNextChore == 1)
        for _ in 0..<60 { bench.pass(0.001) }
        #expect(bench.flows.count == 0)
    }

    @Test("a lower nf_conntrack_max holds at once, and makes room as a full table does")
    func limit() {
        let bench = Self.bench()
        bench.flows.limit = 2
        for port in 1...5 { bench.send("lan udp 10.0.0.2:\(port) > 198.51.100.2:53 len 8") }
        #expect(bench.flows.count == 2)
    }
}
