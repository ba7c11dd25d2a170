import CXDP
import Dataplane
import Glibc
import Net
import PacketIO
import Synchronization

/// What a worker does all its life: take a burst from each of its rings, have the data plane work on it, send what comes out.
///
/// It owns the rings of its queues and uses no others. A frame that is to leave by a port of which it has no queue goes to the worker that
/// has one. Nothing in a round allocates, locks or counts references.
@safe struct WorkerLoop: ~Copyable {
    /// The most frames that wait to be put into one ring.
    private static let stageSize = 256
    /// How long a worker looks again before it sleeps (`poll: adaptive`).
    private static let patience: UInt64 = 30_000

    private let id: Int
    private let exchange: Exchange
    private let poll: WorkersConfiguration.Poll
    private let memory: FrameMemory
    private var worker: Worker

    private let rings: Slab<Ring>
    private let ringCount: Int
    /// For each port by number, the place of the ring that it is sent by, or none; and who has one.
    private let ringOfPort: Slab<Int32>
    private let ownerOfPort: Slab<Int32>

    private let arrivals = Slab<Arrival>(count: Worker.burstLimit)
    private let received: UnsafeMutableBufferPointer<FrameDescriptor>
    private let chunks: UnsafeMutableBufferPointer<UInt64>
    private let stage: UnsafeMutableBufferPointer<FrameDescriptor>
    private let departures: Slab<Departure>
    private let staged: Slab<Int32>
    /// Rings in which frames wait that the kernel did not take when it was told last.
    private let isWaiting: Slab<Bool>
    private var waitingCount = 0
    private let descriptors: UnsafeMutableBufferPointer<pollfd>
    private let incoming: Slab<Handoff>
    private let outgoing: Slab<Handoff>
    /// How far the reports had come when the slow side was told of them last.
    private var toldReports: UInt64 = 0

    /// - Parameter owners: for each port, the worker that sends for those that have no queue of it.
    init(
        id: Int, worker: consuming Worker, memory: FrameMemory, exchange: Exchange, poll: WorkersConfiguration.Poll,
        rings ownRings: [Ring], owners: [PortIndex: Int]
    ) {
        self.id = id
        self.worker = worker
        self.memory = memory
        self.exchange = exchange
        self.poll = poll
        ringCount = ownRings.count
        rings = Slab(count: ownRings.count)
        ringOfPort = Slab(count: 64)
        ownerOfPort = Slab(count: 64)
        for port in 0..<64 {
            ringOfPort[port] = -1
            ownerOfPort[port] = -1
        }
        for (port, owner) in owners { ownerOfPort[Int(port.rawValue)] = Int32(owner) }
        for (place, ring) in ownRings.enumerated() {
            rings[place] = ring
            if ring.canTransmit, ringOfPort[Int(ring.port.rawValue)] < 0 {
                ringOfPort[Int(ring.port.rawValue)] = Int32(place)
            }
        }
        unsafe received = .allocate(capacity: Worker.burstLimit)
        unsafe chunks = .allocate(capacity: 256)
        unsafe stage = .allocate(capacity: max(ownRings.count, 1) * Self.stageSize)
        departures = Slab(count: max(ownRings.count, 1) * Self.stageSize)
        staged = Slab(count: max(ownRings.count, 1))
        isWaiting = Slab(count: max(ownRings.count, 1))
        unsafe descriptors = .allocate(capacity: ownRings.count + 1)
        for (place, ring) in ownRings.enumerated() {
            unsafe descriptors[place] = pollfd(fd: ring.fileDescriptor, events: Int16(POLLIN), revents: 0)
        }
        unsafe descriptors[ownRings.count] = pollfd(
            fd: exchange.wakeDescriptors[id], events: Int16(POLLIN), revents: 0)
        incoming = Slab(count: exchange.workerCount)
        outgoing = Slab(count: exchange.workerCount)
        for other in 0..<exchange.workerCount {
            incoming[other] = exchange.handoff(from: other, to: id)
            outgoing[other] = exchange.handoff(from: id, to: other)
        }
    }

    deinit {
        unsafe received.deallocate()
        unsafe chunks.deallocate()
        unsafe stage.deallocate()
        unsafe descriptors.deallocate()
    }

