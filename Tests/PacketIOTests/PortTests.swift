import BPFPrograms
import CXDP
import Foundation
import Net
import Testing

@testable import PacketIO

/// client c0 ── lan0 router wan0 ── s0 server, without any addresses: frames in, frames out.
private final class Wire {
    let client: TestNamespace
    let router: TestNamespace
    let server: TestNamespace
    let control: SteeringControl
    let umem: Umem

    init(queues: Int = 1, frameCount: Int = 4096) throws {
        client = try TestNamespace("c")
        router = try TestNamespace("r")
        server = try TestNamespace("s")
        let count = "\(queues)"
        for (outer, peer, space) in [("lan0", "c0", client), ("wan0", "s0", server)] {
            try router.ip(
                "link", "add", outer, "numtxqueues", count, "numrxqueues", count, "type", "veth", "peer", "name", peer,
                "numtxqueues", count, "numrxqueues", count, "netns", space.name)
            try router.run("sysctl", "-qw", "net.ipv6.conf.\(outer).disable_ipv6=1")
            try space.run("sysctl", "-qw", "net.ipv6.conf.\(peer).disable_ipv6=1")
            try router.ip("link", "set", outer, "up")
            try space.ip("link", "set", peer, "up")
        }
        control = try SteeringControl()
        umem = try Umem(UmemOptions(frameCount: frameCount))
    }

    func attach(_ name: String, _ index: UInt8, mode: PortModeRequest = .auto) throws -> AttachedPort {
        try router.inside {
            try AttachedPort(name: name, port: PortIndex(rawValue: index), mode: mode, umem: umem, control: control)
        }
    }

    func live() { control.extend(to: Instant(nanoseconds: now() + 60_000_000_000)) }
}

@Suite("A port's rings", .serialized)
struct PortTests {
    /// No device here has a driver with zero-copy; so its word stands in for it.
    @Test("a driver that asks to be told of chunks is told once there are some, without anything to send")
    func wakesReceiver() throws {
        let wire = try Wire()
        let lan = try wire.attach("lan0", 0)
        let ring = lan.rings[0]
        let chunk: [UInt64] = [0]
        #expect(!ring.wakeReceiver(), "it does not ask")
        unsafe ring.state.pointee.fill.flags.pointee |= UInt32(XDP_RING_NEED_WAKEUP)
        #expect(!ring.wakeReceiver(), "there is nothing to tell")
        #expect(unsafe chunk.withUnsafeBufferPointer { unsafe ring.refill($0) } == 1)
        #expect(ring.wakeReceiver())
        unsafe ring.state.pointee.fill.flags.pointee &= ~UInt32(XDP_RING_NEED_WAKEUP)
        #expect(!ring.wakeReceiver())
    }

