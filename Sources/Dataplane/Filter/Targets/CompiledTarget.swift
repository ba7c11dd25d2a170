/// What a rule does with a packet that it matches. Extensions that belong together share a case, and a file with their
/// meaning.
public enum CompiledTarget: Sendable, Equatable {
    /// No target: only counts.
    case next
    case accept
    case drop
    /// Back to the calling chain; in a built-in chain, its policy.
    case `return`
    /// On to the rule with this number, and back here after it.
    case jump(UInt32)
    /// On to the rule with this number, and back to where the present chain was called from.
    case goto(UInt32)
    /// A built-in chain's policy.
    case policyAccept
    case policyDrop
    case reject(RejectKind)
    case synproxy(SynproxyRule)
    /// SNAT, DNAT, MASQUERADE or REDIRECT to a range, by its number.
    case translate(UInt32)
    /// Changes the packet's bytes: TOS, DSCP, TTL, ...
    case header(HeaderTarget)
    /// Changes what is known of the packet or of its flow: MARK, CONNMARK, CT, ...
    case flow(FlowTarget)
    /// Sends something besides: TEE, MIRROR.
    case copy(CopyTarget)
    /// Tells someone: LOG, NFLOG, ...
    case report(ReportTarget)
    /// Changes state that rules share: RATEEST.
    case memory(MemoryTarget)
    /// Changes or reads sets.
    case set(SetAction)
}

/// What a target that is no plain verdict says afterwards.
enum TargetOutcome {
    /// On to the next rule (XT_CONTINUE).
    case next
    case accept
    case drop(DropReason)
}

/// REJECT's answers (enum ipt_reject_with), each with its ICMP code but for the reset.
public enum RejectKind: UInt8, Sendable, Equatable {
    case networkUnreachable = 0
    case hostUnreachable = 1
    case protocolUnreachable = 2
    case portUnreachable = 3
    case networkProhibited = 9
    case hostProhibited = 10
    case administrativelyProhibited = 13
    case tcpReset = 255
}
