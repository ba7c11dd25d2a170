import Net

/// `-j SET`: puts a packet's addresses and ports into a set, takes them out, or takes over what a set says of them.
public struct SetAction: Sendable, Equatable {
    /// Slots in the directory, or `SetDirectory.none`.
    public var added = SetDirectory.none
    public var removed = SetDirectory.none
    public var mapped = SetDirectory.none
    /// Bit by dimension: the source's; for each of the three.
    public var addedSources: UInt8 = 0
    public var removedSources: UInt8 = 0
    public var mappedSources: UInt8 = 0
    public var addedDimensions: UInt8 = 0
    public var removedDimensions: UInt8 = 0
    public var mappedDimensions: UInt8 = 0
    public var flags: SetFlags = []
    /// Seconds; the set's own if `hasTimeout` is false.
    public var timeout: UInt32 = 0
    public var hasTimeout = false

    public init() {}
}

extension Worker {
    /// `set_target_v3` in net/netfilter/xt_set.c. Whatever comes of it, the next rule follows.
    mutating func apply(_ target: SetAction, _ packet: inout Packet) -> TargetOutcome {
        if let table = unsafe sets.table(target.added) {
            var question = SetQuestion(sources: target.addedSources, dimensions: target.addedDimensions)
            question.flags = target.flags
            _ = unsafe table.pointee.add(
                packet, question, timeout: target.hasTimeout ? target.timeout : nil, sets, now.nanoseconds)
        }
        if let table = unsafe sets.table(target.removed) {
            let question = SetQuestion(sources: target.removedSources, dimensions: target.removedDimensions)
            _ = unsafe table.pointee.remove(packet, question, sets, now.nanoseconds)
        }
        if let table = unsafe sets.table(target.mapped) {
            var question = SetQuestion(sources: target.mappedSources, dimensions: target.mappedDimensions)
            if unsafe table.pointee.test(packet, &question, sets, now.nanoseconds) == .match {
                if target.flags.contains(.mapsMark) {
                    packet.mark = packet.mark & ~question.mark.mask ^ question.mark.mark
                }
                if target.flags.contains(.mapsPriority) { packet.priority = question.mark.priority }
            }
        }
        return .next
    }
}
