/// The protocol number of an IPv4 header (IANA, Assigned Internet Protocol Numbers).
///
/// The numbers are computed properties, not stored ones, so that other modules see constants.
public struct IPProtocol: RawRepresentable, Hashable, Sendable, Codable {
    public var rawValue: UInt8

    @inlinable @inline(__always)
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    @inlinable @inline(__always)
    public static var icmp: IPProtocol { IPProtocol(rawValue: 1) }
    @inlinable @inline(__always)
    public static var igmp: IPProtocol { IPProtocol(rawValue: 2) }
    @inlinable @inline(__always)
    public static var tcp: IPProtocol { IPProtocol(rawValue: 6) }
    @inlinable @inline(__always)
    public static var udp: IPProtocol { IPProtocol(rawValue: 17) }
    @inlinable @inline(__always)
    public static var dccp: IPProtocol { IPProtocol(rawValue: 33) }
    @inlinable @inline(__always)
    public static var gre: IPProtocol { IPProtocol(rawValue: 47) }
    @inlinable @inline(__always)
    public static var esp: IPProtocol { IPProtocol(rawValue: 50) }
    @inlinable @inline(__always)
    public static var ah: IPProtocol { IPProtocol(rawValue: 51) }
    @inlinable @inline(__always)
    public static var sctp: IPProtocol { IPProtocol(rawValue: 132) }
    @inlinable @inline(__always)
    public static var udpLite: IPProtocol { IPProtocol(rawValue: 136) }
}

extension IPProtocol: CustomStringConvertible {
    /// The name that /proc/net/nf_conntrack prints, or the number.
    public var description: String {
        switch self {
        case .icmp: "icmp"
        case .igmp: "igmp"
        case .tcp: "tcp"
        case .udp: "udp"
        case .dccp: "dccp"
        case .gre: "gre"
        case .esp: "esp"
        case .ah: "ah"
        case .sctp: "sctp"
        case .udpLite: "udplite"
        default: String(rawValue)
        }
    }
}
