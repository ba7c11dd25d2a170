import Dataplane
import Net
import Rules

extension RuleCompiler {
    /// Where a NAT target leads; nil if it is none.
    func natRange(_ target: Target) -> Dataplane.NATRange? {
        switch target {
        case .snat(let snat): Dataplane.NATRange(snat.range)
        case .dnat(let dnat): Dataplane.NATRange(dnat.range)
        case .masquerade(let masquerade): Dataplane.NATRange(masquerade.range, .masquerade)
        case .redirect(let redirect): Dataplane.NATRange(redirect.range, .redirect)
        case .netmap(let netmap):
            Dataplane.NATRange(options: .network, first: netmap.network.address, last: netmap.network.mask)
        default: nil
        }
    }
}

extension Dataplane.NATRange {
    fileprivate init(_ range: Rules.NATRange, _ more: Options = []) {
        var options = more
        if range.addresses != nil { options.insert(.addresses) }
        if range.ports != nil { options.insert(.ports) }
        if range.basePort != nil { options.insert(.shifted) }
        if range.isRandom { options.insert(.random) }
        if range.isFullyRandom { options.insert(.fullyRandom) }
        if range.isPersistent { options.insert(.persistent) }
        self.init(
            options: options, first: range.addresses?.lowerBound ?? .any, last: range.addresses?.upperBound ?? .any,
            firstPort: range.ports?.lowerBound ?? 0, lastPort: range.ports?.upperBound ?? 0,
            basePort: range.basePort ?? 0)
    }
}

extension Ruleset {
    /// Whether a rule translates addresses. A nat table alone tracks nothing in the kernel: its targets do that when they are
    /// loaded (xt_nat_checkentry in net/netfilter/xt_nat.c), and without a tracked flow its chains are never met.
    var hasTranslatingRule: Bool {
        tables.contains { table in
            table.chains.contains { chain in
                chain.rules.contains { rule in
                    switch rule.target {
                    case .dnat, .snat, .masquerade, .redirect, .netmap: true
                    default: false
                    }
                }
            }
        }
    }
}
