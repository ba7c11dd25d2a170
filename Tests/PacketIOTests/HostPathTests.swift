import BPFPrograms
import CXDP
import Foundation
import Kernel
import Net
import PacketIO
import Testing

/// client c0 10.0.0.2 ── lan0 10.0.0.1 router, with the host path and a worker that lets everything by.
private final class Router {
    let client: TestNamespace
    let router: TestNamespace
    let control: SteeringControl
    let umem: Umem
    let hostPath: HostPath
    let lan: AttachedPort
    let host: AttachedPort
    let worker: Forwarder
    static let port = PortIndex(rawValue: 5)
    /// What the host sent, as read from the headers.
    var headers: [HostHeader] = []
    var fromHost: [[UInt8]] = []
    var mark: UInt32 = 0
    /// Computes TCP checksums anew, which veth leaves half done.
    var completesChecksums = false

    init(allowsTCX: Bool = true, queues: Int = 1) throws {
        let client = try TestNamespace("c")
        let router = try TestNamespace("r")
        (self.client, self.router) = (client, router)
        try router.ip("link", "add", "lan0", "type", "veth", "peer", "name", "c0", "netns", client.name)
        for (space, link, address) in [(router, "lan0", "10.0.0.1/24"), (client, "c0", "10.0.0.2/24")] {
            try space.run("sysctl", "-qw", "net.ipv6.conf.\(link).disable_ipv6=1")
            try space.ip("addr", "add", address, "dev", link)
            try space.ip("link", "set", link, "up")
        }
        let control = try SteeringControl()
        let umem = try Umem(UmemOptions(frameCount: 2048))
        (self.control, self.umem) = (control, umem)
        (hostPath, lan, host) = try router.inside {
            let hostPath = try HostPath(control: control.map, queues: queues, allowsTCX: allowsTCX)
            let host = try hostPath.inside {
                try AttachedPort(name: HostPath.innerName, port: .host, role: .host, umem: umem, control: control)
            }
            let lan = try AttachedPort(name: "lan0", port: Self.port, umem: umem, control: control)
            try hostPath.connect(Self.port, to: lan.link, name: "lan0")
            return (hostPath, lan, host)
        }
        worker = Forwarder(umem)
        worker.add(lan)
        worker.add(host)
    }

    func live() { control.extend(to: Instant(nanoseconds: now() + 60_000_000_000)) }

    /// Forwards between the host and the port until the condition holds.
    func run(seconds: Double, until done: () -> Bool) {
        unsafe worker.run(seconds: seconds, until: done) { frame, bytes in
            guard frame.port == .host else {
                if completesChecksums { unsafe Frames.completeTCP(bytes) }
                unsafe HostTrailer(port: frame.port, mark: mark).write(to: bytes + Int(frame.length))
                frame.length += UInt32(HostTrailer.size)
                return host.rings[0]
            }
            guard let header = unsafe HostHeader(reading: bytes, length: Int(frame.length)) else { return nil }
            headers.append(header)
            frame.address += UInt64(HostHeader.size)
            frame.length -= UInt32(HostHeader.size)
            if completesChecksums { unsafe Frames.completeTCP(bytes + HostHeader.size) }
            fromHost.append(
                unsafe [UInt8](UnsafeRawBufferPointer(start: bytes + HostHeader.size, count: Int(frame.length))))
            return lan.rings[0]
        }
    }

    /// Orderly end, in the order the daemon has.
    func close() throws {
        control.release()
        try router.inside {
            lan.detach()
            host.detach()
            hostPath.close()
        }
    }
}

@Suite("The host path", .serialized)
struct HostPathTests {
    @Test("ping to the router passes the worker both ways, and the kernel sees it come in on the NIC", arguments: [true, false])
    func bothWays(allowsTCX: Bool) throws {
        let router = try Router(allowsTCX: allowsTCX)
        #expect(router.hostPath.usesTCX == allowsTCX)
        let tap = try router.router.inside { try PacketSocket("lan0") }
        router.live()
        let ping = try router.client.start("ping", "-c", "3", "-i", "0.05", "-W", "2", "-s", "1400", "10.0.0.1")
        router.run(seconds: 8) { !ping.isRunning }
        #expect(ping.terminationStatus == 0)
        #expect(router.worker.received == [5: 3, 62: 3])
        let echoes = tap.receive(3, within: 0.5) { $0.count == 1442 && $0[34] == 8 }
        #expect(echoes.count == 3)
        // The kernel's own answers have no file behind their socket.
        #expect(router.headers == [HostHeader](repeating: router.headers[0], count: 3))
        #expect(router.headers[0].port == Router.port && router.headers[0].owner == nil)
        let counters = router.hostPath.counters()
        #expect(counters.toHost == 3 && counters.fromHost == 3 && counters.toHostRefused == 0)
        #expect(router.worker.missing == 0)
        try router.close()
    }

