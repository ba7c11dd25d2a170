import CXDP
import Net
import Testing

@testable import Kernel

@Suite struct CodecTests {
    /// A multipath route with every attribute the reader knows.
    private static var route: [UInt8] {
        var hop: [UInt8] = [16, 0, 0, 2, 7, 0, 0, 0, 8, 0, 5, 0, 10, 1, 0, 2]
        hop += [16, 0, 1, 255, 8, 0, 0, 0, 8, 0, 5, 0, 10, 2, 0, 2]
        var request = NetlinkRequest("", kind: Int(RTM_NEWROUTE), flags: 0)
        for byte: UInt8 in [2, 16, 0, 0, 252, 4, 0, 1, 0, 0, 0, 0] { request.append(byte) }
        request.attribute(Int(RTA_TABLE.rawValue), UInt32(100_000))
        request.attribute(Int(RTA_DST.rawValue), "10.9.0.0" as IPv4Address)
        request.attribute(Int(RTA_PRIORITY.rawValue), UInt32(5))
        request.attribute(Int(RTA_PREFSRC.rawValue), "10.1.0.1" as IPv4Address)
        request.attribute(Int(RTA_METRICS.rawValue), [8, 0, 2, 0, 0x78, 5, 0, 0])
        request.attribute(Int(RTA_MULTIPATH.rawValue) | 0x8000, hop)
        return request.finish(sequence: 1)
    }

    @Test("A route is read with table, metric, source, mtu, weights and dead hops")
    func readsRoute() {
        var reader = RouteReader()
        let routes = NetlinkMessages(NetlinkView(Self.route)).compactMap { reader.read($0)?.route }
        #expect(
            routes == [
                Route(
                    table: 100_000, prefix: "10.9.0.0/16", metric: 5, origin: 4, preferredSource: "10.1.0.1", mtu: 1400,
                    hops: [
                        RouteHop(link: LinkIndex(rawValue: 7), gateway: "10.1.0.2", weight: 3),
                        RouteHop(link: LinkIndex(rawValue: 8), gateway: "10.2.0.2", weight: 256, isDead: true),
                    ])
            ])
    }

    @Test("No message traps: cut at every length, with every byte set to 0 or 255, read as every kind")
    func survivesDamage() {
        func readAll(_ bytes: [UInt8]) {
            var reader = RouteReader()
            for message in NetlinkMessages(NetlinkView(bytes)) {
                _ = reader.read(message)
                _ = (Link(message), LinkAddress(message), Neighbor(message), Nexthop(message), RuleReading(message))
                _ = (Link.removed(message), Acknowledgement(message))
            }
        }
        let whole = Self.route
        for length in 0...whole.count {
            readAll(Array(whole[..<length]))
            // The header says the cut length, so that the cut falls into the attributes.
            var cut = Array(whole[..<length])
            if length >= 4 { (cut[0], cut[1]) = (UInt8(length & 255), UInt8(length >> 8)) }
            readAll(cut)
        }
        for place in whole.indices {
            for value: UInt8 in [0, 1, 2, 3, 4, 5, 127, 128, 255] {
                var damaged = whole
                damaged[place] = value
                readAll(damaged)
            }
        }
    }

    @Test("An error carries the kernel's words, with and without a copy of the question")
    func readsErrors() throws {
        for capped in [true, false] {
            var request = NetlinkRequest(
                "", kind: Int(NLMSG_ERROR), flags: NLM_F_ACK_TLVS | (capped ? NLM_F_CAPPED : 0))
            request.append(Int32(-17))
            for number: UInt32 in [20, 0, 0, 0] { request.append(number) }
            if !capped { request.append(UInt32(0xFFFF)) }
            request.attribute(1, Array("Nexthop has invalid gateway\0".utf8))
            let message = try #require(Array(NetlinkMessages(NetlinkView(request.finish(sequence: 1)))).first)
            #expect(Acknowledgement(message).code == 17)
            #expect(Acknowledgement(message).text == "Nexthop has invalid gateway")
        }
    }

    @Test("The kernel's refusal reaches the caller in its own words")
    func kernelRefuses() throws {
        try inFreshNetwork {
            var socket = try NetlinkSocket()
            var request = NetlinkRequest("add a route", kind: Int(RTM_NEWROUTE), flags: NLM_F_ACK | NLM_F_CREATE)
            for byte: UInt8 in [2, 33, 0, 0, 254, 4, 0, 1, 0, 0, 0, 0] { request.append(byte) }
            let error = try #require(throws: KernelError.self) { try socket.request(request) }
            #expect(error.code == EINVAL)
            #expect(!error.detail.isEmpty)
        }
    }
}

