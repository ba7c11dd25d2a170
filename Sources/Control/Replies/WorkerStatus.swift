/// A worker thread as `show workers` tells of it.
public struct WorkerStatus: Hashable, Sendable, Codable {
    /// From 0.
    public var id: Int
    /// The CPU it is pinned to, or nil if it is pinned to none.
    public var cpu: Int?
    /// "adaptive", "busy" or "interrupt".
    public var poll: String
    /// Bursts that held at least one frame.
    public var bursts: UInt64
    public var packets: UInt64
    /// Returns from poll(2).
    public var wakeups: UInt64
    /// System calls that told the kernel to transmit.
    public var kicks: UInt64
    /// Share of the tenth of a second before the answer spent on frames, 0 to 1.
    public var busyShare: Double
    /// Frames it holds between bursts: fragments and packets that wait for a neighbour.
    public var framesHeld: Int
    /// Free frames in its own store.
    public var framesFree: Int
    /// Effects lost in its full ring (log lines, events, neighbour requests).
    public var effectsLost: UInt64

    public init(
        id: Int, cpu: Int? = nil, poll: String, bursts: UInt64, packets: UInt64, wakeups: UInt64, kicks: UInt64,
        busyShare: Double, framesHeld: Int, framesFree: Int, effectsLost: UInt64
    ) {
        self.id = id
        self.cpu = cpu
        self.poll = poll
        self.bursts = bursts
        self.packets = packets
        self.wakeups = wakeups
        self.kicks = kicks
        self.busyShare = busyShare
        self.framesHeld = framesHeld
        self.framesFree = framesFree
        self.effectsLost = effectsLost
    }
}
