import Dataplane
import Glibc
import Net

func seconds(_ clock: Int32) -> Double {
    var time = timespec()
    unsafe clock_gettime(clock, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// A router with two ports and one worker.
struct BenchRouter: ~Copyable {
    enum Task {
        case forwarding, tracking
        /// With MASQUERADE for all that leaves.
        case masquerading
    }

    /// Whether the packets are TCP segments, of connections that are picked up midway, and not UDP.
    let isTCP: Bool
    let memory = FrameMemory(chunkCount: 1024)
    let shared: SharedState
    let writer = RoutingWriter { $0() }
    var worker: Worker
    let arrivals = Slab<Arrival>(count: Worker.burstLimit)
    var now = Instant(nanoseconds: 1_000_000_000_000)

    init(flows: Int, _ task: Task = .tracking, isTCP: Bool = false) {
        self.isTCP = isTCP
        let pool = SharedFramePool(memory: memory)
        pool.fill(from: memory)
        var source = CompiledRules.Source()
        source.tracks = task != .forwarding
        if task == .masquerading { Self.addMasquerade(to: &source) }
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

    private static func addMasquerade(to source: inout CompiledRules.Source) {
        source.natRanges = [NATRange(options: .masquerade)]
        var rule = CompiledRule()
        rule.target = .translate(0)
        var policy = CompiledRule()
        policy.target = .policyAccept
        source.rules = [rule, policy]
        source.entries = [(.nat, .postrouting, 0), (.nat, .prerouting, 1)]
    }

    static var mac: MACAddress { MACAddress(rawValue: 0x0200_0000_0001) }

    /// Puts the packet of a flow into a chunk: flows come from some clients of many ports each.
    mutating func put(_ flow: Int, at place: Int) {
        put(client: flow >> 15, sourcePort: UInt16(1024 + flow & 0x7FFF), at: place)
    }

    /// Puts a packet into a chunk: 64 bytes with the check sequence, UDP without checksum or TCP with six bytes of data, always the same.
    mutating func put(client: Int, sourcePort: UInt16, at place: Int) {
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
        unsafe bytes.storeBytes(of: isTCP ? 6 : 17, toByteOffset: 23, as: UInt8.self)
        store32(0x0A00_0002 + UInt32(client), 26)
        store32(0x0A01_0002, 30)
        func checksum(_ range: Range<Int>, _ start: UInt32 = 0) -> UInt16 {
            var sum = start
            for offset in stride(from: range.lowerBound, to: range.upperBound, by: 2) {
                sum += UInt32(UInt16(bigEndian: unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt16.self)))
            }
            while sum > 0xFFFF { sum = (sum & 0xFFFF) + (sum >> 16) }
            return ~UInt16(truncatingIfNeeded: sum)
        }
        store16(checksum(14..<34), 24)
        store16(sourcePort, 34)
        store16(80, 36)
        if isTCP {
            store32(1000, 38)
            store32(1000, 42)
            // Five words of header; ACK.
            store16(0x5010, 46)
            store16(1000, 48)
            store16(checksum(26..<60, 6 + 26), 50)
        } else {
            store16(26, 38)
        }
        arrivals[place] = Arrival(frame: FrameDescriptor(address: address, length: 60, port: PortIndex(rawValue: 0)))
    }

    /// - Parameter isLost: whether the burst's packets are expected to be dropped.
    /// - Returns: the time that the burst took by this clock, in nanoseconds.
    @inline(never)
    mutating func process(_ count: Int, _ clock: Int32, isLost: Bool = false) -> Double {
        let before = seconds(clock)
        worker.process(arrivals, count: count, at: now)
        let after = seconds(clock)
        for place in 0..<worker.output.count { worker.pool.give(memory.chunk(of: worker.output[place].frame.address)) }
        if worker.output.count != (isLost ? 0 : count) { fatalError("\(worker.output.count) of \(count) packets of a burst came out") }
        worker.output.removeAll()
        return (after - before) * 1e9
    }

    /// Lets time pass, in nanoseconds, without a frame.
    mutating func idle(_ step: UInt64) {
        now = now + step
        worker.begin(at: now)
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
