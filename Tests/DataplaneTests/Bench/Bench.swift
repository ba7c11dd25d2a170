import Net
import TestSupport
import Testing

@testable import Dataplane

// A whole router in memory, without I/O and clock:
//
//      10.0.0.2 … ── lan 10.0.0.1/24 ┌────────┐ wan 198.51.100.1/24 ── 198.51.100.254 ── everything else
//   172.16.0.2 … ── dmz 172.16.0.1/24 └────────┘
//
// Frames go in as text and come out as text, `PORT PACKET`, with the Ethernet addresses left out where they are what the
// neighbour table says. A bench that is let go checks the books and that no frame was lost or given back twice.

/// The bench.
@safe final class Bench {
    static let names = ["lan", "wan", "dmz"]

    /// How a bench differs from the usual one.
    struct Setup {
        var workers = 1
        /// Chunks of memory for each worker.
        var chunks = 512
        var flows = 4096
        var seed: UInt64 = 1
        var rules = RuleText()
        var tracking = TrackingSettings()
        var settings = RouterSettings()
        /// MTU of each port.
        var mtu = [1500, 1500, 1500]
        /// Neighbours that are not known, by address.
        var strangers: Set<IPv4Address> = []
        var port = PortSettings()
        /// Added to the routes that the ports' addresses bring.
        var routes: [Route] = []
    }

    let setup: Setup
    let memory: FrameMemory
    let pool: SharedFramePool
    let flows: FlowTable
    let writer: RoutingWriter
    let snapshots: SnapshotCell
    let shared: SharedState
    private(set) var workers: UnsafeMutablePointer<Worker>
    private let arrivals = Slab<Arrival>(count: Worker.burstLimit)
    private let epochs: Epochs
    private var generation: UInt64 = 1
    private(set) var rules: CompiledRules
    private(set) var now = Instant.seconds(1000)
    /// Effects of the last step, taken from all workers.
    private(set) var effects: [Effect] = []
    /// Ethernet addresses that frames may be sent to.
    private var stations: Set<MACAddress> = []

    static func link(_ port: Int) -> LinkIndex { LinkIndex(rawValue: Int32(port + 2)) }
    static func mac(_ port: Int) -> MACAddress { MACAddress(rawValue: 0x0200_0000_0001 + UInt64(port) << 8) }
    /// The Ethernet address of the neighbour with this address.
    static func mac(of address: IPv4Address) -> MACAddress { MACAddress(rawValue: 0x0A00_0000_0000 | UInt64(address.rawValue)) }
    static let addresses: [IPv4Address] = ["10.0.0.1", "198.51.100.1", "172.16.0.1"]
    static let neighbors: [(Int, IPv4Address)] = [
        (0, "10.0.0.2"), (0, "10.0.0.3"), (0, "10.0.0.4"), (1, "198.51.100.2"), (1, "198.51.100.254"), (2, "172.16.0.2"),
    ]

    init(_ setup: Setup = Setup()) {
        self.setup = setup
        memory = FrameMemory(chunkCount: setup.chunks * setup.workers)
        pool = SharedFramePool(memory: memory)
        pool.fill(from: memory)
        flows = FlowTable(maximum: setup.flows, workerCount: setup.workers, key: 0x1234_5678_9ABC_DEF1 ^ setup.seed << 17)
        epochs = Epochs(workerCount: setup.workers)
        // Nothing looks at routes while a test changes them.
        writer = RoutingWriter { $0() }
        rules = setup.rules.compiled(workerCount: setup.workers)
        let snapshot = Snapshot(generation: 1, rules: rules, tracking: setup.tracking, settings: setup.settings)
        snapshots = SnapshotCell(snapshot)
        shared = SharedState(
            memory: memory, pool: pool, flows: flows, routing: writer.routing, epochs: epochs, snapshots: snapshots)
        unsafe workers = .allocate(capacity: setup.workers)
        for id in 0..<setup.workers {
            unsafe (workers + id).initialize(
                to: Worker(id: id, shared: shared, snapshot: snapshot, seed: setup.seed &+ UInt64(id) &* 77))
        }
        writer.setPorts(
            Self.names.indices.map {
                RoutingPort(
                    port: PortIndex(rawValue: UInt8($0)), link: Self.link($0), name: Self.names[$0], settings: setup.port)
            })
        writer.apply(Self.names.indices.flatMap { links($0) })
        writer.apply([
            .route(
                Route(
                    table: Route.mainTable, prefix: .all,
                    hops: [RouteHop(link: Self.link(1), gateway: "198.51.100.254")]))
        ])
        writer.apply(setup.routes.map { .route($0) })
        for (port, address) in Self.neighbors where !setup.strangers.contains(address) { meet(address, on: port) }
    }

