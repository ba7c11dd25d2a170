/// A timeout of connection tracking, by the name the configuration gives it: netfilter's, without its prefix.
public enum ConntrackTimeout: String, Sendable, CaseIterable {
    case tcpSynSent = "tcp-syn-sent"
    case tcpSynRecv = "tcp-syn-recv"
    case tcpEstablished = "tcp-established"
    case tcpFinWait = "tcp-fin-wait"
    case tcpCloseWait = "tcp-close-wait"
    case tcpLastAck = "tcp-last-ack"
    case tcpTimeWait = "tcp-time-wait"
    case tcpClose = "tcp-close"
    case tcpSynSent2 = "tcp-syn-sent2"
    case tcpMaxRetrans = "tcp-max-retrans"
    case tcpUnacknowledged = "tcp-unacknowledged"
    case udp
    case udpStream = "udp-stream"
    case icmp
    case generic
    case sctpClosed = "sctp-closed"
    case sctpCookieWait = "sctp-cookie-wait"
    case sctpCookieEchoed = "sctp-cookie-echoed"
    case sctpEstablished = "sctp-established"
    case sctpShutdownSent = "sctp-shutdown-sent"
    case sctpShutdownRecd = "sctp-shutdown-recd"
    case sctpShutdownAckSent = "sctp-shutdown-ack-sent"
    case sctpHeartbeatSent = "sctp-heartbeat-sent"
    case dccpRequest = "dccp-request"
    case dccpRespond = "dccp-respond"
    case dccpPartOpen = "dccp-partopen"
    case dccpOpen = "dccp-open"
    case dccpCloseReq = "dccp-closereq"
    case dccpClosing = "dccp-closing"
    case dccpTimeWait = "dccp-timewait"
    case gre
    case greStream = "gre-stream"
    case frag

    /// Netfilter's default in seconds: the tables of net/netfilter/nf_conntrack_proto_*.c, and ipfrag_time.
    public var defaultSeconds: UInt32 {
        switch self {
        case .tcpSynSent, .tcpSynSent2: 120
        case .tcpSynRecv: 60
        case .tcpEstablished: 432_000
        case .tcpFinWait, .tcpTimeWait: 120
        case .tcpCloseWait: 60
        case .tcpLastAck: 30
        case .tcpClose: 10
        case .tcpMaxRetrans, .tcpUnacknowledged: 300
        case .udp: 30
        case .udpStream: 120
        case .icmp: 30
        case .generic: 600
        case .sctpClosed: 10
        case .sctpCookieWait, .sctpCookieEchoed: 3
        case .sctpEstablished: 210
        case .sctpShutdownSent, .sctpShutdownRecd, .sctpShutdownAckSent: 3
        case .sctpHeartbeatSent: 30
        case .dccpRequest: 240
        case .dccpRespond, .dccpPartOpen: 480
        case .dccpOpen: 43_200
        case .dccpCloseReq, .dccpClosing: 64
        case .dccpTimeWait: 240
        case .gre: 30
        case .greStream: 180
        case .frag: 30
        }
    }
}

/// All timeouts of connection tracking, in seconds.
public struct ConntrackTimeouts: Hashable, Sendable {
    /// Longest timeout that may be set, about 24 days: what the kernel's sysctl takes at 1,000 ticks a second.
    public static let limit: UInt32 = 2_147_483

    private var changed: [ConntrackTimeout: UInt32] = [:]

    /// Netfilter's defaults.
    public init() {}

    public subscript(timeout: ConntrackTimeout) -> UInt32 {
        get { changed[timeout] ?? timeout.defaultSeconds }
        set { changed[timeout] = newValue == timeout.defaultSeconds ? nil : newValue }
    }
}
