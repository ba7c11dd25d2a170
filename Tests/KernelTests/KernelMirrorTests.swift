import CXDP
import Net
import Testing

@testable import Kernel

// Two veth pairs in one namespace: a0 — a1, b0 — b1. Every line of a list is one change, after which the mirror, and
// a state that follows only its changes, must say what `ip` says.

private let topology = """
    ip link add a0 type veth peer name a1
    ip link add b0 type veth peer name b1
    ip link set a0 up; ip link set a1 up; ip link set b0 up; ip link set b1 up
    ip addr add 10.1.0.1/24 dev a0; ip addr add 10.2.0.1/24 dev b0
    """

/// Commands, one change a line.
struct Script: CustomTestStringConvertible {
    var name: String
    var text: String
    var testDescription: String { name }
}

/// A mirror, and somebody who follows its changes.
private final class Follower {
    let mirror: KernelMirror
    var state: KernelState

    init(receiveBuffer: Int32 = 16 << 20) throws {
        mirror = try KernelMirror(receiveBuffer: receiveBuffer)
        state = mirror.state
    }

    func follow() throws { state.apply(try mirror.receive()) }

    /// Whether mirror and follower agree with `ip`. Routes with equal keys keep their order; others have none.
    func difference(_ part: String) throws -> String? {
        let wanted = try Oracle.lines(part)
        for (who, state) in [("mirror", mirror.state), ("follower", state)] {
            let found = state.lines(part)
            let isSame = part == "route" ? Self.byKey(found) == Self.byKey(wanted) : found == wanted
            if !isSame {
                let missing = wanted.filter { !found.contains($0) }
                let extra = found.filter { !wanted.contains($0) }
                return "\(who), \(part): missing \(missing), extra \(extra)"
            }
        }
        return nil
    }

    private static func byKey(_ lines: [String]) -> [String: [String]] {
        Dictionary(grouping: lines) { $0.split(separator: " ").prefix(6).joined(separator: " ") }
    }

    /// Carries out a command, and waits until everything agrees: link states come a moment after it.
    func step(_ command: String, parts: [String] = ["link", "address", "route", "rule", "neighbor"]) throws {
        run(command)
        var last: String?
        let agrees = try eventually(seconds: 2) {
            try follow()
            last = nil
            for part in parts {
                last = try difference(part)
                if last != nil { return false }
            }
            return true
        }
        #expect(agrees, "after \(command): \(last ?? "") \(mirror.unsupported)")
    }
}

