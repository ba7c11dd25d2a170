/// The states of a tracked TCP connection, in netfilter's order and names (enum tcp_conntrack).
public enum TCPState: UInt8, Sendable, CaseIterable {
    case none, synSent, synReceived, established, finWait, closeWait, lastAck, timeWait, close, synSent2

    /// One side at least has said that it is leaving.
    @inline(__always)
    var isClosing: Bool {
        switch self {
        case .finWait, .closeWait, .lastAck, .timeWait, .close: true
        default: false
        }
    }

    /// As /proc/net/nf_conntrack prints it.
    public var name: String {
        switch self {
        case .none: "NONE"
        case .synSent: "SYN_SENT"
        case .synReceived: "SYN_RECV"
        case .established: "ESTABLISHED"
        case .finWait: "FIN_WAIT"
        case .closeWait: "CLOSE_WAIT"
        case .lastAck: "LAST_ACK"
        case .timeWait: "TIME_WAIT"
        case .close: "CLOSE"
        case .synSent2: "SYN_SENT2"
        }
    }
}

/// What a segment is to the state machine: its SYN, ACK, FIN and RST bits boiled down to one of six.
enum TCPSegmentKind: UInt8, Sendable {
    case syn, synAck, fin, ack, rst, none

    @inline(__always)
    init(_ flags: TCPFlags) {
        if flags.contains(.rst) {
            self = .rst
        } else if flags.contains(.syn) {
            self = flags.contains(.ack) ? .synAck : .syn
        } else if flags.contains(.fin) {
            self = .fin
        } else if flags.contains(.ack) {
            self = .ack
        } else {
            self = .none
        }
    }
}

/// Where a segment takes a connection: into a state, nowhere, or out of the question.
enum TCPTransition: UInt8, Sendable {
    case none, synSent, synReceived, established, finWait, closeWait, lastAck, timeWait, close, synSent2
    /// The segment may be right while we are not; it passes and changes nothing.
    case ignore
    case invalid

    @inline(__always)
    var state: TCPState? { TCPState(rawValue: rawValue) }

    /// netfilter's table (tcp_conntracks in net/netfilter/nf_conntrack_proto_tcp.c): a row for direction and kind of segment, a
    /// column for each state the connection may be in. The columns are
    /// NONE, SYN_SENT, SYN_RECV, ESTABLISHED, FIN_WAIT, CLOSE_WAIT, LAST_ACK, TIME_WAIT, CLOSE, SYN_SENT2.
    @inline(__always)
    static func next(_ direction: Direction, _ kind: TCPSegmentKind, from state: TCPState) -> TCPTransition {
        row(kind, direction)[Int(state.rawValue)]
    }

    private typealias Row = InlineArray<10, TCPTransition>

    @inline(__always)
    private static func row(_ kind: TCPSegmentKind, _ direction: Direction) -> Row {
        switch (direction, kind) {
        // A SYN opens a connection, again after its end, and is let by wherever it may be a sender's fresh try.
        case (.original, .syn):
            [
                .synSent, .synSent, .ignore, .ignore, .ignore, .ignore, .ignore, .synSent, .synSent, .synSent2,
            ]
        // The client answers with SYN-ACK only in a simultaneous open.
        case (.original, .synAck):
            [
                .invalid, .invalid, .synReceived, .invalid, .invalid, .invalid, .invalid, .invalid, .invalid,
                .synReceived,
            ]
        // The first FIN begins FIN_WAIT, the second LAST_ACK; later ones are retransmissions.
        case (_, .fin):
            [
                .invalid, .invalid, .finWait, .finWait, .lastAck, .lastAck, .lastAck, .timeWait, .close, .invalid,
            ]
        // ACK completes the handshake, acknowledges a FIN, ends the last ACK; with no history it picks a connection up.
        case (.original, .ack):
            [
                .established, .invalid, .established, .established, .closeWait, .closeWait, .timeWait, .timeWait,
                .close, .invalid,
            ]
        // RST closes whatever there is.
        case (_, .rst):
            [.invalid, .close, .close, .close, .close, .close, .close, .close, .close, .close]
        // Without SYN, ACK, FIN or RST there is no such segment.
        case (_, .none):
            [
                .invalid, .invalid, .invalid, .invalid, .invalid, .invalid, .invalid, .invalid, .invalid, .invalid,
            ]
        // The server's SYN is a simultaneous open, or reopens what was in TIME_WAIT.
        case (.reply, .syn):
            [
                .invalid, .synSent2, .invalid, .invalid, .invalid, .invalid, .invalid, .synSent, .invalid, .synSent2,
            ]
        // SYN-ACK answers; later ones may be delayed and say nothing.
        case (.reply, .synAck):
            [
                .invalid, .synReceived, .ignore, .ignore, .ignore, .ignore, .ignore, .ignore, .ignore, .synReceived,
            ]
        // An ACK to a SYN may be a challenge (RFC 5961) or belong to an older connection.
        case (.reply, .ack):
            [
                .invalid, .ignore, .synReceived, .established, .closeWait, .closeWait, .timeWait, .timeWait, .close,
                .ignore,
            ]
        }
    }
}