@Suite struct KernelDifferenceTests {
    private static func route(_ gateway: IPv4Address, metric: UInt32 = 0) -> Route {
        Route(prefix: "10.0.0.0/8", metric: metric, hops: [RouteHop(link: LinkIndex(rawValue: 1), gateway: gateway)])
    }

    @Test("The changes from one state to another lead there, whatever the order of equal routes and rules")
    func leadsThere() {
        let routes: [Route] = ["10.1.0.1", "10.1.0.2", "10.1.0.3"].map { Self.route($0) }
        let orders = [[], [0], [1], [0, 1], [1, 0], [0, 1, 2], [2, 0, 1], [1, 2], [2, 1, 0]]
        var states: [KernelState] = []
        for (number, order) in orders.enumerated() {
            var state = KernelState()
            for index in order {
                state.apply(.route(routes[index]))
                state.apply(.policy(PolicyRule(priority: 5, mark: UInt32(index), action: .lookup(table: 9))))
                state.apply(
                    .address(
                        LinkAddress(
                            link: LinkIndex(rawValue: 1), prefix: IPv4Prefix(routes[index].hops[0].gateway!, 24))))
            }
            state.apply(.policy(PolicyRule(priority: UInt32(number), action: .nop)))
            state.apply(
                .link(
                    Link(
                        index: LinkIndex(rawValue: Int32(number / 2)), name: "l\(number)", mac: .zero, mtu: 1500,
                        isUp: true, isRunning: true)))
            state.apply(
                .neighbor(
                    Neighbor(
                        link: LinkIndex(rawValue: 1), address: "10.1.0.1", mac: nil,
                        state: number % 2 == 0 ? .failed : .stale)))
            states.append(state)
        }
        for old in states {
            for new in states {
                var followed = old
                followed.apply(old.changes(to: new))
                #expect(followed == new)
            }
            #expect(old.changes(to: old) == [])
        }
    }

    @Test("A list changes by taking out anywhere and putting in at the end")
    func lists() {
        let cases: [(String, String, String, String)] = [
            ("abc", "ac", "b", ""), ("abc", "abcd", "", "d"), ("abc", "cab", "ab", "ab"), ("aa", "a", "aa", "a"),
            ("", "ab", "", "ab"),
        ]
        for (before, after, removed, added) in cases {
            let step = KernelState.listChanges(from: Array(before), to: Array(after))
            #expect(String(step.removed) == removed)
            #expect(String(step.added) == added)
        }
    }

    @Test("The flags of a route event say where the route goes among its equals")
    func places() {
        let (a, b, c) = (Self.route("10.1.0.1"), Self.route("10.1.0.2"), Self.route("10.1.0.3"))
        let cases: [([Route], Int32, [Route])] = [
            ([], NLM_F_CREATE | NLM_F_EXCL, [c]), ([a, b], NLM_F_CREATE | NLM_F_EXCL, [c]),
            ([a, b], NLM_F_REPLACE, [c, b]),
            ([a, b], NLM_F_CREATE | NLM_F_APPEND, [a, b, c]), ([a, b], NLM_F_CREATE, [c, a, b]),
            ([a, c], NLM_F_REPLACE, [a, c]),
        ]
        for (before, flags, after) in cases {
            #expect(KernelMirror.list(before, adding: c, flags: flags) == after)
        }
    }
}
