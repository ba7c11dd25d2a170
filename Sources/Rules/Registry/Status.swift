extension ExtensionDescription.Status {
    /// Comes with the appliance issue.
    static let awaitsAppliance = Self.inactive(awaiting: "the appliance")
    /// Comes with the speed issue.
    static let awaitsSpeed = Self.inactive(awaiting: "flow offload")
    /// Comes with the operation issue.
    static let awaitsOperation = Self.inactive(awaiting: "operation: tracing")
}
