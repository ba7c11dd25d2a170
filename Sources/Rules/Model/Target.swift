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

    case connmark(ConnmarkTarget)
    case ct(CTTarget)
    case dnat(DNATTarget)
    case log(LogTarget)
    case mark(MarkTarget)
    case masquerade(MasqueradeTarget)
    case netmap(NetmapTarget)
    case notrack(NotrackTarget)
    case redirect(RedirectTarget)
    case reject(RejectTarget)
    case snat(SNATTarget)

    /// The extension behind the case, nil for verdicts, jumps and gotos.
    public var value: (any TargetExtension)? {
        switch self {
        case .none, .accept, .drop, .return, .jump, .goto: nil
        case .connmark(let value): value
        case .ct(let value): value
        case .dnat(let value): value
        case .log(let value): value
        case .mark(let value): value
        case .masquerade(let value): value
        case .netmap(let value): value
        case .notrack(let value): value
        case .redirect(let value): value
        case .reject(let value): value
        case .snat(let value): value
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