@Suite struct KernelMirrorTests {
    @Test(
        "After every change the mirror says what ip says",
        arguments: [
            // Routes: metric, tos, table and kind make entries of their own; replace, append and prepend keep an order.
            Script(
                name: "routes",
                text: """
                    ip route add 10.9.0.0/16 via 10.1.0.2
                    ip route add 10.9.0.0/16 via 10.1.0.3 metric 5
                    ip route add 10.9.0.0/16 via 10.1.0.3 tos 0x10
                    ip route append 10.9.0.0/16 via 10.1.0.4
                    ip route prepend 10.9.0.0/16 via 10.1.0.5
                    ip route append 10.9.0.0/16 via 10.1.0.6
                    ip route replace 10.9.0.0/16 via 10.1.0.7
                    ip route del 10.9.0.0/16 via 10.1.0.4
                    ip route replace 10.9.0.0/16 via 10.2.0.7 metric 5
                    ip route change 10.9.0.0/16 via 10.2.0.8 metric 5 mtu 1400 src 10.2.0.1
                    ip route add default via 10.1.0.2 table 100000
                    ip route add blackhole 10.66.0.0/16; ip route add unreachable 10.67.0.0/16 table 7
                    ip route add prohibit 10.68.0.0/16; ip route add throw 10.69.0.0/16 table 7
                    ip route add local 10.70.0.0/16 dev lo; ip route add 192.0.2.9 dev a0 scope link
                    ip route add 10.71.0.0/16 via 172.31.0.1 dev b0 onlink
                    ip route flush table 7
                    ip route del 10.9.0.0/16
                    ip route flush 10.9.0.0/16
                    """),
            // Multipath, weights, and what link down does to it without a word.
            Script(
                name: "multipath and link down",
                text: """
                    ip route add 10.8.0.0/16 nexthop via 10.1.0.2 nexthop via 10.2.0.2 weight 3
                    ip route add 10.7.0.0/16 via 10.1.0.2
                    ip route add 10.6.0.0/16 dev b0 src 10.1.0.1
                    ip link set a0 down
                    ip link set a0 up
                    ip route add 10.7.0.0/16 via 10.1.0.2
                    ip link set a1 down
                    ip link set a1 up
                    ip route replace 10.8.0.0/16 nexthop via 10.1.0.3 weight 256 nexthop via 10.2.0.2 weight 2
                    sysctl -qw net.ipv4.conf.all.ignore_routes_with_linkdown=1; ip link set b1 down
                    ip link set b1 up
                    ip addr del 10.1.0.1/24 dev a0
                    ip route flush proto boot
                    """),
            // Addresses: secondaries, promotion, the move to another link, a peer.
            Script(
                name: "addresses",
                text: """
                    ip addr add 10.1.0.7/24 dev a0; ip addr add 10.1.0.8/24 dev a0; ip addr add 10.5.0.1/16 brd + dev a0
                    ip addr del 10.1.0.1/24 dev a0
                    ip addr add 10.1.0.1/24 dev a0
                    sysctl -qw net.ipv4.conf.a0.promote_secondaries=1; ip addr add 10.1.0.8/24 dev a0; ip addr del 10.1.0.1/24 dev a0
                    ip addr del 10.2.0.1/24 dev b0; ip addr add 10.2.0.1/24 dev a0
                    ip addr add 10.77.0.1 peer 10.77.0.2/32 dev b0
                    ip addr del 10.77.0.1 peer 10.77.0.2/32 dev b0
                    ip addr flush dev a0
                    """),
            // Links: names, sizes, addresses, end of life.
            Script(
                name: "links",
                text: """
                    ip link set a0 mtu 1400; ip link set b0 down; ip link set b0 name wan; ip link set wan address 02:00:00:00:00:07
                    ip link set wan up
                    ip route add 10.9.0.0/16 via 10.2.0.2 || ip route add 10.9.0.0/16 dev wan
                    ip link add bri0 type bridge; ip link set a1 master bri0; ip link set bri0 up
                    ip link set a1 nomaster
                    ip link del bri0
                    ip link del wan
                    ip link add t0 type veth peer name t1; ip link set t0 up
                    ip link set a0 down
                    """),
            // Realms of routes, of the hops of a multipath route and of policy rules; groups of links.
            Script(
                name: "realms and device groups",
                text: """
                    ip route add 10.9.0.0/16 via 10.1.0.2 realm 5
                    ip route replace 10.9.0.0/16 via 10.1.0.2 realm 6
                    ip route add 10.8.0.0/16 via 10.1.0.2 realm 3/5; ip route add 10.7.0.0/16 dev b0
                    ip route add 10.6.0.0/16 nexthop via 10.1.0.2 realm 4 nexthop via 10.2.0.2 realm 9 weight 2
                    ip route replace 10.8.0.0/16 via 10.1.0.2
                    ip route del 10.9.0.0/16 realm 6
                    ip rule add from 10.5.0.0/16 realms 2/6 table main priority 77; ip rule add from 10.4.0.0/16 realms 7 priority 78
                    ip rule del priority 77
                    ip link set a0 group 7
                    ip link set a0 group 4294967295; ip link set lo group 3
                    ip link set a0 group 0
                    """),
            // Nexthop objects: groups, replacement and removal under routes that use them.
            Script(
                name: "nexthop objects",
                text: """
                    ip nexthop add id 1 via 10.1.0.2 dev a0; ip nexthop add id 2 via 10.2.0.2 dev b0; ip nexthop add id 9 blackhole
                    ip nexthop add id 10 group 1,5/2,20
                    ip route add 10.30.0.0/16 nhid 1; ip route add 10.31.0.0/16 nhid 10; ip route add 10.32.0.0/16 nhid 9
                    ip nexthop replace id 1 via 10.1.0.9 dev a0
                    ip nexthop replace id 10 group 2
                    ip nexthop del id 1
                    ip link set b0 down
                    ip nexthop flush
                    """),
            // Policy rules in all their fields; equal priorities keep their order.
            Script(
                name: "policy rules",
                text: """
                    ip rule add fwmark 0x10/0xff table 100 priority 500
                    ip rule add from 10.1.0.0/24 to 10.9.0.0/16 table 1000 priority 500
                    ip rule add iif a0 table 101 priority 400; ip rule add oif b0 tos 0x10 table 102 priority 401
                    ip rule add not from 10.3.0.0/16 ipproto tcp dport 80 table 103 priority 402
                    ip rule add ipproto udp sport 1000-2000 dport 53 table 104 priority 403
                    ip rule add table main suppress_prefixlength 0 priority 404
                    ip rule add goto 500 fwmark 7 priority 405; ip rule add nop priority 406
                    ip rule add blackhole from 10.6.0.1 priority 407; ip rule add unreachable from 10.6.0.2 priority 408
                    ip rule add prohibit from 10.6.0.3 priority 409; ip rule add fwmark 0/0x1 table 105 priority 410
                    ip rule del priority 500; ip rule add to 10.4.0.0/16 table 100 priority 500
                    ip rule flush; ip rule add table main priority 32766
                    """),
            // Neighbours, as far as an operator sets them.
            Script(
                name: "neighbours",
                text: """
                    ip neigh add 10.1.0.50 lladdr 02:00:00:00:00:50 dev a0 nud permanent
                    ip neigh replace 10.1.0.50 lladdr 02:00:00:00:00:51 dev a0 nud permanent
                    ip neigh add 10.1.0.51 lladdr 02:00:00:00:00:52 dev a0 nud stale
                    ip neigh add proxy 10.1.0.99 dev a0
                    ip neigh del 10.1.0.50 dev a0
                    ip neigh flush dev a0
                    ip neigh add 10.1.0.52 lladdr 02:00:00:00:00:53 dev a0 nud reachable; ip link set a0 down
                    """),
        ])
    func followsEveryChange(script: Script) throws {
        try inFreshNetwork {
            run(topology)
            let follower = try Follower()
            for command in script.text.split(separator: "\n") { try follower.step(String(command)) }
            #expect(follower.mirror.overflows == 0)
        }
    }