    @Test("every IPv4 frame crosses from port to port unchanged, and every chunk stays accounted for", arguments: [1, 2])
    func crossing(queues: Int) throws {
        let wire = try Wire(queues: queues)
        let lan = try wire.attach("lan0", 0)
        let wan = try wire.attach("wan0", 1)
        #expect(lan.rings.count == queues && lan.mode == .copy)
        let worker = Forwarder(wire.umem)
        worker.add(lan)
        worker.add(wan)
        wire.live()

        let sender = try wire.client.inside { try PacketSocket("c0") }
        let sink = try wire.server.inside { try PacketSocket("s0") }
        let frames = (0..<200).map { number in
            Frames.ethernet(0x0800, Frames.udp(from: UInt16(2000 + number), to: 53, payload: [UInt8](repeating: UInt8(number), count: number * 7)))
        }
        var used = Set<UInt32>()
        for frame in frames { try sender.send(frame) }
        unsafe worker.run(seconds: 3, until: { worker.received[0] == 200 }) { frame, bytes in
            #expect(frame.address % UInt64(wire.umem.frameSize) == UInt64(Umem.headroom))
            // The same queue on the other side.
            let queue = Int(frame.address / 2048) % queues
            used.insert(UInt32(queue))
            return wan.rings[queue]
        }
        let arrived = sink.receive(200) { $0[12] == 8 && $0[13] == 0 }
        let areSame = Set(arrived) == Set(frames)
        #expect(areSame)
        #expect(arrived.count == 200)
        unsafe worker.run(seconds: 0.1, until: { false }) { _, _ in nil }
        #expect(worker.missing == 0)
        #expect(used.count == queues)
        for ring in wan.rings { #expect(ring.occupancy().heldForTransmit == 0) }
        #expect(lan.steering().unbound == 0)
    }

    @Test("a transmitted frame may begin anywhere in its chunk, and the chunk's own address comes back")
    func offsets() throws {
        let wire = try Wire()
        let lan = try wire.attach("lan0", 0, mode: .copy)
        let sink = try wire.client.inside { try PacketSocket("c0") }
        let frame = Frames.ethernet(0x0800, Frames.udp(to: 9))
        let frames = [0, 1, 33, 256, 2048 - 60].enumerated().map { chunk, offset in
            let address = chunk * 2048 + offset
            unsafe wire.umem.memory.advanced(by: address).copyMemory(from: frame, byteCount: frame.count)
            return FrameDescriptor(address: UInt64(address), length: 60, port: PortIndex(rawValue: 0))
        }
        #expect(unsafe frames.withUnsafeBufferPointer { unsafe lan.rings[0].transmit($0) } == 5)
        #expect(lan.rings[0].kick() == .sent)
        #expect(sink.receive(5) { $0 == frame }.count == 5)
        var chunks = [UInt64](repeating: 0, count: 8)
        #expect(unsafe chunks.withUnsafeMutableBufferPointer { unsafe lan.rings[0].complete(into: $0) } == 5)
        #expect(chunks[..<5].sorted() == [0, 2048, 4096, 6144, 8192])
        #expect(lan.rings[0].kick() == .idle)
    }

    @Test("one kick sends more than the kernel's limit of a call, and a full ring takes no more")
    func manyAtOnce() throws {
        let wire = try Wire()
        let lan = try wire.attach("lan0", 0)
        let frame = Frames.ethernet(0x0800, Frames.udp(to: 9))
        unsafe wire.umem.memory.copyMemory(from: frame, byteCount: frame.count)
        let frames = [FrameDescriptor](
            repeating: FrameDescriptor(address: 0, length: 60, port: PortIndex(rawValue: 0)), count: 3000)
        #expect(unsafe frames.withUnsafeBufferPointer { unsafe lan.rings[0].transmit($0) } == 2048)
        #expect(unsafe frames.withUnsafeBufferPointer { unsafe lan.rings[0].transmit($0) } == 0)
        #expect(lan.rings[0].kick() == .sent)
        #expect(lan.rings[0].occupancy().transmit == 0)
    }

    @Test("a link that is down says so and keeps what waits; up again, it goes out")
    func linkDown() throws {
        let wire = try Wire()
        let lan = try wire.attach("lan0", 0)
        let frame = Frames.ethernet(0x0800, Frames.udp(to: 9))
        unsafe wire.umem.memory.copyMemory(from: frame, byteCount: frame.count)
        let sink = try wire.client.inside { try PacketSocket("c0") }
        try wire.router.ip("link", "set", "lan0", "down")
        let one = [FrameDescriptor(address: 0, length: 60, port: PortIndex(rawValue: 0))]
        #expect(unsafe one.withUnsafeBufferPointer { unsafe lan.rings[0].transmit($0) } == 1)
        #expect(lan.rings[0].kick() == .linkDown)
        try wire.router.ip("link", "set", "lan0", "up")
        #expect(lan.rings[0].kick() == .sent)
        #expect(sink.receive(1) { $0 == frame }.count == 1)
        try wire.router.ip("link", "del", "lan0")
        #expect(unsafe one.withUnsafeBufferPointer { unsafe lan.rings[0].transmit($0) } == 1)
        #expect(lan.rings[0].kick() == .gone)
    }
}

@Suite("Steering", .serialized)
struct SteeringTests {
    /// Description, frame, whether it is the worker's.
    private static let frames: [(String, [UInt8], Bool)] = [
        ("UDP", Frames.ethernet(0x0800, Frames.udp(to: 53)), true),
        ("UDP to a DHCP server", Frames.ethernet(0x0800, Frames.udp(to: 67)), true),
        ("UDP to a DHCP client", Frames.ethernet(0x0800, Frames.udp(to: 68)), false),
        ("ARP", Frames.ethernet(0x0806, [0, 1, 8, 0, 6, 4, 0, 1]), false),
        ("IPv6", Frames.ethernet(0x86DD, [0x60]), false),
        ("an IPv4 header cut short", [2, 0, 0, 0, 0, 0x22, 2, 0, 0, 0, 0, 0x11, 8, 0, 0x45, 0, 0, 0], true),
    ]

