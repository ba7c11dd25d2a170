import Net

/// Which flows a request means: those that agree with every field given, as the options of `conntrack -L` mean them. What names no
/// direction is of the original one.
public struct FlowFilter: Hashable, Sendable, Codable {
    public var `protocol`: IPProtocol?
    public var source: IPv4Prefix?
    public var destination: IPv4Prefix?
    public var sourcePort: UInt16?
    public var destinationPort: UInt16?
    /// The reply direction, which shows what NAT made of the flow.
    public var replySource: IPv4Prefix?
    public var replyDestination: IPv4Prefix?
    public var replySourcePort: UInt16?
    public var replyDestinationPort: UInt16?
    public var icmpType: UInt8?
    public var icmpCode: UInt8?
    public var icmpID: UInt16?
    /// The protocol's state in upper case, such as ESTABLISHED.
    public var state: String?
    /// Words of `--status`, each of which must be true of the flow: SEEN_REPLY, ASSURED, SRC_NAT …, UNREPLIED, UNSET.
    public var status: [String]?
    public var mark: UInt32?
    /// Bits of the mark that count; nil for all.
    public var markMask: UInt32?
    /// A zone that either direction is in.
    public var zone: UInt16?
    public var originalZone: UInt16?
    public var replyZone: UInt16?
    /// A label, 0 to 127.
    public var label: UInt8?
    public var helper: String?
    /// Source, destination, or with both either one was translated (`-n`, `-g`, `-j`), and what to: addresses of the reply.
    public var isSourceTranslated: Bool?
    public var isDestinationTranslated: Bool?
    public var isTranslated: Bool?

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
            && (mark == nil || flow.mark & (markMask ?? .max) == mark)
            && (zone == nil || zone == flow.zone || zone == 0 && flow.zoneSide != .both)
            && matchesRest(flow)
    }

    private func matchesRest(_ flow: FlowRow) -> Bool {
        (replySourcePort == nil || replySourcePort == flow.reply.sourcePort)
            && (replyDestinationPort == nil || replyDestinationPort == flow.reply.destinationPort)
            && (icmpType == nil || icmpType == flow.original.icmp?.type)
            && (icmpCode == nil || icmpCode == flow.original.icmp?.code)
            && (icmpID == nil || icmpID == flow.original.icmp?.id)
            && (originalZone == nil || originalZone == (flow.zoneSide == .reply ? 0 : flow.zone))
            && (replyZone == nil || replyZone == (flow.zoneSide == .original ? 0 : flow.zone))
            && (label.map { flow.labels.contains($0) } ?? true)
            && (helper == nil || helper == flow.helper)
            && (status ?? []).allSatisfy { has($0, flow) }
            && (isSourceTranslated != true || has("SRC_NAT", flow))
            && (isDestinationTranslated != true || has("DST_NAT", flow))
            && (isTranslated != true || has("SRC_NAT", flow) || has("DST_NAT", flow))
    }

    private func has(_ word: String, _ flow: FlowRow) -> Bool {
        switch word {
        case "UNREPLIED": !flow.isReplySeen
        // As conntrack has it: neither answered nor assured.
        case "UNSET": !flow.isReplySeen && !flow.isAssured
        default: flow.status?.contains(word) ?? false
        }
    }
}