    private func links(_ port: Int) -> [KernelChange] {
        let address = Self.addresses[port]
        let prefix = IPv4Prefix(address, 24)
        func local(_ kind: RouteKind, _ host: IPv4Address) -> KernelChange {
            .route(
                Route(
                    table: Route.localTable, prefix: IPv4Prefix(host, 32), kind: kind, scope: kind == .local ? 254 : 253,
                    origin: 2, preferredSource: address, hops: [RouteHop(link: Self.link(port))]))
        }
        return [
            .link(
                Link(
                    index: Self.link(port), name: Self.names[port], mac: Self.mac(port), mtu: setup.mtu[port], isUp: true,
                    isRunning: true)),
            .address(LinkAddress(link: Self.link(port), prefix: prefix, broadcast: prefix.last)),
            local(.local, address), local(.broadcast, prefix.last),
            .route(
                Route(
                    prefix: prefix.network, scope: 253, origin: 2, preferredSource: address,
                    hops: [RouteHop(link: Self.link(port))])),
        ]
    }

    /// Makes a neighbour known.
    func meet(_ address: IPv4Address, on port: Int, state: Neighbor.State = .permanent) {
        let mac = Self.mac(of: address)
        stations.insert(mac)
        writer.apply([.neighbor(Neighbor(link: Self.link(port), address: address, mac: mac, state: state))])
    }

    deinit {
        check()
        for id in 0..<setup.workers { unsafe (workers + id).deinitialize(count: 1) }
        if pool.count + shared.reassembly.heldCount + heldByNeighbors != memory.chunkCount {
            Issue.record("\(pool.count) chunks came home of \(memory.chunkCount)")
        }
        var seen = Set<UInt64>()
        let all = Slab<UInt64>(count: memory.chunkCount + 1)
        for at in 0..<pool.take(memory.chunkCount + 1, into: all, at: 0) where !seen.insert(all[at]).inserted {
            Issue.record("chunk \(all[at]) came home twice")
        }
        unsafe workers.deallocate()
    }

    private var heldByNeighbors = 0

    // MARK: Books

    /// A column of the books over all workers.
    func total(_ column: Statistics.Column) -> UInt64 {
        (0..<setup.workers).reduce(0) { $0 &+ (unsafe workers[$1].statistics[column]) }
    }

    /// Drops for a reason over all workers.
    func dropped(_ reason: DropReason) -> Int {
        Int((0..<setup.workers).reduce(0) { $0 &+ (unsafe workers[$1].statistics[reason]) })
    }

    /// Every drop by name.
    var drops: [String: Int] {
        Dictionary(uniqueKeysWithValues: DropReason.allCases.map { ($0.name, dropped($0)) }.filter { $0.1 > 0 })
    }

    /// The books balance, and every frame has an owner.
    func check() {
        let came = total(.received) &+ total(.fromHost) &+ total(.madeHere) &+ total(.extraFragments)
        let dropped = DropReason.allCases.reduce(0) { $0 + self.dropped($1) }
        let went = total(.transmitted) &+ total(.toHost) &+ total(.absorbed) &+ total(.held) &+ UInt64(dropped)
        if came != went {
            let columns = Statistics.Column.allCases.map { "\($0) \(Int64(bitPattern: total($0)))" }.joined(separator: ", ")
            Issue.record("the books do not balance: \(came) came, \(went) went; \(columns); \(drops)")
        }
        heldByNeighbors = Int(Int64(bitPattern: total(.held))) - shared.reassembly.heldCount
        let owned =
            (0..<setup.workers).reduce(pool.count) { $0 + (unsafe workers[$1].pool.count) } + Int(Int64(bitPattern: total(.held)))
        if owned != memory.chunkCount { Issue.record("\(owned) frames are owned of \(memory.chunkCount)") }
    }

    // MARK: Time and rules

    /// Lets time pass and every worker begin a burst without frames.
    @discardableResult
    func pass(_ seconds: Double) -> [String] {
        now = now + UInt64(seconds * 1e9)
        var out: [String] = []
        effects = []
        for id in 0..<setup.workers {
            unsafe workers[id].begin(at: now)
            out += take(from: id)
        }
        check()
        return out
    }

    /// Puts other rules in force.
    func load(_ text: RuleText) {
        generation += 1
        rules = text.compiled(workerCount: setup.workers)
        snapshots.publish(
            Snapshot(generation: generation, rules: rules, tracking: setup.tracking, settings: setup.settings))()
    }

    // MARK: Frames

    /// Sends packets into ports, all in one burst of one worker; `PORT PACKET` each, or `host PORT PACKET` for what the host sends
    /// out of a port.
    ///
    /// - Returns: what comes out, in the same form; `host` stands in front of what goes to the host.
    @discardableResult
    func send(_ texts: String..., worker: Int = 0, mark: UInt32 = 0) -> [String] {
        send(texts.map { read($0) }, worker: worker, mark: mark)
    }

