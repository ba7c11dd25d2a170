import Net

/// A flow that a helper has announced, with everything /proc/net/nf_conntrack_expect and `conntrack -L expect` say of one.
public struct ExpectationRow: Hashable, Sendable, Codable {
    public var `protocol`: IPProtocol
    /// Seconds until it is given up.
    public var timeout: UInt32
    /// Of the expected flow's first packet. A source of zero under a mask of zero is any.
    public var source: IPv4Address
    public var destination: IPv4Address
    public var sourcePort: UInt16
    public var destinationPort: UInt16
    public var sourceMask: IPv4Address
    public var sourcePortMask: UInt16
    public var zone: UInt16
    /// The flow in which it was announced, in its original direction.
    public var masterSource: IPv4Address
    public var masterDestination: IPv4Address
    public var masterProtocol: IPProtocol
    public var masterSourcePort: UInt16
    public var masterDestinationPort: UInt16
    public var expectationClass: UInt8
    public var isPermanent: Bool
    public var isInactive: Bool
    /// The name of the helper that read the announcement.
    public var helper: String?

    public init(
        protocol: IPProtocol, timeout: UInt32, source: IPv4Address, destination: IPv4Address, sourcePort: UInt16,
        destinationPort: UInt16, sourceMask: IPv4Address, sourcePortMask: UInt16, zone: UInt16, masterSource: IPv4Address,
        masterDestination: IPv4Address, masterProtocol: IPProtocol, masterSourcePort: UInt16, masterDestinationPort: UInt16,
        expectationClass: UInt8 = 0, isPermanent: Bool = false, isInactive: Bool = false, helper: String?
    ) {
        self.protocol = `protocol`
        self.timeout = timeout
        self.source = source
        self.destination = destination
        self.sourcePort = sourcePort
        self.destinationPort = destinationPort
        self.sourceMask = sourceMask
        self.sourcePortMask = sourcePortMask
        self.zone = zone
        self.masterSource = masterSource
        self.masterDestination = masterDestination
        self.masterProtocol = masterProtocol
        self.masterSourcePort = masterSourcePort
        self.masterDestinationPort = masterDestinationPort
        self.expectationClass = expectationClass
        self.isPermanent = isPermanent
        self.isInactive = isInactive
        self.helper = helper
    }

    /// A line of /proc/net/nf_conntrack_expect (exp_seq_show in net/netfilter/nf_conntrack_expect.c), without the newline.
    public var procText: String {
        var flags: [String] = []
        if isPermanent { flags.append("PERMANENT") }
        if isInactive { flags.append("INACTIVE") }
        let what = [flags.joined(separator: ","), helper ?? ""].filter { !$0.isEmpty }.joined(separator: " ")
        return "\(timeout) l3proto = 2 proto=\(`protocol`.rawValue) src=\(source) dst=\(destination) "
            + "sport=\(sourcePort) dport=\(destinationPort) \(what)"
    }
}

/// A helper, and what it is doing.
public struct HelperRow: Hashable, Sendable, Codable {
    public var name: String
    public var `protocol`: IPProtocol
    /// The ports that the configuration assigns to it; rules assign it besides.
    public var ports: [UInt16]
    /// Flows that it reads along with.
    public var flows: Int
    /// Flows that it has announced and that have not come yet.
    public var expectations: Int
    /// The most of them for one flow.
    public var limit: Int
    /// How long one waits, in seconds.
    public var timeout: UInt32

    public init(
        name: String, protocol: IPProtocol, ports: [UInt16], flows: Int, expectations: Int, limit: Int, timeout: UInt32
    ) {
        self.name = name
        self.protocol = `protocol`
        self.ports = ports
        self.flows = flows
        self.expectations = expectations
        self.limit = limit
        self.timeout = timeout
    }
}
