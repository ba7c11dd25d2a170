import Net

/// Matches on any byte of the IP packet.
public enum ContentMatch: Sendable {
    /// `string`.
    case text(TextSearch, isNegated: Bool)
    /// `u32`: so many comparisons, which begin at this place of the rules' words; see `CompiledWordTests`.
    case words(first: UInt32, count: UInt32, isNegated: Bool)
    /// `bpf`: so many instructions, two words each; see `PacketProgram.swift`.
    case program(first: UInt32, count: UInt32)
    /// A packet whose headers no sender may produce.
    case unclean
}

extension Worker {
    @inline(never)
    mutating func matches(_ match: ContentMatch, _ packet: Packet, _ hook: Hook) -> Bool {
        switch match {
        case .text(let search, let isNegated): return finds(search, in: packet) != isNegated
        case .words(let first, let count, let isNegated): return wordsSuit(first, count, packet) != isNegated
        case .program(let first, let count): return run(program: first, count, packet, hook) != 0
        case .unclean: return packet.isUnclean
        }
    }
}