    /// The same for frames as bytes.
    @discardableResult
    func send(_ frames: [(port: Int, isFromHost: Bool, bytes: [UInt8])], worker: Int = 0, mark: UInt32 = 0) -> [String] {
        for (place, frame) in frames.enumerated() {
            arrivals[place] = Arrival(
                frame: store(frame.bytes, on: frame.port, worker), isFromHost: frame.isFromHost, mark: mark)
        }
        effects = []
        unsafe workers[worker].process(arrivals, count: frames.count, at: now)
        let out = take(from: worker)
        check()
        return out
    }

    /// A frame in a chunk of the pool, as a ring would bring it.
    private func store(_ bytes: [UInt8], on port: Int, _ worker: Int) -> FrameDescriptor {
        guard let chunk = unsafe workers[worker].pool.take() else { fatalError("no chunk for a frame that comes in") }
        let address = chunk + UInt64(FrameMemory.headroom)
        precondition(bytes.count <= memory.longestFrame)
        unsafe bytes.withUnsafeBytes { unsafe memory.bytes(at: address).copyMemory(from: $0.baseAddress ?? .init(bitPattern: 8).unsafelyUnwrapped, byteCount: $0.count) }
        return FrameDescriptor(address: address, length: UInt32(bytes.count), port: PortIndex(rawValue: UInt8(port)))
    }

    /// `PORT PACKET` as a frame; Ethernet addresses that are not given are those of the sender's own hop.
    func read(_ text: String) -> (port: Int, isFromHost: Bool, bytes: [UInt8]) {
        var words = text.split(separator: " ", maxSplits: 1).map(String.init)
        let isFromHost = words[0] == "host"
        if isFromHost { words = words[1].split(separator: " ", maxSplits: 1).map(String.init) }
        guard let port = Self.names.firstIndex(of: words[0]) else { fatalError("no port in front of: \(text)") }
        do {
            var packet = try TestPacket(words[1])
            if packet.ethernet == nil {
                let other = MACAddress(rawValue: 0x0A00_0000_0063)
                packet.ethernet =
                    isFromHost
                    ? TestPacket.Ethernet(source: Self.mac(port), destination: other)
                    : TestPacket.Ethernet(source: other, destination: Self.mac(port))
            }
            return (port, isFromHost, packet.bytes)
        } catch { fatalError("\(error)") }
    }

    /// Empties a worker's output: the frames as text, their chunks back to the pool.
    private func take(from worker: Int) -> [String] {
        var out: [String] = []
        for place in 0..<(unsafe workers[worker].output.count) {
            let departure = unsafe workers[worker].output[place]
            let frame = departure.frame
            let bytes = unsafe Array(
                UnsafeRawBufferPointer(start: memory.bytes(at: frame.address), count: Int(frame.length)))
            out.append(text(of: bytes, departure))
            unsafe workers[worker].pool.give(memory.chunk(of: frame.address))
        }
        unsafe workers[worker].output.removeAll()
        while let effect = unsafe workers[worker].effects.pop() { effects.append(effect) }
        return out
    }

    private func text(of bytes: [UInt8], _ departure: Departure) -> String {
        var packet = TestPacket(frame: bytes)
        if departure.frame.port == .host {
            let port = Int(departure.ingress.rawValue)
            let name = port < Self.names.count ? Self.names[port] : "?\(port)"
            if packet.ethernet?.destination == (port < Self.names.count ? Self.mac(port) : .zero) { packet.ethernet = nil }
            return "host \(name) \(packet)"
        }
        let port = Int(departure.frame.port.rawValue)
        if let ethernet = packet.ethernet, ethernet.source == Self.mac(port), stations.contains(ethernet.destination)
            || ethernet.destination == MACAddress(rawValue: 0x0A00_0000_0063)
        {
            packet.ethernet = nil
        }
        return "\(Self.names[port]) \(packet)"
    }

    // MARK: Flows

    /// All flows, one line each: protocol, TCP state, original and reply tuple, status.
    var flowList: [String] {
        var lines: [String] = []
        flows.forEach { flow in
            let seconds = flow.expires.since(now) / 1_000_000_000
            var words = ["\(flow.original.ipProtocol)", "\(seconds)"]
            if flow.original.ipProtocol == .tcp { words.append(flow.tcpState.name) }
            for tuple in [flow.original, flow.reply] {
                words.append("\(tuple.source):\(tuple.sourcePort)>\(tuple.destination):\(tuple.destinationPort)")
            }
            if !flow.status.contains(.seenReply) { words.append("UNREPLIED") }
            if flow.status.contains(.assured) { words.append("ASSURED") }
            words.append("\(flow.originalCounter.packets)/\(flow.replyCounter.packets)")
            lines.append(words.joined(separator: " "))
        }
        return lines.sorted()
    }
}