    @Test("past the deadline the kernel answers ping without a worker, in both directions")
    func deadline() throws {
        let router = try Router()
        router.live()
        router.control.extend(to: Instant(nanoseconds: now()))
        try router.client.run("ping", "-c", "2", "-i", "0.05", "-W", "1", "10.0.0.1")
        try router.router.run("ping", "-c", "2", "-i", "0.05", "-W", "1", "10.0.0.2")
        #expect(router.worker.received.isEmpty)
        // Four of ping, and what ARP there was: the deadline comes before any look at the frame.
        #expect(router.hostPath.counters().late >= 4)
        try router.close()
    }

    @Test("a frame of the host carries its sender's uid, gid and mark")
    func owner() throws {
        let router = try Router()
        router.live()
        let ping = try router.router.start(
            "setpriv", "--reuid", "1234", "--regid", "4321", "--clear-groups", "--inh-caps", "-all",
            "bash", "-c", "echo hello > /dev/udp/10.0.0.2/9")
        router.run(seconds: 3) { router.headers.count == 1 }
        ping.waitUntilExit()
        #expect(router.headers.first?.owner == HostHeader.Owner(uid: 1234, gid: 4321))

        let marked = try router.router.start("ping", "-c", "1", "-W", "1", "-m", "77", "10.0.0.2")
        router.run(seconds: 3) { !marked.isRunning }
        #expect(router.headers.last?.mark == 77)
        #expect(router.headers.last?.owner != nil)
        try router.close()
    }

    @Test("the host's own TCP crosses whole with its default offloads: large buffers arrive as frames of MTU size", arguments: [1, 2])
    func bulk(queues: Int) throws {
        let router = try Router(queues: queues)
        #expect(router.host.rings.count == queues)
        router.completesChecksums = true
        router.live()
        let listener = try router.router.inside { try StreamSocket(listeningOn: 8080) }
        let client = try router.client.inside { try StreamSocket(connectingTo: (10, 0, 0, 1), 8080) }
        let payload = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
        var server: StreamSocket?
        var sent = 0
        var received: [UInt8] = []
        router.run(seconds: 20) {
            if server == nil { server = listener.accept() }
            if let server, sent < payload.count { sent += server.write(payload[sent...]) }
            received += client.read()
            return received.count >= payload.count
        }
        let isWhole = received == payload
        #expect(isWhole)
        // Fewer on the NIC's tc egress than on the wire: they were cut behind it.
        let longest = router.fromHost.map(\.count).max() ?? 0
        #expect(longest == 1514)
        #expect(router.hostPath.counters().fromHost < UInt64(router.headers.count))
        #expect(router.worker.missing == 0)
        try router.close()
    }

    @Test("the mark that a worker gives a frame is the mark that the kernel sees")
    func mark() throws {
        let router = try Router()
        // Without the mark there is no way back, so an answer proves it.
        try router.router.run("sysctl", "-qw", "net.ipv4.fwmark_reflect=1")
        router.mark = 0xABCD_0123
        router.live()
        let ping = try router.client.start("ping", "-c", "1", "-W", "1", "10.0.0.1")
        router.run(seconds: 3) { !ping.isRunning }
        #expect(router.headers.first?.mark == 0xABCD_0123)
        try router.close()
    }

    @Test("a SYN-ACK, whose socket is a mere request, has its listener's owner")
    func listener() throws {
        let router = try Router()
        router.live()
        let server = try router.router.inside { try StreamSocket(listeningOn: 8080) }
        // The SYN by hand, with a checksum: nobody completes it on the way in.
        let sender = try router.client.inside { try PacketSocket("c0") }
        let lan = try router.router.run("cat", "/sys/class/net/lan0/address")
        let mac = lan.split(whereSeparator: { $0 == ":" || $0.isNewline }).map { UInt8($0, radix: 16)! }
        try sender.send(Frames.ethernet(0x0800, Frames.syn(to: 8080), to: mac))
        router.run(seconds: 2) { !router.headers.isEmpty }
        withExtendedLifetime(server) {}
        #expect(router.headers.first?.owner == HostHeader.Owner(uid: getuid(), gid: getgid()))
        try router.close()
    }

    @Test("ARP and what packet sockets send go straight out")
    func straightOut() throws {
        let router = try Router()
        router.live()
        let sink = try router.client.inside { try PacketSocket("c0") }
        let sender = try router.router.inside { try PacketSocket("lan0") }
        let frames = [
            Frames.ethernet(0x0806, [0, 1, 8, 0, 6, 4, 0, 9]), Frames.ethernet(0x0800, Frames.udp(from: 68, to: 67)),
        ]
        for frame in frames { try sender.send(frame) }
        #expect(sink.receive(2) { frames.contains($0) } == frames)
        #expect(router.hostPath.counters().fromHost == 0)
        try router.close()
    }