    @Test("Lost events are made good by reading everything anew, and the follower ends where the kernel is")
    func overflow() throws {
        try inFreshNetwork {
            run(topology)
            let follower = try Follower(receiveBuffer: 4096)
            run(
                "for i in $(seq 0 9999); do echo route add 10.$((128 + i / 250)).$((i % 250)).0/24 via 10.1.0.2; done | ip -batch -"
            )
            run("ip neigh add 10.1.0.50 lladdr 02:00:00:00:00:50 dev a0 nud permanent; ip link set b0 mtu 1400")
            try follower.step("ip rule add table 9 priority 9")
            #expect(follower.mirror.overflows > 0)
            #expect(follower.state.routes.count > 10_000)
            try follower.step("ip link set a0 down")
            #expect(follower.state.routes.count < 100)
        }
    }

    @Test("Ten thousand routes arrive as events, one change each")
    func manyRoutes() throws {
        try inFreshNetwork {
            run(topology)
            let follower = try Follower(receiveBuffer: 64 << 20)
            run(
                "for i in $(seq 0 9999); do echo route add 10.$((128 + i / 250)).$((i % 250)).0/24 via 10.1.0.2; done | ip -batch -"
            )
            let changes = try follower.mirror.receive()
            #expect(changes.count == 10_000)
            follower.state.apply(changes)
            #expect(follower.mirror.overflows == 0)
            let difference = try follower.difference("route")
            #expect(difference == nil)
        }
    }

    @Test("Without nexthop_compat_mode a route says its object's number alone, and the mirror looks it up")
    func resolvesNexthopObjects() throws {
        try inFreshNetwork {
            run(topology + "; sysctl -qw net.ipv4.nexthop_compat_mode=0")
            run("ip nexthop add id 1 via 10.1.0.2 dev a0; ip nexthop add id 2 via 10.2.0.2 dev b0")
            let mirror = try KernelMirror()
            run("ip nexthop add id 3 group 1,5/2,2; ip route add 10.9.0.0/16 nhid 3; ip route add 10.8.0.0/16 nhid 1")
            func hops(_ prefix: IPv4Prefix) -> [String] {
                mirror.state.routes.values.joined().filter { $0.prefix == prefix }.flatMap(\.hops).map {
                    "\($0.gateway!) \($0.weight)"
                }
            }
            _ = try mirror.receive()
            #expect(hops("10.9.0.0/16") == ["10.1.0.2 5", "10.2.0.2 2"])
            run("ip nexthop replace id 1 via 10.1.0.7 dev a0")
            _ = try mirror.receive()
            #expect(hops("10.9.0.0/16") == ["10.1.0.7 5", "10.2.0.2 2"])
            #expect(hops("10.8.0.0/16") == ["10.1.0.7 1"])
            run("ip nexthop del id 1")
            _ = try mirror.receive()
            #expect(hops("10.9.0.0/16") == ["10.2.0.2 2"])
            #expect(hops("10.8.0.0/16") == [])
        }
    }

    @Test("What cannot be honoured is named: an IPv6 gateway, and selectors we do not have")
    func unsupported() throws {
        try inFreshNetwork {
            run(topology)
            let mirror = try KernelMirror()
            run("ip route add 10.9.0.0/16 via inet6 fe80::1 dev a0; ip rule add uidrange 5-6 table 9 priority 90")
            _ = try mirror.receive()
            let text = mirror.unsupported.map(\.description)
            #expect(text.count == 2)
            #expect(text.contains { $0.contains("10.9.0.0/16") && $0.contains("not IPv4") })
            #expect(text.contains { $0.contains("priority 90") && $0.contains("uidrange") })
            #expect(!mirror.state.policy.contains { $0.priority == 90 })
            #expect(mirror.state.routes.values.joined().contains { $0.prefix == "10.9.0.0/16" && $0.hops[0].isDead })
            run("ip route del 10.9.0.0/16; ip rule del priority 90")
            _ = try mirror.receive()
            #expect(mirror.unsupported.isEmpty)
        }
    }

    @Test("Routes to links that are no ports are found, loopback's are not")
    func besidePorts() throws {
        try inFreshNetwork {
            run(topology)
            run("ip route add 10.9.0.0/16 via 10.2.0.2 table 7")
            let found = try KernelMirror().state.routesBesidePorts(["a0"]).map(\.description)
            #expect(
                found == [
                    "the route to 10.9.0.0/16 in table 7 leads to b0, which is no port",
                    "the route to 10.2.0.0/24 leads to b0, which is no port",
                ])
        }
    }
}
