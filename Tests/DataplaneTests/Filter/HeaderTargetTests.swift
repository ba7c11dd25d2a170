import Net
import TestSupport
import Testing

@testable import Dataplane

@Suite("Targets that change a packet's bytes")
struct HeaderTargetTests {
    /// A SYN without options whose last byte lies so many bytes in front of the end of its chunk, after TCPMSS.
    private static func grow(room: Int) throws -> (out: TestPacket?, dropped: DropReason?) {
        let bench = Bench()
        var packet = try TestPacket("tcp 10.0.0.2:1 > 198.51.100.2:80 S seq 7")
        packet.ethernet = TestPacket.Ethernet(source: .zero, destination: .zero)
        let bytes = packet.bytes
        guard let chunk = bench.pool.takeOne() else { return (nil, nil) }
        let address = chunk + UInt64(bench.memory.chunkSize - room - bytes.count)
        let start = unsafe bench.memory.bytes(at: address)
        for (index, byte) in bytes.enumerated() { unsafe start.storeBytes(of: byte, toByteOffset: index, as: UInt8.self) }
        var layout = Packet.Layout()
        guard unsafe Packet.examine(start, length: bytes.count, &layout) == nil else { return (nil, nil) }
        var read = unsafe Packet(base: start, address: address, layout: layout, ingress: PortIndex(rawValue: 0))
        read.readTransport()
        let outcome = unsafe bench.workers[0].apply(.segmentSize(1000), &read)
        bench.pool.giveOne(chunk)
        if case .drop(let reason) = outcome { return (nil, reason) }
        return (TestPacket(frame: unsafe Array(UnsafeRawBufferPointer(start: start, count: read.frameLength))), nil)
    }

    @Test("TCPMSS adds its option if the frame's chunk has room for four bytes more, and else drops by name")
    func room() throws {
        #expect(try Self.grow(room: 3).dropped == .noRoomToGrow)
        let grown = try Self.grow(room: 4)
        #expect(grown.dropped == nil)
        var packet = try #require(grown.out)
        packet.ethernet = nil
        #expect(packet.description == "tcp 10.0.0.2:1 > 198.51.100.2:80 S seq 7 mss 536")
    }

    @Test("the way out and the way back leave no room for TCP: dropped by name")
    func smallMTU() {
        var setup = Bench.Setup()
        setup.mtu = [1500, 40, 1500]
        setup.rules.chain(.mangle, .forward, [RuleText.Rule(.header(.clampSegmentSize))])
        let bench = Bench(setup)
        #expect(bench.send("lan tcp 10.0.0.2:1 > 192.0.2.9:80 S mss 1460") == [])
        #expect(bench.drops == ["path-mtu": 1])
    }
}

extension SharedFramePool {
    /// One chunk, for a test that places a frame itself.
    fileprivate func takeOne() -> UInt64? {
        let place = Slab<UInt64>(count: 1)
        defer { place.deallocate() }
        return take(1, into: place, at: 0) == 1 ? place[0] : nil
    }

    fileprivate func giveOne(_ chunk: UInt64) {
        let place = Slab<UInt64>(count: 1)
        defer { place.deallocate() }
        place[0] = chunk
        give(1, from: place, at: 0)
    }
}