    @Test("a tag that the host's VLAN interface put beside the frame reaches the worker inside it")
    func tagged() throws {
        let router = try Router()
        try router.router.inside { router.hostPath.disconnect(Router.port) }
        let tagger = try router.router.inside { try Tagger("lan0", tci: 0x2009) }
        try router.router.inside { try router.hostPath.connect(Router.port, to: router.lan.link, name: "lan0") }
        try router.router.ip("neigh", "add", "10.0.0.2", "lladdr", "02:00:00:00:00:11", "dev", "lan0")
        router.live()
        let ping = try router.router.start("ping", "-c", "1", "-W", "1", "10.0.0.2")
        router.run(seconds: 2) { !router.headers.isEmpty }
        ping.waitUntilExit()
        withExtendedLifetime(tagger) {}
        let frame = try #require(router.fromHost.first)
        #expect(frame.count == 102)
        #expect(Array(frame[0..<6]) == [2, 0, 0, 0, 0, 0x11])
        #expect(Array(frame[12..<20]) == [0x81, 0, 0x20, 9, 8, 0, 0x45, 0])
        try router.close()
    }

    @Test("what comes to mart0 without a trailer, or with an unknown port, is dropped with a count")
    func refused() throws {
        let router = try Router()
        router.live()
        let sender = try router.hostPath.inside { try PacketSocket("mart1") }
        let frame = Frames.ethernet(0x0800, Frames.udp(to: 53))
        try sender.send(frame)
        try sender.send(frame + [0, 0, 0, 0, 9, 0, 0x88, 0xB5])
        #expect(router.hostPath.counters().toHostRefused == 2)
        try sender.send(frame + [0, 0, 0, 0, 5, 0, 0x88, 0xB5])
        #expect(router.hostPath.counters().toHost == 1)
        try router.close()
    }

    @Test("an orderly end leaves no link, no program, no qdisc", arguments: [true, false])
    func orderlyEnd(allowsTCX: Bool) throws {
        let router = try Router(allowsTCX: allowsTCX)
        try router.close()
        #expect(try !router.router.run("ip", "link").contains("mart0"))
        #expect(try !router.router.run("ip", "-d", "link", "show", "lan0").contains("xdp"))
        #expect(try !router.router.run("tc", "qdisc", "show", "dev", "lan0").contains("clsact"))
        // And all of it can come again.
        try router.router.inside {
            let again = try HostPath(control: router.control.map)
            again.close()
        }
    }

    @Test("a second host path beside a living one is refused")
    func second() throws {
        let router = try Router()
        do {
            _ = try router.router.inside { try HostPath(control: router.control.map) }
            Issue.record("made a second one")
        } catch {
            #expect("\(error)".contains("another martlet is running"))
        }
        try router.close()
    }

    @Test("leftovers of a dead daemon are cleared: a pair in the way, our filter and its qdisc, but nobody else's")
    func leftovers() throws {
        let space = try TestNamespace("r")
        let control = try SteeringControl()
        try space.ip("link", "add", "mart0", "type", "veth", "peer", "name", "mart1")
        for link in ["lan0", "wan0"] {
            try space.ip("link", "add", link, "type", "veth", "peer", "name", "p\(link)")
            try space.ip("link", "set", link, "up")
        }
        let stale = try LoadedObject(.hostOut)
        try space.inside {
            for name in ["lan0", "wan0"] {
                let index = unsafe Int32(if_nametoindex(name))
                #expect(martlet_create_clsact(index) == 0)
                #expect(martlet_attach_filter(stale.program, index, BPF_TC_EGRESS) == 0)
            }
        }
        try space.run(
            "tc", "filter", "add", "dev", "wan0", "ingress", "u32", "match", "u32", "0", "0", "action", "mirred", "egress",
            "mirror", "dev", "lan0")
        try space.inside {
            let hostPath = try HostPath(control: control.map)
            for (number, name) in ["lan0", "wan0"].enumerated() {
                let link = unsafe LinkIndex(rawValue: Int32(if_nametoindex(name)))
                try hostPath.connect(PortIndex(rawValue: UInt8(number)), to: link, name: name)
            }
            hostPath.close()
        }
        #expect(try !space.run("tc", "qdisc", "show", "dev", "lan0").contains("clsact"))
        #expect(try !space.run("tc", "filter", "show", "dev", "wan0", "egress").contains("martlet"))
        #expect(try space.run("tc", "filter", "show", "dev", "wan0", "ingress").contains("mirred"))
    }
}
