import Net

/// A frame that the data plane has done with and wants sent.
public struct Departure: Sendable {
    /// Its `port` is the egress port, or `.host`.
    public var frame: FrameDescriptor
    /// For the host: the port the frame came in on.
    public var ingress: PortIndex
    /// For the host: the packet's mark.
    public var mark: UInt32
}

/// What a burst sends, in order. The worker's loop takes it after each burst and empties it.
@safe public struct Output: ~Copyable {
    /// More frames than a burst usually makes of itself; what does not fit is dropped by name.
    static let capacity = 8192

    private let departures: Slab<Departure>
    public private(set) var count = 0

    init() { departures = Slab(count: Self.capacity) }

    deinit { departures.deallocate() }

    public subscript(_ index: Int) -> Departure {
        @inline(__always) get { departures[index] }
    }

    @inline(__always)
    var isFull: Bool { count == Self.capacity }

    /// - Precondition: not full.
    @inline(__always)
    mutating func append(_ departure: Departure) {
        departures[count] = departure
        count &+= 1
    }

    @inline(__always)
    public mutating func removeAll() { count = 0 }
}
