/// The states of a tracked SCTP association, in netfilter's order and names (enum sctp_conntrack). They are those of the
/// association as seen from between its ends, not of either end.
public enum SCTPState: UInt8, Sendable, CaseIterable {
    case none, closed, cookieWait, cookieEchoed, established, shutdownSent, shutdownReceived, shutdownAckSent, heartbeatSent

    /// One side at least has said that it is leaving.
    @inline(__always)
    var isClosing: Bool { self == .shutdownSent || self == .shutdownReceived || self == .shutdownAckSent }

    /// As /proc/net/nf_conntrack prints it.
    public var name: String {
        switch self {
        case .none: "NONE"
        case .closed: "CLOSED"
        case .cookieWait: "COOKIE_WAIT"
        case .cookieEchoed: "COOKIE_ECHOED"
        case .established: "ESTABLISHED"
        case .shutdownSent: "SHUTDOWN_SENT"
        case .shutdownReceived: "SHUTDOWN_RECD"
        case .shutdownAckSent: "SHUTDOWN_ACK_SENT"
        case .heartbeatSent: "HEARTBEAT_SENT"
        }
    }
}

/// The chunks that move an association (RFC 9260, 3.2), by their types.
enum SCTPChunk {
    static let data: UInt8 = 0
    static let initiation: UInt8 = 1
    static let initiationAck: UInt8 = 2
    static let heartbeat: UInt8 = 4
    static let heartbeatAck: UInt8 = 5
    static let abort: UInt8 = 6
    static let shutdown: UInt8 = 7
    static let shutdownAck: UInt8 = 8
    static let error: UInt8 = 9
    static let cookieEcho: UInt8 = 10
    static let cookieAck: UInt8 = 11
    static let shutdownComplete: UInt8 = 14
    /// Of ABORT and SHUTDOWN COMPLETE: the verification tag is the other side's (RFC 9260, 8.5.1).
    static let tagIsReflected: UInt8 = 1
}

extension SCTPState {
    private typealias Row = InlineArray<9, SCTPState?>

    /// netfilter's table (sctp_conntracks in net/netfilter/nf_conntrack_proto_sctp.c): a row for direction and type of chunk, a column
    /// for each state the association may be in. The columns are
    /// NONE, CLOSED, COOKIE_WAIT, COOKIE_ECHOED, ESTABLISHED, SHUTDOWN_SENT, SHUTDOWN_RECD, SHUTDOWN_ACK_SENT, HEARTBEAT_SENT.
    ///
    /// - Returns: nil if the chunk may not come then. Chunks of other types (DATA, SACK …) change nothing.
    @inline(__always)
    func next(_ direction: Direction, _ chunk: UInt8) -> SCTPState? {
        guard let row = Self.row(direction, chunk) else { return self }
        return row[Int(rawValue)]
    }

