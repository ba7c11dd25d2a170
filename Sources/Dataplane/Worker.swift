import Net
import Synchronization

/// What all workers of a router share.
public struct SharedState: Sendable {
    public let memory: FrameMemory
    public let pool: SharedFramePool
    public let flows: FlowTable
    public let routing: Routing
    public let reassembly: Reassembly
    public let icmpLimiter: ICMPLimiter
    public let groups: GroupTable
    public let epochs: Epochs
    public let snapshots: SnapshotCell
    public let wallClock: WallClock
    public let sets: SetDirectory

    public init(
        memory: FrameMemory, pool: SharedFramePool, flows: FlowTable, routing: Routing, epochs: Epochs,
        snapshots: SnapshotCell, sets: SetDirectory = SetDirectory()
    ) {
        self.sets = sets
        self.memory = memory
        self.pool = pool
        self.flows = flows
        self.routing = routing
        self.epochs = epochs
        self.snapshots = snapshots
        reassembly = Reassembly()
        icmpLimiter = ICMPLimiter()
        groups = GroupTable()
        wallClock = WallClock()
    }
}

/// A frame on its way into the data plane.
public struct Arrival: Sendable {
    /// Its `port` is the ingress port; for what the host sends, the port that the kernel chose for it.
    public var frame: FrameDescriptor
    public var isFromHost: Bool
    /// For what the host sends: the socket's mark.
    public var mark: UInt32
    /// For what the host sends: whose socket it was.
    public var sender: Sender

    public init(frame: FrameDescriptor, isFromHost: Bool = false, mark: UInt32 = 0, sender: Sender = Sender()) {
        self.frame = frame
        self.isFromHost = isFromHost
        self.mark = mark
        self.sender = sender
    }
}

/// One worker of the data plane: takes bursts of frames and leaves in `output` what is to be sent. It does no I/O, reads no
/// clock and starts no thread; given the same frames and times it does the same.
@safe public struct Worker: ~Copyable {
    /// The most frames in a burst.
    public static let burstLimit = 64
    /// The most frames that a worker keeps between bursts: its stock, and those that wait for neighbours. The memory must have
    /// room for them beside the rings, or who makes packets wait could stop the forwarding of others.
    public static let mostFramesHeld = FramePool.capacity + NeighborQueue.hopLimit * NeighborQueue.packetsPerHop

    public let id: Int
    /// The CPU that it runs on, if it is pinned to one; else its own number. `-m cpu` asks for it.
    public var cpu: UInt32
    public let statistics: Statistics
    public let effects: EffectRing
    /// What rules tell about packets: log lines and copies.
    public let reports: ReportRing
    /// What happens to flows, while somebody listens.
    public let flowEvents: FlowEventRing
    public var output = Output()
    public var pool: FramePool

    let memory: FrameMemory
    let flows: FlowTable
    let routing: Routing
    let reassembly: Reassembly
    let icmpLimiter: ICMPLimiter
    let groups: GroupTable
    let epochs: Epochs
    let snapshots: SnapshotCell
    let wallClock: WallClock
    let sets: SetDirectory

    var owner: FlowOwner
    var neighborQueue = NeighborQueue()
    var snapshot: Snapshot
    var now = Instant(nanoseconds: 0)
    var nextFragmentCheck = Instant(nanoseconds: 0)
    /// When a lack of ports may be told of again.
    var nextExhaustionReport = Instant(nanoseconds: 0)
    var random: RandomSource

    /// Whether a TEE's copy is on its way, which is not copied again (in_nf_duplicate of the kernel's task).
    var isDuplicating = false
    /// Where copies of a datagram that was put together lie: a MIRROR's, and the one that a TEE makes of that or of the datagram itself.
    let copyBuffers: UnsafeMutableRawPointer
    /// Bytes of a datagram that is put together, with room for VLAN tags in front.
    static var assemblyLength: Int { 0x10000 + 64 }
    var routeCache = RouteCache()
    let guesses = Slab<FlowGuess>(count: Worker.burstLimit)
    /// What was guessed of the frame whose turn it is.
    var guess = FlowIndex.Reference(rawValue: 0)
    /// What the last flow's source became whose source was translated: that of the next ones too, most likely.
    var lastTranslatedSource = IPv4Address.any
    /// Where what was read ahead goes, so that it is read at all.
    ///
    /// A value with an atomic in it stays where it lies. Of any other the compiler makes a copy for each call of a method that does not change
    /// it, and a worker is two thousand bytes.
    let touched = Atomic<UInt32>(0)