    @Test("IPv4 is the worker's; ARP, IPv6 and a DHCP answer are the kernel's")
    func choice() throws {
        let wire = try Wire()
        let lan = try wire.attach("lan0", 3)
        let worker = Forwarder(wire.umem)
        worker.add(lan)
        wire.live()
        let sender = try wire.client.inside { try PacketSocket("c0") }
        let kernel = try wire.router.inside { try PacketSocket("lan0") }
        for (description, frame, isWorkers) in Self.frames {
            let before = worker.received[3] ?? 0
            try sender.send(frame)
            unsafe worker.run(seconds: 0.1, until: { false }) { _, _ in nil }
            #expect((worker.received[3] ?? 0) - before == (isWorkers ? 1 : 0), "\(description) at the worker")
            #expect(kernel.receive(1, within: 0.05) { $0 == frame }.count == (isWorkers ? 0 : 1), "\(description) at the kernel")
        }
    }

    @Test("a tagged IPv4 frame reaches the worker with its tag, and leaves with it")
    func tags() throws {
        let wire = try Wire()
        let lan = try wire.attach("lan0", 0)
        let wan = try wire.attach("wan0", 1)
        let worker = Forwarder(wire.umem)
        worker.add(lan)
        worker.add(wan)
        wire.live()
        let sender = try wire.client.inside { try PacketSocket("c0") }
        let tagged = Frames.ethernet(0x8100, Frames.tagged(0x6007, 0x0800, Frames.udp(to: 53)))
        var seen: [[UInt8]] = []
        try sender.send(tagged)
        unsafe worker.run(seconds: 1, until: { worker.received[0] == 1 }) { frame, bytes in
            seen.append(unsafe [UInt8](UnsafeRawBufferPointer(start: bytes, count: Int(frame.length))))
            return wan.rings[0]
        }
        #expect(seen == [tagged])
    }

    @Test("a tag that travels beside the frame, as veth sends it, is put back into it")
    func tagsInMetadata() throws {
        let wire = try Wire()
        let lan = try wire.attach("lan0", 0)
        let worker = Forwarder(wire.umem)
        worker.add(lan)
        wire.live()
        try #require(lan.restoresTags)
        let tagger = try wire.client.inside { try Tagger("c0", tci: 0x6007) }
        let sender = try wire.client.inside { try PacketSocket("c0") }
        var seen: [[UInt8]] = []
        try sender.send(Frames.ethernet(0x0800, Frames.udp(to: 53)))
        unsafe worker.run(seconds: 1, until: { worker.received[0] == 1 }) { frame, bytes in
            seen.append(unsafe [UInt8](UnsafeRawBufferPointer(start: bytes, count: Int(frame.length))))
            return nil
        }
        withExtendedLifetime(tagger) {}
        #expect(seen.map { Array($0[12..<18]) } == [[0x81, 0, 0x60, 7, 8, 0]])
        #expect(seen.first?.count == 64)
    }

