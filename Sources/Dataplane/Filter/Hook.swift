/// The five points on a packet's way at which rules are asked (enum nf_inet_hooks).
///
/// ```
/// in ─► PREROUTING ─► route ─┬─► FORWARD ─────────┬─► POSTROUTING ─► out
///                            └─► INPUT ─► host ─► OUTPUT ─┘
/// ```
public enum Hook: UInt8, Sendable, CaseIterable {
    case prerouting, input, forward, output, postrouting
}

/// The tables, in the order in which a hook asks them.
public enum RuleTable: UInt8, Sendable, CaseIterable {
    case raw, mangle, nat, filter
}