    /// What was found in the IP options of the packet under way.
    let options = Slab<IPOptionsRead>(count: 1)

    /// Where a datagram is put together, with room for VLAN tags in front; and the lengths of the pieces it came in.
    let assembly: UnsafeMutableRawPointer
    let geometry = Slab<UInt16>(count: Reassembly.piecesPerDatagram)
    var geometryCount = 0

    /// - Parameters:
    ///   - id: 0 to the number of workers - 1.
    ///   - seed: for ports and identifiers; random but in tests.
    public init(id: Int, shared: SharedState, snapshot: Snapshot, seed: UInt64) {
        self.id = id
        cpu = UInt32(truncatingIfNeeded: id)
        memory = shared.memory
        pool = FramePool(shared: shared.pool)
        flows = shared.flows
        routing = shared.routing
        reassembly = shared.reassembly
        icmpLimiter = shared.icmpLimiter
        groups = shared.groups
        epochs = shared.epochs
        snapshots = shared.snapshots
        wallClock = shared.wallClock
        sets = shared.sets
        self.snapshot = snapshot
        statistics = Statistics()
        effects = EffectRing()
        reports = ReportRing()
        owner = FlowOwner(worker: id, table: shared.flows, epochs: shared.epochs, statistics: statistics)
        flowEvents = owner.events
        random = RandomSource(seed: seed)
        unsafe assembly = .allocate(byteCount: Self.assemblyLength, alignment: 64)
        unsafe copyBuffers = .allocate(byteCount: 2 * Self.assemblyLength, alignment: 64)
    }

    deinit {
        unsafe assembly.deallocate()
        unsafe copyBuffers.deallocate()
    }

    /// Takes a burst through the router. Every frame's chunk is the worker's from here on; what `output` holds afterwards is the
    /// caller's again.
    public mutating func process(_ arrivals: Slab<Arrival>, count: Int, at now: Instant) {
        begin(at: now)
        if count > 1 { touchAhead(arrivals, count: count) } else { guesses[0] = FlowGuess() }
        for index in 0..<count {
            guess = guesses[index].reference
            accept(arrivals[index])
        }
        // The index stands for what it said until the end of the burst.
        guess = FlowIndex.Reference(rawValue: 0)
        if count > 0 { statistics.add(.bursts) }
    }

    /// The start of a burst: what is in force, what has expired, who has waited long enough. To be called after
    /// `timeToNextChore` at the latest, also without frames.
    public mutating func begin(at now: Instant) {
        epochs.enter(id)
        self.now = now
        snapshots.load(into: &snapshot)
        owner.advance(to: now)
        flows.expectations.advance(to: now)
        if id == 0 { advanceMeters() }
        expireFragments()
        advanceNeighbors()
    }

    /// How long nothing needs doing if no frame comes, in milliseconds: 1 to 100.
    public var timeToNextChore: Int32 {
        if neighborQueue.hopCount > 0 { return 2 }
        if owner.isBehind { return 1 }
        return owner.hasUnfinishedBusiness ? 10 : 100
    }

    /// Nothing shared is looked at until the next `begin`.
    public mutating func rest() { epochs.leave(id) }

    /// Counts a frame of `output` that could not be sent after all, and takes its chunk back.
    public mutating func lose(_ departure: Departure, _ reason: DropReason) {
        if departure.frame.port == .host {
            statistics.add(.toHost, -1)
        } else {
            statistics.add(.transmitted, -1)
            statistics.add(departure.frame.port, .transmittedPackets, -1)
            statistics.add(departure.frame.port, .transmittedBytes, -Int(departure.frame.length))
        }
        statistics.add(reason)
        pool.give(memory.chunk(of: departure.frame.address))
    }

    /// Counts a frame from the host that carried no valid header.
    public mutating func refuse(_ frame: FrameDescriptor) {
        statistics.add(.fromHost)
        statistics.add(DropReason.hostHeader)
        pool.give(memory.chunk(of: frame.address))
    }
}
