/// A condition of a rule beyond the generic ones, as `-m` names it.
public enum Match: Hashable, Sendable {
    case addrtype(AddrtypeMatch)
    case comment(CommentMatch)
    case conntrack(ConntrackMatch)
    case dscp(DSCPMatch)
    case icmp(ICMPMatch)
    case length(LengthMatch)
    case limit(LimitMatch)
    case mac(MACMatch)
    case mark(MarkMatch)
    case multiport(MultiportMatch)
    case state(StateMatch)
    case tcp(TCPMatch)
    case tos(TOSMatch)
    case ttl(TTLMatch)
    case udp(UDPMatch)

    /// The match behind the case.
    public var value: any MatchExtension {
        switch self {
        case .addrtype(let value): value
        case .comment(let value): value
        case .conntrack(let value): value
        case .dscp(let value): value
        case .icmp(let value): value
        case .length(let value): value
        case .limit(let value): value
        case .mac(let value): value
        case .mark(let value): value
        case .multiport(let value): value
        case .state(let value): value
        case .tcp(let value): value
        case .tos(let value): value
        case .ttl(let value): value
        case .udp(let value): value
        }
    }

    public var description: ExtensionDescription { type(of: value).description }
    /// Whether the answer is the same for every packet of a flow's direction at one hook.
    public var isFlowInvariant: Bool { value.isFlowInvariant }
}
