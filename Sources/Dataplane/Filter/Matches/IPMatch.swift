import Net

/// Matches on the IPv4 header alone, which every packet has whole.
public enum IPMatch: Sendable {
    /// Bytes of the IP packet, header included (net/netfilter/xt_length.c).
    case length(first: UInt16, last: UInt16, isNegated: Bool)
    /// net/netfilter/xt_hl.c.
    case ttl(TTLComparison, UInt8)
    /// The bits of the TOS byte under a mask; `dscp` and the congestion bits of `ecn` ask for some of them. A value with bits outside
    /// the mask is never found (net/netfilter/xt_dscp.c).
    case tos(value: UInt8, mask: UInt8, isNegated: Bool)
    /// Addresses from one to another, both included; nothing lies in a range that runs backwards (net/netfilter/xt_iprange.c).
    case source(first: UInt32, last: UInt32, isNegated: Bool)
    case destination(first: UInt32, last: UInt32, isNegated: Bool)

    public enum TTLComparison: UInt8, Sendable { case equal, notEqual, less, greater }
}

extension Packet {
    @inline(__always)
    func matches(_ match: IPMatch) -> Bool {
        switch match {
        case .length(let first, let last, let isNegated):
            return (totalLength >= Int(first) && totalLength <= Int(last)) != isNegated
        case .ttl(let comparison, let value):
            switch comparison {
            case .equal: return ttl == value
            case .notEqual: return ttl != value
            case .less: return ttl < value
            case .greater: return ttl > value
            }
        case .tos(let value, let mask, let isNegated):
            return (tos & mask == value) != isNegated
        case .source(let first, let last, let isNegated):
            return (source.rawValue >= first && source.rawValue <= last) != isNegated
        case .destination(let first, let last, let isNegated):
            return (destination.rawValue >= first && destination.rawValue <= last) != isNegated
        }
    }
}
