import Net

/// A list of `-m recent`.
public struct RecentListRow: Hashable, Sendable, Codable {
    public var name: String
    /// Addresses on it.
    public var count: Int
    /// Addresses that it may hold; the one unused longest makes room for another.
    public var max: Int
    /// Times that it remembers of each address.
    public var stamps: Int
    /// Bits of an address that make an entry.
    public var mask: IPv4Address

    public init(name: String, count: Int, max: Int, stamps: Int, mask: IPv4Address) {
        self.name = name
        self.count = count
        self.max = max
        self.stamps = stamps
        self.mask = mask
    }
}

/// An address on a list of `-m recent`, with everything /proc/net/xt_recent says of one.
public struct RecentEntryRow: Hashable, Sendable, Codable {
    public var address: IPv4Address
    /// As it was before forwarding; 0 if an operator put the address on the list.
    public var ttl: UInt8
    /// The times below are ticks of the kernel's clock (jiffies), of which a second has 250.
    public var lastSeen: UInt64
    /// Where the next time goes in the ring.
    public var oldestPacket: UInt16
    /// The ring, in its own order.
    public var stamps: [UInt64]

    public init(address: IPv4Address, ttl: UInt8, lastSeen: UInt64, oldestPacket: UInt16, stamps: [UInt64]) {
        self.address = address
        self.ttl = ttl
        self.lastSeen = lastSeen
        self.oldestPacket = oldestPacket
        self.stamps = stamps
    }

    /// As /proc/net/xt_recent prints it (recent_seq_show in net/netfilter/xt_recent.c).
    public var procText: String {
        let times = stamps.map(String.init).joined(separator: ", ")
        return "src=\(address) ttl: \(ttl) last_seen: \(lastSeen) oldest_pkt: \(oldestPacket) \(times)"
    }
}
