/// What an iptables command printed and ended with.
public struct CommandReply: Hashable, Sendable, Codable {
    /// For standard output.
    public var output: String
    /// For standard error.
    public var errors: String
    /// As iptables has it: 0 done, 1 other, 2 usage, 3 version, 4 resource.
    public var exitCode: Int32

    public init(output: String, errors: String, exitCode: Int32) {
        self.output = output
        self.errors = errors
        self.exitCode = exitCode
    }
}

/// Nothing was done yet: the rules name hosts that only the client may look up. It sends the request again with their addresses.
public struct HostsWanted: Hashable, Sendable, Codable {
    public var names: [String]

    public init(names: [String]) { self.names = names }
}
