import Glibc
import Net
import TestSupport
import Testing

@testable import Dataplane

@Suite("Four workers on four threads", .serialized)
struct ConcurrencyTests {
    @Test("RFC 4787, REQ-1: whatever meets at once, no two flows ever expect the same answers, and all counts add up")
    func hammer() {
        let workers = 4
        var setup = Bench.Setup()
        setup.workers = workers
        setup.chunks = 1024
        setup.flows = 2048
        setup.rules = .nat((.postrouting, .translate("198.51.100.1", ports: 7000...7099).output("wan")))
        let bench = Bench(setup)
        // Frames are written beforehand: a few clients and servers, so that everything meets.
        var frames: [[UInt8]] = []
        for client in 0..<40 {
            for server in 0..<12 { frames.append(bench.read("lan udp 10.0.0.2:\(5000 + client) > 192.0.2.\(server):53").bytes) }
        }
        let answers = (7000..<7100).flatMap { port in (0..<12).map { bench.read("wan udp 192.0.2.\($0):53 > 198.51.100.1:\(port)").bytes } }
        let shared = unsafe Shared(pointer: bench.workers)
        let memory = bench.memory
        let flows = bench.flows
        let start = Clock.now
        let until = start + 1_000_000_000
        let questions = frames
        onThreads(workers) { id in
            var random = RandomSource(seed: UInt64(id) + 5)
            let arrivals = Slab<Arrival>(count: Worker.burstLimit)
            while Clock.now < until {
                for place in 0..<32 {
                    let isAnswer = random.next(below: 3) == 0
                    let bytes = isAnswer ? answers[Int(random.next(below: UInt32(answers.count)))] : questions[Int(random.next(below: UInt32(questions.count)))]
                    guard let chunk = unsafe shared.pointer[id].pool.take() else { fatalError("no chunk") }
                    let address = chunk + 256
                    unsafe bytes.withUnsafeBytes { if let base = $0.baseAddress { unsafe memory.bytes(at: address).copyMemory(from: base, byteCount: $0.count) } }
                    arrivals[place] = Arrival(
                        frame: FrameDescriptor(address: address, length: UInt32(bytes.count), port: PortIndex(rawValue: isAnswer ? 1 : 0)))
                }
                unsafe shared.pointer[id].process(arrivals, count: 32, at: Clock.now)
                for place in 0..<(unsafe shared.pointer[id].output.count) {
                    let departure = unsafe shared.pointer[id].output[place]
                    unsafe shared.pointer[id].pool.give(memory.chunk(of: departure.frame.address))
                }
                unsafe shared.pointer[id].output.removeAll()
                for _ in 0..<random.next(below: 12) { flows.kill(1 + random.next(below: UInt32(flows.maximum))) }
                if random.next(below: 8) == 0 { unsafe shared.pointer[id].rest() }
            }
            unsafe shared.pointer[id].rest()
        }
        bench.check()
        #expect(bench.total(.received) > 1000)
        #expect(Set(bench.drops.keys).isSubset(of: ["nat-exhausted", "flow-clash", "flow-table-full"]), "\(bench.drops)")

        var originals = Set<String>()
        var replies = Set<String>()
        var found = 0
        flows.forEach { flow in
            found += 1
            // The loser of a race is found by its answers alone.
            if flow.status.contains(.answersOnly) { return }
            if !originals.insert("\(flow.original)").inserted { Issue.record("twice: \(flow.original)") }
            if !replies.insert("\(flow.reply)").inserted { Issue.record("twice expected: \(flow.reply)") }
            for (tuple, direction) in [(flow.original, Direction.original), (flow.reply, .reply)] {
                let hit = flows.find(tuple, hash: flows.index.hash(tuple), now: start)
                if hit?.flow != flow.index || hit?.direction != direction { Issue.record("flow \(flow.index) is not found by its tuple") }
            }
        }
        #expect(flows.count == found)
        #expect(found > 50)

        // Everything ends, and every entry comes home.
        flows.forEach { flows.kill($0.index) }
        #expect(flows.count == 0)
    }
}
