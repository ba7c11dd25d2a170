/// The protocol number of an IPv4 header (IANA, Assigned Internet Protocol Numbers).
public struct IPProtocol: RawRepresentable, Hashable, Sendable, Codable {
    public var rawValue: UInt8

    @inline(__always)
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let icmp = IPProtocol(rawValue: 1)
    public static let igmp = IPProtocol(rawValue: 2)
    public static let tcp = IPProtocol(rawValue: 6)
    public static let udp = IPProtocol(rawValue: 17)
    public static let dccp = IPProtocol(rawValue: 33)
    public static let gre = IPProtocol(rawValue: 47)
    public static let esp = IPProtocol(rawValue: 50)
    public static let ah = IPProtocol(rawValue: 51)
    public static let sctp = IPProtocol(rawValue: 132)
    public static let udpLite = IPProtocol(rawValue: 136)
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
