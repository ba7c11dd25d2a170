// What the flow table costs, measured on the data plane alone: one worker in this process, frames in memory, no ring and no clock but
// ours. `scripts/bench --measure flows` builds and runs it.
//
// Three things: what a flow takes of memory, what an established flow's packet costs with a thousand flows and with a million,
// and how long the longest burst takes while a million flows end.

import Dataplane
import Glibc
import Net



func seconds(_ clock: Int32) -> Double {
    var time = timespec()
    unsafe clock_gettime(clock, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// Memory of this process that is really there, in bytes.
func residentBytes() -> Int {
    guard let file = unsafe fopen("/proc/self/statm", "r") else { return 0 }
    defer { unsafe fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    guard unsafe fgets(&line, 256, file) != nil else { return 0 }
    let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    let pages = text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
}

/// A router with two ports and one worker, tracking, without rules.
struct Router: ~Copyable {
    let memory = FrameMemory(chunkCount: 1024)
    let shared: SharedState
    let writer = RoutingWriter { $0() }
    var worker: Worker
    let arrivals = Slab<Arrival>(count: Worker.burstLimit)
    var now = Instant(nanoseconds: 1_000_000_000_000)

    init(flows: Int) {
        let pool = SharedFramePool(memory: memory)
        pool.fill(from: memory)
        var source = CompiledRules.Source()
        source.tracks = true
        let snapshot = Snapshot(generation: 1, rules: CompiledRules(source, workerCount: 1))
        shared = SharedState(
            memory: memory, pool: pool,
            flows: FlowTable(maximum: flows, workerCount: 1, key: UInt64.random(in: .min ... .max)), routing: writer.routing,
            epochs: Epochs(workerCount: 1), snapshots: SnapshotCell(snapshot))
        worker = Worker(id: 0, shared: shared, snapshot: snapshot, seed: 1)
        writer.setPorts((0..<2).map { RoutingPort(port: PortIndex(rawValue: $0), link: LinkIndex(rawValue: Int32($0) + 2), name: "port\($0)") })
        for port in 0..<2 {
            let link = LinkIndex(rawValue: Int32(port) + 2)
            let own = IPv4Address(rawValue: 0x0A00_0001 | UInt32(port) << 16)
            writer.apply([
                .link(Link(index: link, name: "port\(port)", mac: Self.mac, mtu: 1500, isUp: true, isRunning: true)),
                .address(LinkAddress(link: link, prefix: IPv4Prefix(own, 16))),
                .route(Route(prefix: IPv4Prefix(own, 16).network, scope: 253, origin: 2, preferredSource: own, hops: [RouteHop(link: link)])),
                .neighbor(
                    Neighbor(
                        link: link, address: IPv4Address(rawValue: own.rawValue + 1), mac: MACAddress(rawValue: 0x0A00_0000_0001),
                        state: .permanent)),
            ])
        }
    }

    static var mac: MACAddress { MACAddress(rawValue: 0x0200_0000_0001) }

    /// Puts the packet of a flow into a chunk: 64 bytes with the check sequence, UDP without checksum.
    mutating func put(_ flow: Int, at place: Int) {
        guard let chunk = worker.pool.take() else { fatalError("no chunk left") }
        let address = chunk + UInt64(FrameMemory.headroom)
        let bytes = unsafe memory.bytes(at: address)
        func store16(_ value: UInt16, _ offset: Int) { unsafe bytes.storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt16.self) }
        func store32(_ value: UInt32, _ offset: Int) {
            store16(UInt16(value >> 16), offset)
            store16(UInt16(truncatingIfNeeded: value), offset + 2)
        }
        unsafe memset(bytes, 0, 60)
        for (offset, byte) in [0x02, 0, 0, 0, 0, 1, 0x0A, 0, 0, 0, 0, 1, 0x08, 0, 0x45, 0].enumerated() {
            unsafe bytes.storeBytes(of: UInt8(byte), toByteOffset: offset, as: UInt8.self)
        }
        store16(46, 16)
        unsafe bytes.storeBytes(of: 64, toByteOffset: 22, as: UInt8.self)
        unsafe bytes.storeBytes(of: 17, toByteOffset: 23, as: UInt8.self)
        store32(0x0A00_0002 + UInt32(flow >> 15), 26)
        store32(0x0A01_0002, 30)
        var sum: UInt32 = 0
        for offset in stride(from: 14, to: 34, by: 2) {
            sum += UInt32(UInt16(bigEndian: unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt16.self)))
        }
        while sum > 0xFFFF { sum = (sum & 0xFFFF) + (sum >> 16) }
        store16(~UInt16(truncatingIfNeeded: sum), 24)
        store16(UInt16(1024 + flow & 0x7FFF), 34)
        store16(80, 36)
        store16(26, 38)
        arrivals[place] = Arrival(frame: FrameDescriptor(address: address, length: 60, port: PortIndex(rawValue: 0)))
    }

    /// - Returns: the time that the burst took by this clock, in nanoseconds.
    @inline(never)
    mutating func process(_ count: Int, _ clock: Int32) -> Double {
        let before = seconds(clock)
        worker.process(arrivals, count: count, at: now)
        let after = seconds(clock)
        for place in 0..<worker.output.count { worker.pool.give(memory.chunk(of: worker.output[place].frame.address)) }
        if worker.output.count != count { fatalError("\(count - worker.output.count) packets of a burst did not come out") }
        worker.output.removeAll()
        return (after - before) * 1e9
    }

    /// Begins flows 0 to `count` - 1.
    mutating func open(_ count: Int) {
        for first in stride(from: 0, to: count, by: Worker.burstLimit) {
            for place in 0..<Worker.burstLimit { put(first + place, at: place) }
            _ = process(Worker.burstLimit, CLOCK_MONOTONIC)
        }
    }

    /// Nanoseconds a packet of bursts of flows in no order, the median of many bursts.
    mutating func established(_ flows: Int, bursts: Int) -> Double {
        var random = SystemRandomNumberGenerator()
        var times: [Double] = []
        for burst in 0..<bursts {
            for place in 0..<Worker.burstLimit { put(Int.random(in: 0..<flows, using: &random), at: place) }
            now = now + 1000
            let time = process(Worker.burstLimit, CLOCK_MONOTONIC)
            if burst > bursts / 4 { times.append(time / Double(Worker.burstLimit)) }
        }
        return times.sorted()[times.count / 2]
    }
}

func rounded(_ value: Double, _ digits: Int = 0) -> String {
    var text = [CChar](repeating: 0, count: 64)
    _ = unsafe withVaList([value]) { unsafe vsnprintf(&text, 64, "%.\(digits)f", $0) }
    return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
}

let million = 1 << 20
let few = 1 << 10

// What a flow takes.
let before = residentBytes()
var large = Router(flows: million)
let empty = residentBytes()
large.open(million)
let full = residentBytes()
guard large.shared.flows.count == million else { fatalError("\(large.shared.flows.count) flows of \(million)") }
print("memory of a flow, index included:         \(large.shared.flows.bytesPerFlow) bytes by the tables' sizes; \((full - before) / million) as the process has grown")
_ = empty

// What its packet costs.
var small = Router(flows: few)
small.open(few)
var ratios: [Double] = []
var costs: [(Double, Double)] = []
for _ in 0..<5 {
    let little = small.established(few, bursts: 4000)
    let much = large.established(million, bursts: 4000)
    costs.append((little, much))
    ratios.append(much / little)
}
let middle = costs.sorted { $0.1 / $0.0 < $1.1 / $1.0 }[2]
print("an established flow's packet, data plane:  \(rounded(middle.0)) ns with \(few) flows, \(rounded(middle.1)) ns with \(million): \(rounded(middle.1 / middle.0, 2)) times (\(rounded(ratios.min() ?? 0, 2))–\(rounded(ratios.max() ?? 0, 2)))")

// What the end of a million flows does to bursts: each has eight packets of the same thousand flows, which live on. Time is the
// thread's own, so that others on the machine do not count.
@MainActor
func bursts(_ count: Int, _ step: UInt64) -> [Double] {
    var times: [Double] = []
    for burst in 0..<count {
        for place in 0..<8 { large.put((burst * 8 + place) % few, at: place) }
        large.now = large.now + step
        times.append(large.process(8, CLOCK_THREAD_CPUTIME_ID) / 1000)
    }
    return times
}
let quiet = bursts(20_000, 10_000).sorted()
// All end within the same tenth of a second, but for those that packets keep alive.
large.now = large.now + 29_000_000_000
_ = bursts(few / 8, 1)
large.now = large.now + 3_000_000_000
let start = large.shared.flows.count
var ending: [Double] = []
while large.shared.flows.count > 2 * few, ending.count < 200_000 { ending += bursts(1000, 10_000) }
let sorted = ending.sorted()
func share(_ times: [Double], _ part: Double) -> Double { times[min(Int(Double(times.count) * part), times.count - 1)] }
print("bursts of eight packets, quiet:            \(rounded(share(quiet, 0.5), 1)) µs, 99.9 % \(rounded(share(quiet, 0.999), 1)), longest \(rounded(quiet.last ?? 0, 1))")
print("while \(start - large.shared.flows.count) flows end, \(ending.count) bursts:    \(rounded(share(sorted, 0.5), 1)) µs, 99.9 % \(rounded(share(sorted, 0.999), 1)), longest \(rounded(sorted.last ?? 0, 1))")
let delay = share(sorted, 0.9999) - share(quiet, 0.5)
print("the most that one burst was delayed:       \(rounded((sorted.last ?? 0) - share(quiet, 0.5), 1)) µs (99.99 %: \(rounded(delay, 1)))")

// The same for a million that are forgotten at once, by command.
large.now = large.now + 40_000_000_000
while large.shared.flows.count > 0 { large.now = large.now + 1_000_000; large.worker.begin(at: large.now) }
for _ in 0..<20_000 { large.now = large.now + 1_000; large.worker.begin(at: large.now) }
large.open(million)
large.shared.flows.forEach { flow in _ = large.shared.flows.kill(flow.index) }
var flushed: [Double] = []
repeat { flushed += bursts(1000, 10_000) } while large.worker.timeToNextChore < 100 && flushed.count < 200_000
let afterwards = flushed.sorted()
print("after a flush of \(million), \(flushed.count) bursts:  \(rounded(share(afterwards, 0.5), 1)) µs, 99.9 % \(rounded(share(afterwards, 0.999), 1)), longest \(rounded(afterwards.last ?? 0, 1))")