    // MARK: The loop

    /// Until the exchange says that it is over.
    mutating func run() {
        var lastFrame = MonotonicClock.now()
        while !exchange.isEnding {
            if exchange.isPausing {
                worker.rest()
                exchange.park(id, stock: worker.pool.count)
            }
            let now = MonotonicClock.now()
            let count = round(at: now)
            let line = exchange.lines
            line[id].progress.store(line[id].progress.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
            if count > 0 {
                let busy = MonotonicClock.now().since(now)
                line[id].busyNanoseconds.store(
                    line[id].busyNanoseconds.load(ordering: .relaxed) &+ busy, ordering: .relaxed)
                lastFrame = now
                continue
            }
            switch poll {
            case .busy: continue
            case .adaptive where now.since(lastFrame) < Self.patience: continue
            case .adaptive, .interrupt: sleep()
            }
        }
        worker.rest()
        exchange.lines[id].hasEnded.store(1, ordering: .releasing)
    }

    /// One round over all rings.
    ///
    /// - Returns: how many frames there were.
    @inline(__always)
    private mutating func round(at now: Instant) -> Int {
        var total = takeHandedOff()
        worker.begin(at: now)
        for place in 0..<ringCount {
            reclaim(place)
            refill(place)
            rings[place].wakeReceiver()
            if isWaiting[place] { kick(place) }
            let count = unsafe rings[place].receive(into: received)
            guard count > 0 else { continue }
            total &+= count
            work(on: count, from: place, at: now)
        }
        if worker.output.count > 0 { dispatch() }
        flush()
        if !worker.effects.isEmpty { exchange.signal(exchange.effectDescriptor) }
        if worker.reports.written != toldReports {
            toldReports = worker.reports.written
            exchange.signal(exchange.reportDescriptor)
        }
        return total
    }

    private mutating func work(on count: Int, from place: Int, at now: Instant) {
        let isFromHost = rings[place].port == .host
        var kept = 0
        for index in 0..<count {
            var frame = unsafe received[index]
            guard isFromHost else {
                arrivals[kept] = Arrival(frame: frame)
                kept &+= 1
                continue
            }
            let bytes = unsafe memory.bytes(at: frame.address)
            guard let header = unsafe HostHeader(reading: bytes, length: Int(frame.length)) else {
                worker.refuse(frame)
                continue
            }
            frame.address &+= UInt64(HostHeader.size)
            frame.length &-= UInt32(HostHeader.size)
            frame.port = header.port
            arrivals[kept] = Arrival(
                frame: frame, isFromHost: true, mark: header.mark,
                sender: header.owner.map { Sender(uid: $0.uid, gid: $0.gid) } ?? Sender())
            kept &+= 1
        }
        worker.process(arrivals, count: kept, at: now)
        dispatch()
    }

    // MARK: Chunks

    /// Takes back the chunks of frames that have been sent.
    @inline(__always)
    private mutating func reclaim(_ place: Int) {
        while true {
            let count = unsafe rings[place].complete(into: chunks)
            for index in 0..<count { unsafe worker.pool.give(chunks[index]) }
            if unsafe count < chunks.count { return }
        }
    }

    /// Gives the ring chunks for frames to come, before anything is done with those that came.
    @inline(__always)
    private mutating func refill(_ place: Int) {
        var room = rings[place].fillRoom
        while room > 0 {
            var count = 0
            let wanted = unsafe min(room, chunks.count)
            while count < wanted, let chunk = worker.pool.take() {
                unsafe chunks[count] = chunk
                count &+= 1
            }
            guard count > 0 else { return }
            let taken = unsafe rings[place].refill(UnsafeBufferPointer(rebasing: chunks[0..<count]))
            for index in taken..<count { unsafe worker.pool.give(chunks[index]) }
            room &-= taken
            if taken < wanted { return }
        }
    }

    // MARK: Sending

    /// Distributes what the burst has made.
    @inline(__always)
    private mutating func dispatch() {
        for index in 0..<worker.output.count { send(worker.output[index]) }
        worker.output.removeAll()
    }

    @inline(__always)
    private mutating func send(_ departure: Departure) {
        let port = Int(departure.frame.port.rawValue) & 63
        let place = ringOfPort[port]
        if place >= 0 {
            put(departure, into: Int(place))
            return
        }
        let owner = ownerOfPort[port]
        guard owner >= 0, Int(owner) != id, outgoing[Int(owner)].push(departure) else {
            worker.lose(departure, .ringFull)
            return
        }
        exchange.wake(Int(owner))
    }

    /// Frames that others decided about and this worker's queue sends.
    @inline(__always)
    private mutating func takeHandedOff() -> Int {
        var total = 0
        for other in 0..<exchange.workerCount where other != id {
            var budget = Worker.burstLimit
            while budget > 0, let departure = incoming[other].pop() {
                let place = ringOfPort[Int(departure.frame.port.rawValue) & 63]
                if place >= 0 { put(departure, into: Int(place)) } else { worker.lose(departure, .ringFull) }
                budget &-= 1
                total &+= 1
            }
        }
        return total
    }

    @inline(__always)
    private mutating func put(_ departure: Departure, into place: Int) {
        if Int(staged[place]) == Self.stageSize { flush(place) }
        var frame = departure.frame
        if frame.port == .host {
            let end = unsafe memory.bytes(at: frame.address) + Int(frame.length)
            let used = Int(frame.address) & (memory.chunkSize - 1)
            guard used + Int(frame.length) + HostTrailer.size <= memory.chunkSize else {
                worker.lose(departure, .hostQueueFull)
                return
            }
            unsafe HostTrailer(port: departure.ingress, mark: departure.mark).write(to: end)
            frame.length &+= UInt32(HostTrailer.size)
        }
        let slot = place &* Self.stageSize &+ Int(staged[place])
        unsafe stage[slot] = frame
        departures[slot] = departure
        staged[place] &+= 1
    }

    @inline(__always)
    private mutating func flush() {
        for place in 0..<ringCount where staged[place] > 0 { flush(place) }
    }

    /// Puts what is staged into the transmit ring and tells the kernel. What finds no room even after the kernel has taken all it could
    /// is lost by name.
    private mutating func flush(_ place: Int) {
        let count = Int(staged[place])
        let start = place &* Self.stageSize
        var sent = 0
        var tries = 0
        while sent < count, tries < 8 {
            sent &+= unsafe rings[place].transmit(
                UnsafeBufferPointer(rebasing: stage[(start &+ sent)..<(start &+ count)]))
            kick(place)
            reclaim(place)
            tries &+= 1
        }
        for index in sent..<count {
            let departure = departures[start &+ index]
            worker.lose(departure, departure.frame.port == .host ? .hostQueueFull : .ringFull)
        }
        staged[place] = 0
    }

    private mutating func kick(_ place: Int) {
        let line = exchange.lines
        line[id].kicks.store(line[id].kicks.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
        var result = rings[place].kick()
        var tries = 0
        while result == .busy, tries < 16 {
            reclaim(place)
            result = rings[place].kick()
            tries &+= 1
        }
        let waits = result == .busy || result == .linkDown
        if waits != isWaiting[place] {
            isWaiting[place] = waits
            waitingCount &+= waits ? 1 : -1
        }
    }

    // MARK: Sleeping

    private mutating func sleep() {
        let line = exchange.lines
        line[id].isAsleep.store(1, ordering: .sequentiallyConsistent)
        defer { line[id].isAsleep.store(0, ordering: .relaxed) }
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        // Whoever hands something over after this sees that we sleep; what came before, we see.
        for other in 0..<exchange.workerCount where other != id && incoming[other].count > 0 { return }
        if exchange.isPausing || exchange.isEnding { return }
        worker.rest()
        let timeout = waitingCount > 0 ? min(worker.timeToNextChore, 2) : worker.timeToNextChore
        if unsafe Glibc.poll(descriptors.baseAddress, nfds_t(ringCount + 1), timeout) > 0,
            unsafe descriptors[ringCount].revents != 0
        {
            exchange.drain(exchange.wakeDescriptors[id])
        }
        line[id].wakeups.store(line[id].wakeups.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
    }
}