    @Test("before a deadline is set and after it has passed, all frames are the kernel's")
    func deadline() throws {
        let wire = try Wire()
        let lan = try wire.attach("lan0", 0)
        let worker = Forwarder(wire.umem)
        worker.add(lan)
        let sender = try wire.client.inside { try PacketSocket("c0") }
        let kernel = try wire.router.inside { try PacketSocket("lan0") }
        let frame = Frames.ethernet(0x0800, Frames.udp(to: 53))

        try sender.send(frame)
        #expect(kernel.receive(1) { $0 == frame }.count == 1)
        wire.live()
        try sender.send(frame)
        #expect(kernel.receive(1, within: 0.1) { $0 == frame }.isEmpty)
        wire.control.extend(to: Instant(nanoseconds: now() + 100_000_000))
        usleep(150_000)
        try sender.send(frame)
        #expect(kernel.receive(1) { $0 == frame }.count == 1)
        #expect(lan.steering().late == 2)
    }
}

@Suite("Attaching", .serialized)
struct AttachingTests {
    @Test("what keeps a port from being attached is said with the NIC's name and what to do")
    func errors() throws {
        let wire = try Wire()
        func refusal(_ name: String, mode: PortModeRequest = .auto) -> String {
            do {
                _ = try wire.attach(name, 0, mode: mode)
                return "attached"
            } catch {
                return "\(error)"
            }
        }
        #expect(refusal("nowhere0").hasPrefix("nowhere0: no such interface"))
        #expect(refusal("lan0", mode: .zeroCopy).contains("lan0: bind queue 0"))
        try wire.router.ip("link", "set", "lo", "mtu", "1500")
        #expect(refusal("lo").contains("no native XDP"))
        try wire.router.ip("link", "set", "wan0", "mtu", "9000")
        #expect(refusal("wan0").contains("MTU of 9000"))
        // Nothing was left behind: it can be attached.
        let lan = try wire.attach("lan0", 0)
        #expect(refusal("lan0").contains("another program has an AF_XDP socket"))
        lan.detach()
        let again = try wire.attach("lan0", 0)
        again.detach()
        #expect(try !wire.router.run("ip", "-d", "link", "show", "lan0").contains("xdp"))
    }

    @Test("a dead daemon's program attached by netlink is taken over, anybody else's is not")
    func takeover() throws {
        let wire = try Wire()
        for (object, isOurs) in [(BPFObject.steer, true), (.hostReceive, true)] {
            let stale = try LoadedObject(object)
            try wire.router.inside {
                #expect(unsafe bpf_xdp_attach(Int32(if_nametoindex("lan0")), stale.program, UInt32(4), nil) == 0)
            }
            let lan = try wire.attach("lan0", 0)
            #expect(isOurs)
            lan.detach()
        }
        // Two instructions, r0 = XDP_PASS; exit, under a foreign name.
        var pass = [bpf_insn(), bpf_insn()]
        pass[0].code = 0xB7
        pass[0].imm = 2
        pass[1].code = 0x95
        let foreign = unsafe bpf_prog_load(BPF_PROG_TYPE_XDP, "somebody", "GPL", pass, 2, nil)
        #expect(foreign >= 0)
        defer { close(foreign) }
        try wire.router.inside {
            #expect(unsafe bpf_xdp_attach(Int32(if_nametoindex("lan0")), foreign, UInt32(4), nil) == 0)
        }
        do {
            _ = try wire.attach("lan0", 0)
            Issue.record("took somebody else's place")
        } catch {
            #expect("\(error)".contains("\"somebody\""))
        }
    }

    @Test("every embedded object loads into this kernel")
    func objects() throws {
        for object in BPFObject.allCases where object != .steerTagged {
            _ = try LoadedObject(object)
        }
    }
}
