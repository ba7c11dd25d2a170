import Dataplane
import Net
import Rules

extension RuleCompiler {
    /// `-j CT` with what it says of timeouts and events beside the zone (xt_ct_tg_check in net/netfilter/xt_CT.c).
    mutating func track(_ ct: CTTarget, _ refuse: (String) -> Refusal) throws(Refusal) -> FlowTarget {
        let target = FlowTarget(ct, helper: try helper(of: ct, refuse))
        guard case .track(var template) = target else { return target }
        if let name = ct.timeoutPolicy, let policies = surroundings.policies {
            guard let policy = policies[name] else {
                let hint = suggestion(for: name, among: Array(policies.keys)).map { "; did you mean \"\($0)\"?" }
                    ?? "; conntrack.policies in the configuration defines them"
                throw refuse("CT: no timeout policy is called \"\(name)\"\(hint)")
            }
            template.policy = policy.number
        }
        // Whoever names events of one kind is told of no others, of the other kind neither.
        if !ct.events.isEmpty || ct.announcesExpectations {
            template.events = FlowEvents(rawValue: UInt16(truncatingIfNeeded: ct.events.rawValue))
            if ct.announcesExpectations { template.events.insert(.expectation) }
        }
        return .track(template)
    }

    /// The kernel takes a policy only in a rule for the policy's own protocol (nf_ct_set_timeout in net/netfilter/nf_conntrack_timeout.c).
    func checkPolicy(_ rule: Rule, _ refuse: (String) -> Refusal) throws(Refusal) {
        guard case .ct(let ct) = rule.target, let name = ct.timeoutPolicy, !ct.isUntracked else { return }
        guard let ipProtocol = rule.ipProtocol, !ipProtocol.isNegated else {
            throw refuse("CT: --timeout needs -p with a protocol")
        }
        guard let policy = surroundings.policies?[name] else { return }
        if let own = policy.ipProtocol {
            guard own == ipProtocol.value else { throw refuse("CT: timeout policy \"\(name)\" is for \(own)") }
        } else if TimeoutPolicyConfiguration.Layer4.allCases.contains(where: { $0.ipProtocol == ipProtocol.value }) {
            throw refuse("CT: timeout policy \"\(name)\" is generic, for protocols that have no timeouts of their own")
        }
    }
}
