import Net

/// `-m set`: whether a packet's addresses and ports are in a set.
public struct SetTest: Sendable {
    public var packetsValue: UInt64 = 0
    public var bytesValue: UInt64 = 0
    /// Where the set lies in the directory.
    public var slot: UInt16
    public var flags: SetFlags = []
    /// Bit by dimension: the source's.
    public var sources: UInt8
    public var dimensions: UInt8
    public var packets = SetCondition.none
    public var bytes = SetCondition.none

    public init(slot: UInt16, sources: UInt8, dimensions: UInt8) {
        self.slot = slot
        self.sources = sources
        self.dimensions = dimensions
    }
}

extension Worker {
    /// `set_match_v4` in net/netfilter/xt_set.c.
    mutating func matches(_ test: SetTest, _ packet: Packet) -> Bool {
        var question = SetQuestion(sources: test.sources, dimensions: test.dimensions)
        question.flags = test.flags
        question.packets = test.packets
        question.packetsValue = test.packetsValue
        question.bytes = test.bytes
        question.bytesValue = test.bytesValue
        let isNegated = test.flags.contains(.isNegated)
        guard let table = unsafe sets.table(test.slot) else { return isNegated }
        return (unsafe table.pointee.test(packet, &question, sets, now.nanoseconds) == .match) != isNegated
    }
}
