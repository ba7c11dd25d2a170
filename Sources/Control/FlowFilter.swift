import Net

/// Which flows a request means: those that agree with every field given. Addresses and ports are those of the original
/// direction, as the options of `conntrack -L` mean them.
public struct FlowFilter: Hashable, Sendable, Codable {
    public var `protocol`: IPProtocol?
    public var source: IPv4Prefix?
    public var destination: IPv4Prefix?
    public var sourcePort: UInt16?
    public var destinationPort: UInt16?
    /// Addresses of the reply direction, which show what NAT made of the flow.
    public var replySource: IPv4Prefix?
    public var replyDestination: IPv4Prefix?
    /// The protocol's state in upper case, such as ESTABLISHED.
    public var state: String?
    public var mark: UInt32?
    /// A zone that either direction is in.
    public var zone: UInt16?

    public init(
        protocol: IPProtocol? = nil, source: IPv4Prefix? = nil, destination: IPv4Prefix? = nil,
        sourcePort: UInt16? = nil, destinationPort: UInt16? = nil, replySource: IPv4Prefix? = nil,
        replyDestination: IPv4Prefix? = nil, state: String? = nil, mark: UInt32? = nil,
        zone: UInt16? = nil
    ) {
        self.protocol = `protocol`
        self.source = source
        self.destination = destination
        self.sourcePort = sourcePort
        self.destinationPort = destinationPort
        self.replySource = replySource
        self.replyDestination = replyDestination
        self.state = state
        self.mark = mark
        self.zone = zone
    }

    /// Names no field, and so means every flow.
    public var isEmpty: Bool { self == FlowFilter() }

    public func matches(_ flow: FlowRow) -> Bool {
        (`protocol` == nil || `protocol` == flow.protocol)
            && (source?.contains(flow.original.source) ?? true)
            && (destination?.contains(flow.original.destination) ?? true)
            && (sourcePort == nil || sourcePort == flow.original.sourcePort)
            && (destinationPort == nil || destinationPort == flow.original.destinationPort)
            && (replySource?.contains(flow.reply.source) ?? true)
            && (replyDestination?.contains(flow.reply.destination) ?? true)
            && (state == nil || state == flow.state)
            && (mark == nil || mark == flow.mark)
            && (zone == nil || zone == flow.zone || zone == 0 && flow.zoneSide != .both)
    }
}
