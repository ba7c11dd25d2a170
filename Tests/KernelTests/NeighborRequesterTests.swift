import Net
import Testing

@testable import Kernel

// One veth pair, its far end in a namespace of its own: near 10.1.0.1 — far 10.1.0.2. Nobody has 10.1.0.9.

@Suite struct NeighborRequesterTests {
    private struct Scene {
        var mirror: KernelMirror
        var link: LinkIndex

        func state(_ address: IPv4Address) throws -> Neighbor.State? {
            _ = try mirror.receive()
            return mirror.state.neighbors[NeighborKey(link: link, address: address)]?.state
        }
    }

    private func withScene(_ body: (Scene) throws -> Void) throws {
        try withPeerNetwork { peer in
            try inFreshNetwork {
                run(
                    "ip link add near type veth peer name far netns \(peer); ip link set near up; ip addr add 10.1.0.1/24 dev near"
                )
                run("ip -n \(peer) link set far up; ip -n \(peer) addr add 10.1.0.2/24 dev far")
                let mirror = try KernelMirror()
                let link = try #require(mirror.state.links.values.first { $0.name == "near" })
                let isRunning = try eventually {
                    _ = try mirror.receive()
                    return mirror.state.links[link.index]?.isRunning == true
                }
                #expect(isRunning)
                try body(Scene(mirror: mirror, link: link.index))
            }
        }
    }

    @Test("A live host is resolved, used or managed; a dead one fails", arguments: [false, true])
    func resolves(managed: Bool) throws {
        try withScene { scene in
            var requester = try NeighborRequester()
            for address: IPv4Address in ["10.1.0.2", "10.1.0.9"] {
                let outcome = managed ? requester.manage(scene.link, address) : requester.use(scene.link, address)
                #expect(outcome == .requested)
            }
            let isReachable = try eventually { try scene.state("10.1.0.2") == .reachable }
            #expect(isReachable)
            let hasFailed = try eventually { try scene.state("10.1.0.9") == .failed }
            #expect(hasFailed)
        }
    }

    @Test("A permanent entry stays as the operator made it")
    func leavesPermanentAlone() throws {
        try withScene { scene in
            run("ip neigh add 10.1.0.2 lladdr 02:00:00:00:00:09 dev near nud permanent")
            var requester = try NeighborRequester()
            let outcomes = [requester.use(scene.link, "10.1.0.2"), requester.manage(scene.link, "10.1.0.2")]
            #expect(outcomes == [.leftAlone, .leftAlone])
            requester.releaseAll()
            #expect(try scene.state("10.1.0.2") == .permanent)
        }
    }

    @Test("An entry the kernel has already becomes managed, and is released in the end")
    func adoptsAndReleases() throws {
        try withScene { scene in
            run("ip neigh add 10.1.0.2 lladdr 02:00:00:00:00:09 dev near nud stale")
            var requester = try NeighborRequester()
            #expect(requester.manage(scene.link, "10.1.0.2") == .requested)
            #expect(run("ip neigh show 10.1.0.2").contains("managed"))
            #expect(requester.use(scene.link, "10.1.0.2") == .requested)
            #expect(run("ip neigh show 10.1.0.2").contains("managed"))
            requester.releaseAll()
            #expect(!run("ip neigh show 10.1.0.2").contains("managed"))
        }
    }

    @Test("A gateway is asked for again when its entry is deleted, and when the link comes back")
    func asksAgain() throws {
        try withScene { scene in
            var requester = try NeighborRequester()
            requester.manage(scene.link, "10.1.0.2")
            for command in ["ip neigh del 10.1.0.2 dev near", "ip link set near down; ip link set near up"] {
                _ = try scene.mirror.receive()
                run(command)
                let isBack = try eventually {
                    requester.observe(try scene.mirror.receive())
                    return try scene.state("10.1.0.2") == .reachable
                        && run("ip neigh show 10.1.0.2").contains("managed")
                }
                #expect(isBack, "after \(command)")
            }
        }
    }
}
