/// How long flows live without a packet, in nanoseconds, by netfilter's names; defaults are the kernel's
/// (Documentation/networking/nf_conntrack-sysctl.rst).
public struct TCPTimeouts: Sendable, Equatable {
    static let second: UInt64 = 1_000_000_000

    public var synSent = 120 * second
    public var synReceived = 60 * second
    public var established = 432_000 * second
    public var finWait = 120 * second
    public var closeWait = 60 * second
    public var lastAck = 30 * second
    public var timeWait = 120 * second
    public var close = 10 * second
    public var synSent2 = 120 * second
    /// nf_conntrack_tcp_timeout_max_retrans.
    public var retransmission = 300 * second
    /// nf_conntrack_tcp_timeout_unacknowledged.
    public var unacknowledged = 300 * second

    public init() {}

    @inline(__always)
    subscript(_ state: TCPState) -> UInt64 {
        switch state {
        case .none, .synSent: synSent
        case .synReceived: synReceived
        case .established: established
        case .finWait: finWait
        case .closeWait: closeWait
        case .lastAck: lastAck
        case .timeWait: timeWait
        case .close: close
        case .synSent2: synSent2
        }
    }
}

/// How TCP is tracked.
public struct TCPSettings: Sendable, Equatable {
    public var timeouts = TCPTimeouts()
    /// nf_conntrack_tcp_loose: connections may be picked up midway.
    public var loose = true
    /// nf_conntrack_tcp_be_liberal: only resets out of the window are invalid.
    public var liberal = false
    /// nf_conntrack_tcp_ignore_invalid_rst.
    public var ignoresInvalidReset = false
    /// nf_conntrack_tcp_max_retrans.
    public var maximumRetransmissions: UInt8 = 3

    public init() {}
}

/// How flows are tracked.
public struct TrackingSettings: Sendable, Equatable {
    public var tcp = TCPSettings()
    public var udp = 30 * TCPTimeouts.second
    public var udpStream = 120 * TCPTimeouts.second
    public var icmp = 30 * TCPTimeouts.second
    public var sctp = SCTPTimeouts()
    public var gre = 30 * TCPTimeouts.second
    public var greStream = 180 * TCPTimeouts.second
    public var generic = 600 * TCPTimeouts.second
    /// How long fragments wait for the rest of their datagram (ipfrag_time).
    public var fragment = 30 * TCPTimeouts.second
    /// nf_conntrack_checksum: a wrong transport checksum makes a packet invalid.
    public var verifiesChecksums = true
    /// nf_conntrack_acct: flows that begin now show what they have carried.
    public var accounts = true
    /// nf_conntrack_timestamp: of flows that begin now it is known when.
    public var stamps = false
    /// The helpers that flows get without a rule.
    public var helpers = HelperAssignments()

    public init() {}
}
