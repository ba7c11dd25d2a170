import Net

/// Packets of one worker that wait for the Ethernet address of their next hop: a few for each, in order.
struct NeighborQueue: ~Copyable {
    /// Next hops that may be waited for at a time.
    static let hopLimit = 512
    /// Places of these that only gateways get, so that somebody who scans a subnet of ours cannot starve the way out.
    static let gatewayReserve = 64
    /// Packets that wait for one next hop; more push the newest out.
    static let packetsPerHop = 16
    /// How long after the first packet we give up, should the kernel say nothing: its own three probes take three seconds.
    static let patience: UInt64 = 4_000_000_000
    /// How often the kernel is asked again.
    static let retry: UInt64 = 1_000_000_000

    struct Hop {
        var address = IPv4Address.any
        var port = PortIndex.none
        var isUsed = false
        var isGateway = false
        var since = Instant(nanoseconds: 0)
        var asked = Instant(nanoseconds: 0)
        var packetCount = 0
    }

    /// A whole frame, ready but for its Ethernet addresses.
    struct Waiting {
        var address: UInt64 = 0
        var length: UInt32 = 0
    }

    let hops = Slab<Hop>(count: NeighborQueue.hopLimit)
    let packets = Slab<Waiting>(count: NeighborQueue.hopLimit * NeighborQueue.packetsPerHop)
    private(set) var hopCount = 0

    /// The place of a next hop that is waited for, begun if need be; nil if too many are.
    mutating func hop(_ port: PortIndex, _ address: IPv4Address, isGateway: Bool, now: Instant) -> Int? {
        var free: Int?
        for index in 0..<Self.hopLimit {
            if hops[index].isUsed {
                if hops[index].address == address, hops[index].port == port { return index }
            } else if free == nil {
                free = index
                if hopCount == 0 { break }
            }
        }
        guard let free, isGateway || hopCount < Self.hopLimit - Self.gatewayReserve else { return nil }
        hops[free] = Hop(
            address: address, port: port, isUsed: true, isGateway: isGateway, since: now,
            asked: Instant(nanoseconds: 0))
        hopCount += 1
        return free
    }

    /// - Returns: false if enough packets wait for this hop.
    func append(_ packet: Waiting, to hop: Int) -> Bool {
        let count = hops[hop].packetCount
        guard count < Self.packetsPerHop else { return false }
        packets[hop * Self.packetsPerHop + count] = packet
        hops[hop].packetCount = count + 1
        return true
    }

    mutating func end(_ hop: Int) {
        hops[hop].isUsed = false
        hops[hop].packetCount = 0
        hopCount -= 1
    }
}
