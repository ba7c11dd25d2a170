/// A condition of a rule beyond the generic ones, as `-m` names it.
public enum Match: Hashable, Sendable {
    case addrtype(AddrtypeMatch)
    case ah(AHMatch)
    case bpf(BPFMatch)
    case cluster(ClusterMatch)
    case comment(CommentMatch)
    case connbytes(ConnbytesMatch)
    case connlabel(ConnlabelMatch)
    case connlimit(ConnlimitMatch)
    case connmark(ConnmarkMatch)
    case conntrack(ConntrackMatch)
    case cpu(CPUMatch)
    case dccp(DCCPMatch)
    case devgroup(DevgroupMatch)
    case dscp(DSCPMatch)
    case ecn(ECNMatch)
    case esp(ESPMatch)
    case hashlimit(HashlimitMatch)
    case helper(HelperMatch)
    case icmp(ICMPMatch)
    case ipcomp(IPCompMatch)
    case iprange(IPRangeMatch)
    case length(LengthMatch)
    case limit(LimitMatch)
    case mac(MACMatch)
    case mark(MarkMatch)
    case multiport(MultiportMatch)
    case owner(OwnerMatch)
    case pkttype(PkttypeMatch)
    case policy(PolicyMatch)
    case quota(QuotaMatch)
    case rateest(RateestMatch)
    case realm(RealmMatch)
    case recent(RecentMatch)
    case rpfilter(RpfilterMatch)
    case sctp(SCTPMatch)
    case set(SetMatch)
    case socket(SocketMatch)
    case state(StateMatch)
    case statistic(StatisticMatch)
    case string(StringMatch)
    case tcp(TCPMatch)
    case tcpmss(TCPMSSMatch)
    case time(TimeMatch)
    case tos(TOSMatch)
    case ttl(TTLMatch)
    case u32(U32Match)
    case udp(UDPMatch)
    case udplite(UDPLiteMatch)
    case unclean(UncleanMatch)

    /// The match behind the case.
    public var value: any MatchExtension {
        switch self {
        case .addrtype(let value): value
        case .ah(let value): value
        case .bpf(let value): value
        case .cluster(let value): value
        case .comment(let value): value
        case .connbytes(let value): value
        case .connlabel(let value): value
        case .connlimit(let value): value
        case .connmark(let value): value
        case .conntrack(let value): value
        case .cpu(let value): value
        case .dccp(let value): value
        case .devgroup(let value): value
        case .dscp(let value): value
        case .ecn(let value): value
        case .esp(let value): value
        case .hashlimit(let value): value
        case .helper(let value): value
        case .icmp(let value): value
        case .ipcomp(let value): value
        case .iprange(let value): value
        case .length(let value): value
        case .limit(let value): value
        case .mac(let value): value
        case .mark(let value): value
        case .multiport(let value): value
        case .owner(let value): value
        case .pkttype(let value): value
        case .policy(let value): value
        case .quota(let value): value
        case .rateest(let value): value
        case .realm(let value): value
        case .recent(let value): value
        case .rpfilter(let value): value
        case .sctp(let value): value
        case .set(let value): value
        case .socket(let value): value
        case .state(let value): value
        case .statistic(let value): value
        case .string(let value): value
        case .tcp(let value): value
        case .tcpmss(let value): value
        case .time(let value): value
        case .tos(let value): value
        case .ttl(let value): value
        case .u32(let value): value
        case .udp(let value): value
        case .udplite(let value): value
        case .unclean(let value): value
        }
    }

    public var description: ExtensionDescription { type(of: value).description }
    /// Whether the answer is the same for every packet of a flow's direction at one hook.
    public var isFlowInvariant: Bool { value.isFlowInvariant }
}
