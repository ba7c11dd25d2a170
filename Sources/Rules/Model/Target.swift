/// What a rule does with a packet that meets all its conditions.
public enum Target: Hashable, Sendable {
    /// Nothing but counting.
    case none
    case accept
    case drop
    /// Back to the calling chain; the policy, in a built-in one.
    case `return`
    case jump(String)
    /// As a jump, but RETURN in the chain gone to returns past this one.
    case goto(String)

    case audit(AuditTarget)
    case checksum(ChecksumTarget)
    case classify(ClassifyTarget)
    case connmark(ConnmarkTarget)
    case ct(CTTarget)
    case dnat(DNATTarget)
    case dscp(DSCPTarget)
    case ecn(ECNTarget)
    case flowoffload(FlowOffloadTarget)
    case hmark(HMarkTarget)
    case log(LogTarget)
    case mark(MarkTarget)
    case masquerade(MasqueradeTarget)
    case mirror(MirrorTarget)
    case netmap(NetmapTarget)
    case nflog(NFLogTarget)
    case notrack(NotrackTarget)
    case rateest(RateestTarget)
    case redirect(RedirectTarget)
    case reject(RejectTarget)
    case set(SetTarget)
    case snat(SNATTarget)
    case synproxy(SynproxyTarget)
    case tcpmss(TCPMSSTarget)
    case tcpoptstrip(TCPOptStripTarget)
    case tee(TeeTarget)
    case tos(TOSTarget)
    case tproxy(TproxyTarget)
    case trace(TraceTarget)
    case ttl(TTLTarget)
    case ulog(ULogTarget)

    /// The extension behind the case, nil for verdicts, jumps and gotos.
    public var value: (any TargetExtension)? {
        switch self {
        case .none, .accept, .drop, .return, .jump, .goto: nil
        case .audit(let value): value
        case .checksum(let value): value
        case .classify(let value): value
        case .connmark(let value): value
        case .ct(let value): value
        case .dnat(let value): value
        case .dscp(let value): value
        case .ecn(let value): value
        case .flowoffload(let value): value
        case .hmark(let value): value
        case .log(let value): value
        case .mark(let value): value
        case .masquerade(let value): value
        case .mirror(let value): value
        case .netmap(let value): value
        case .nflog(let value): value
        case .notrack(let value): value
        case .rateest(let value): value
        case .redirect(let value): value
        case .reject(let value): value
        case .set(let value): value
        case .snat(let value): value
        case .synproxy(let value): value
        case .tcpmss(let value): value
        case .tcpoptstrip(let value): value
        case .tee(let value): value
        case .tos(let value): value
        case .tproxy(let value): value
        case .trace(let value): value
        case .ttl(let value): value
        case .ulog(let value): value
        }
    }

    public var description: ExtensionDescription? { value.map { type(of: $0).description } }
    /// Whether it does the same to every packet of a flow's direction.
    public var isFlowInvariant: Bool { value?.isFlowInvariant ?? true }
    /// The chain of a jump or goto.
    public var chain: String? {
        switch self {
        case .jump(let chain), .goto(let chain): chain
        default: nil
        }
    }
}
