/// Matches that ask what is known around a packet: its mark, its frame, the links and routes, the time of day.
public enum SurroundingsMatch: Sendable {
    case mark(MaskedValueTest)
}

extension Worker {
    @inline(__always)
    mutating func matches(_ match: SurroundingsMatch, _ packet: Packet, _ hook: Hook) -> Bool {
        switch match {
        case .mark(let test): return test.matches(packet.mark)
        }
    }
}
