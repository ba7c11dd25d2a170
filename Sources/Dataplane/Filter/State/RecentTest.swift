import Net

/// What a rule with `-m recent` asks of its list.
public struct RecentTest: Sendable {
    public enum Operation: UInt8, Sendable { case set, check, update, remove }

    public var table: RecentTable
    public var operation: Operation
    public var isNegated: Bool
    /// Only what was seen in so many ticks counts; 0 for all.
    var ticks: UInt32
    public var hitCount: UInt32
    public var reaps: Bool
    public var comparesTTL: Bool
    public var usesDestination: Bool

    /// - Parameter seconds: only what was seen in so many counts; 0 for all.
    public init(
        _ table: RecentTable, _ operation: Operation, isNegated: Bool = false, seconds: UInt32 = 0, hitCount: UInt32 = 0,
        reaps: Bool = false, comparesTTL: Bool = false, usesDestination: Bool = false
    ) {
        self.table = table
        self.operation = operation
        self.isNegated = isNegated
        // The kernel multiplies in 32 bits; but a product of 0 must not turn into "all".
        ticks = seconds &* UInt32(Jiffies.perSecond)
        if ticks == 0, seconds > 0 { ticks = 1 }
        self.hitCount = hitCount
        self.reaps = reaps
        self.comparesTTL = comparesTTL
        self.usesDestination = usesDestination
    }
}

extension Worker {
    func matches(_ test: RecentTest, _ packet: Packet, _ hook: Hook) -> Bool {
        // As it was before forwarding took one off; what comes from a socket here has not lost any.
        var ttl = packet.ttl
        switch hook {
        case .prerouting, .input: break
        case .forward, .output, .postrouting:
            // A reset made here and TEE's copy belong to no socket, and the kernel takes them for forwarded packets.
            if packet.ingress != .host || packet.isCopy || (packet.isAnswer && packet.ipProtocol == .tcp) { ttl &+= 1 }
        }
        return test.table.matches(
            test, test.usesDestination ? packet.destination : packet.source, ttl: ttl, now)
    }
}
