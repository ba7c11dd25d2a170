/// A setting of connection tracking that can be changed while the router runs, or a timeout of a policy.
public struct SettingRow: Hashable, Sendable, Codable {
    /// Netfilter's sysctl, or for a policy nfct's name of the state.
    public var name: String
    /// Seconds, for a timeout.
    public var value: Int
    /// What the kernel has unless told otherwise; nil for a policy.
    public var usual: Int?
    /// Changed by command since the configuration was read last.
    public var isSet: Bool
    /// Whether it is a timeout.
    public var isTimeout: Bool
    /// The policy that it belongs to, and the protocol that this is for.
    public var policy: String?
    public var layer4: String?

    public init(
        name: String, value: Int, usual: Int? = nil, isSet: Bool = false, isTimeout: Bool, policy: String? = nil, layer4: String? = nil
    ) {
        self.name = name
        self.value = value
        self.usual = usual
        self.isSet = isSet
        self.isTimeout = isTimeout
        self.policy = policy
        self.layer4 = layer4
    }
}

/// Arguments of `set`.
public struct SettingChange: Hashable, Sendable, Codable {
    public var name: String
    public var value: String

    public init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}
