import Dataplane

extension ConfigurationParser {
    /// The timeouts of a preset, or the kernel's, with those that are named.
    func timeouts(_ node: ConfigurationNode) -> ConntrackTimeouts {
        let section = node.section(["preset"] + ConntrackTimeout.allCases.map(\.rawValue))
        var timeouts = (section["preset"]?.choice(TimeoutPreset.self) ?? .kernel).timeouts
        for timeout in ConntrackTimeout.allCases {
            guard let seconds = section[timeout.rawValue]?.integer(0...Int(ConntrackTimeouts.limit)) else { continue }
            timeouts[timeout] = UInt32(seconds)
        }
        return timeouts
    }

    /// `policies: {NAME: {l4proto: tcp, established: 100}}`.
    func policies(_ node: ConfigurationNode) -> [TimeoutPolicyConfiguration] {
        var policies: [TimeoutPolicyConfiguration] = []
        for (name, _, node) in node.entries() {
            // CTNL_TIMEOUT_NAME_MAX with its final zero.
            if !(1...31).contains(name.utf8.count) { node.report("the name of a timeout policy has 1 to 31 bytes") }
            guard let word = node.entries(required: true).first(where: { $0.key == "l4proto" })?.value else {
                node.report("l4proto is missing: one of \(TimeoutPolicyConfiguration.Layer4.allCases.map(\.rawValue).joined(separator: ", "))")
                continue
            }
            guard let layer4 = word.choice(TimeoutPolicyConfiguration.Layer4.self) else { continue }
            var policy = TimeoutPolicyConfiguration(name: name, layer4: layer4)
            let section = node.section(["l4proto"] + layer4.states.map(\.key))
            for (state, _) in layer4.states {
                guard let seconds = section[state]?.integer(1...Int(ConntrackTimeouts.limit)) else { continue }
                policy.seconds[state] = UInt32(seconds)
            }
            policies.append(policy)
        }
        if policies.count > TimeoutPolicies.limit { node.report("there are at most \(TimeoutPolicies.limit) timeout policies") }
        return policies
    }
}