    private static func row(_ direction: Direction, _ chunk: UInt8) -> Row? {
        switch (direction, chunk) {
        // INIT begins an association, also in place of one that is closing.
        case (.original, SCTPChunk.initiation):
            [.closed, .closed, .cookieWait, .cookieEchoed, .established, .closed, .closed, .shutdownAckSent, .cookieWait]
        // INIT ACK from the client answers a server's INIT; it moves nothing.
        case (.original, SCTPChunk.initiationAck):
            [.closed, .closed, .cookieWait, .cookieEchoed, .established, .shutdownSent, .shutdownReceived, .shutdownAckSent, .closed]
        // ABORT closes whatever there is.
        case (.original, SCTPChunk.abort):
            [.closed, .closed, .closed, .closed, .closed, .closed, .closed, .closed, .closed]
        // The client shuts down.
        case (.original, SCTPChunk.shutdown):
            [.closed, .closed, .cookieWait, .cookieEchoed, .shutdownSent, .shutdownSent, .shutdownReceived, .shutdownAckSent, .closed]
        // The client agrees to the server's SHUTDOWN.
        case (.original, SCTPChunk.shutdownAck):
            [
                .shutdownAckSent, .closed, .cookieWait, .cookieEchoed, .established, .shutdownAckSent, .shutdownAckSent,
                .shutdownAckSent, .shutdownAckSent,
            ]
        // ERROR: a stale cookie can only come from the server.
        case (.original, SCTPChunk.error):
            [.closed, .closed, .cookieWait, .cookieEchoed, .established, .shutdownSent, .shutdownReceived, .shutdownAckSent, .closed]
        // COOKIE ECHO is the third step of the handshake.
        case (.original, SCTPChunk.cookieEcho):
            [.closed, .closed, .cookieEchoed, .cookieEchoed, .established, .shutdownSent, .shutdownReceived, .shutdownAckSent, .closed]
        // COOKIE ACK from the client ends a handshake that the server began.
        case (.original, SCTPChunk.cookieAck):
            [.closed, .closed, .cookieWait, .established, .established, .shutdownSent, .shutdownReceived, .shutdownAckSent, .closed]
        // SHUTDOWN COMPLETE ends what SHUTDOWN ACK agreed to.
        case (.original, SCTPChunk.shutdownComplete):
            [.closed, .closed, .cookieWait, .cookieEchoed, .established, .shutdownSent, .shutdownReceived, .closed, .closed]
        // HEARTBEAT in a fresh flow: another path of an association that we do not know.
        case (.original, SCTPChunk.heartbeat):
            [
                .heartbeatSent, .closed, .cookieWait, .cookieEchoed, .established, .shutdownSent, .shutdownReceived,
                .shutdownAckSent, .heartbeatSent,
            ]
        case (.original, SCTPChunk.heartbeatAck):
            [
                .closed, .closed, .cookieWait, .cookieEchoed, .established, .shutdownSent, .shutdownReceived, .shutdownAckSent,
                .heartbeatSent,
            ]
        case (.reply, SCTPChunk.initiation):
            [nil, .closed, .cookieWait, .cookieEchoed, .established, .shutdownSent, .shutdownReceived, .shutdownAckSent, nil]
        // INIT ACK is the second step of the handshake.
        case (.reply, SCTPChunk.initiationAck):
            [nil, .cookieWait, .cookieWait, .cookieEchoed, .established, .shutdownSent, .shutdownReceived, .shutdownAckSent, nil]
        case (.reply, SCTPChunk.abort):
            [nil, .closed, .closed, .closed, .closed, .closed, .closed, .closed, nil]
        // The server shuts down.
        case (.reply, SCTPChunk.shutdown):
            [nil, .closed, .cookieWait, .cookieEchoed, .shutdownReceived, .shutdownSent, .shutdownReceived, .shutdownAckSent, nil]
        // The server agrees to the client's SHUTDOWN.
        case (.reply, SCTPChunk.shutdownAck):
            [nil, .closed, .cookieWait, .cookieEchoed, .established, .shutdownAckSent, .shutdownAckSent, .shutdownAckSent, nil]
        // ERROR: the cookie was stale.
        case (.reply, SCTPChunk.error):
            [nil, .closed, .cookieWait, .closed, .established, .shutdownSent, .shutdownReceived, .shutdownAckSent, nil]
        case (.reply, SCTPChunk.cookieEcho):
            [nil, .closed, .cookieEchoed, .cookieEchoed, .established, .shutdownSent, .shutdownReceived, .shutdownAckSent, nil]
        // COOKIE ACK ends the handshake.
        case (.reply, SCTPChunk.cookieAck):
            [nil, .closed, .cookieWait, .established, .established, .shutdownSent, .shutdownReceived, .shutdownAckSent, nil]
        case (.reply, SCTPChunk.shutdownComplete):
            [nil, .closed, .cookieWait, .cookieEchoed, .established, .shutdownSent, .shutdownReceived, .closed, nil]
        case (.reply, SCTPChunk.heartbeat):
            [
                nil, .closed, .cookieWait, .cookieEchoed, .established, .shutdownSent, .shutdownReceived, .shutdownAckSent,
                .heartbeatSent,
            ]
        // The answer to a first HEARTBEAT: the path works.
        case (.reply, SCTPChunk.heartbeatAck):
            [
                nil, .closed, .cookieWait, .cookieEchoed, .established, .shutdownSent, .shutdownReceived, .shutdownAckSent,
                .established,
            ]
        default: nil
        }
    }
}
