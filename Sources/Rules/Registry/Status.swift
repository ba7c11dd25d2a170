extension ExtensionDescription.Status {
    /// Comes with the issue "The whole iptables language, exactly".
    static let awaitsLanguage = Self.inactive(awaiting: "the whole iptables language")
    /// Comes with the tracking issue: NAT options, helpers, timeouts.
    static let awaitsTracking = Self.inactive(awaiting: "connection tracking and NAT in full")
    /// Comes with the appliance issue.
    static let awaitsAppliance = Self.inactive(awaiting: "the appliance")
    /// Comes with the speed issue.
    static let awaitsSpeed = Self.inactive(awaiting: "flow offload")
    /// Comes with the operation issue.
    static let awaitsOperation = Self.inactive(awaiting: "operation: tracing")
}
