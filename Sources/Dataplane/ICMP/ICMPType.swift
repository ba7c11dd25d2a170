/// ICMP message types (RFC 792, RFC 950, RFC 1256).
public enum ICMPType {
    public static let echoReply: UInt8 = 0
    public static let destinationUnreachable: UInt8 = 3
    public static let sourceQuench: UInt8 = 4
    public static let redirect: UInt8 = 5
    public static let echoRequest: UInt8 = 8
    public static let timeExceeded: UInt8 = 11
    public static let parameterProblem: UInt8 = 12
    public static let timestampRequest: UInt8 = 13
    public static let timestampReply: UInt8 = 14
    public static let informationRequest: UInt8 = 15
    public static let informationReply: UInt8 = 16
    public static let addressMaskRequest: UInt8 = 17
    public static let addressMaskReply: UInt8 = 18
    /// The highest type that Linux knows (NR_ICMP_TYPES).
    public static let highest: UInt8 = 18

    /// Whether a message carries the head of the packet that caused it (RFC 1122, 3.2.2).
    @inline(__always)
    public static func isError(_ type: UInt8) -> Bool {
        switch type {
        case destinationUnreachable, sourceQuench, redirect, timeExceeded, parameterProblem: true
        default: false
        }
    }

    /// Whether an error may be about a message: Linux takes types that it does not know for errors too (icmp_pointers).
    @inline(__always)
    public static func mayCauseErrors(_ type: UInt8) -> Bool {
        switch type {
        case echoReply, echoRequest, timestampRequest...addressMaskReply: true
        default: false
        }
    }

    /// Whether a message asks for an answer and so may begin a flow.
    @inline(__always)
    public static func isQuery(_ type: UInt8) -> Bool {
        switch type {
        case echoRequest, timestampRequest, informationRequest, addressMaskRequest: true
        default: false
        }
    }

    /// The type of the other message of a query's pair (invmap in net/netfilter/nf_conntrack_proto_icmp.c).
    @inline(__always)
    public static func answer(to type: UInt8) -> UInt8? {
        switch type {
        case echoRequest: echoReply
        case echoReply: echoRequest
        case timestampRequest: timestampReply
        case timestampReply: timestampRequest
        case informationRequest: informationReply
        case informationReply: informationRequest
        case addressMaskRequest: addressMaskReply
        case addressMaskReply: addressMaskRequest
        default: nil
        }
    }
}
