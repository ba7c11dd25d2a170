import Net
import TestSupport
import Testing

@testable import Dataplane

@Suite("Floods", .serialized)
struct FloodTests {
    /// Fills chunks with copies of one frame that differ in the source address, and gives them to a worker in whole bursts.
    @safe private struct Flood {
        let bench: Bench
        let frame: [UInt8]
        let arrivals = Slab<Arrival>(count: Worker.burstLimit)

        /// Another burst, from the sources `first` and on.
        ///
        /// - Returns: how many packets went on.
        func burst(from first: UInt32) -> Int {
            let memory = bench.memory
            let worker = unsafe bench.workers
            for place in 0..<Worker.burstLimit {
                guard let chunk = unsafe worker[0].pool.take() else { fatalError("no chunk") }
                let address = chunk + UInt64(FrameMemory.headroom)
                let bytes = unsafe memory.bytes(at: address)
                unsafe frame.withUnsafeBytes { if let base = $0.baseAddress { unsafe bytes.copyMemory(from: base, byteCount: $0.count) } }
                unsafe bytes.storeBytes(of: (first &+ UInt32(place)).bigEndian, toByteOffset: 14 + Offset.ipSource, as: UInt32.self)
                var layout = Packet.Layout()
                layout.linkLength = 14
                layout.headerLength = 20
                layout.totalLength = frame.count - 14
                let packet = unsafe Packet(base: bytes, address: address, layout: layout, ingress: PortIndex(rawValue: 0))
                packet.fillHeaderChecksum()
                packet.fillTransportChecksum()
                arrivals[place] = Arrival(frame: FrameDescriptor(address: address, length: UInt32(frame.count), port: PortIndex(rawValue: 0)))
            }
            unsafe worker[0].process(arrivals, count: Worker.burstLimit, at: bench.now)
            let count = unsafe worker[0].output.count
            for place in 0..<count { unsafe worker[0].pool.give(memory.chunk(of: worker[0].output[place].frame.address)) }
            unsafe worker[0].output.removeAll()
            return count
        }
    }

    /// Without optimisation a packet takes fifty times as long.
    private static let size: Int = {
        #if DEBUG
            100_000
        #else
            1_000_000
        #endif
    }()

    @Test("a flood of SYNs from a million sources (a tenth of it in a debug build) against a full table: established connections go on without loss, and the books say what happened")
    func million() {
        var setup = Bench.Setup()
        setup.rules = .tracking
        setup.flows = 1024
        let bench = Bench(setup)
        for port in 1...64 {
            bench.send("lan tcp 10.0.0.2:\(port) > 192.0.2.9:80 S seq 100")
            bench.send("wan tcp 192.0.2.9:80 > 10.0.0.2:\(port) SA seq 500 ack 101")
            bench.send("lan tcp 10.0.0.2:\(port) > 192.0.2.9:80 A seq 101 ack 501")
        }
        let flood = Flood(bench: bench, frame: bench.read("lan tcp 20.0.0.0:1 > 192.0.2.9:80 S seq 1").bytes)
        let sources = Self.size / Worker.burstLimit * Worker.burstLimit
        var passed = 0
        var lost = 0
        for burst in 0..<(sources / Worker.burstLimit) {
            passed += flood.burst(from: 0x1400_0000 + UInt32(burst * Worker.burstLimit))
            guard burst % 64 == 0 else { continue }
            let port = burst / 64 % 64 + 1
            if bench.send("wan tcp 192.0.2.9:80 > 10.0.0.2:\(port) A seq 501 ack 101 len 10").count != 1 { lost += 1 }
            if bench.send("lan tcp 10.0.0.2:\(port) > 192.0.2.9:80 A seq 101 ack 501").count != 1 { lost += 1 }
        }
        #expect(lost == 0)
        #expect(bench.flowList.filter { $0.contains("ASSURED") }.count == 64)
        #expect(bench.flows.count <= 1024)
        // What did not go on found no flow that might go, and is named; for the rest an unanswered flow went.
        #expect(Set(bench.drops.keys).isSubset(of: ["flow-table-full"]), "\(bench.drops)")
        #expect(passed + bench.dropped(.flowTableFull) == sources)
        let early = unsafe bench.workers[0].statistics[FlowColumn.earlyDrop]
        #expect(Int(early) >= passed - 1024 && passed > sources * 9 / 10, "\(passed) \(early)")
    }
}
