/// A call of iptables, iptables-restore or iptables-save: one request is one transaction, read, changed and put in force without
/// another change between.
public struct IPTablesRequest: Hashable, Sendable, Codable {
    /// What was called, whatever the link was named.
    public enum Program: String, Hashable, Sendable, Codable, CaseIterable {
        case iptables
        case restore = "iptables-restore"
        case save = "iptables-save"
    }

    public var program: Program
    /// Without the program's own name. The daemon opens no file they name.
    public var arguments: [String]
    /// The text that iptables-restore is given; nil otherwise.
    public var input: String?
    /// What the client's resolver says of the host names in the rules; nil or without a name until the daemon asks for it.
    public var hosts: [String: HostAnswer]?

    public init(
        program: Program, arguments: [String], input: String? = nil, hosts: [String: HostAnswer]? = nil
    ) {
        self.program = program
        self.arguments = arguments
        self.input = input
        self.hosts = hosts
    }
}

/// What a resolver says of a host's name.
public struct HostAnswer: Hashable, Sendable, Codable {
    /// In dotted notation, in the resolver's order.
    public var addresses: [String]
    /// Why there are none.
    public var failure: String?

    public init(addresses: [String] = [], failure: String? = nil) {
        self.addresses = addresses
        self.failure = failure
    }
}
