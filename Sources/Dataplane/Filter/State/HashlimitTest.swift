import Net

/// What a rule with `-m hashlimit` asks of its table.
public struct HashlimitTest: Sendable {
    public var table: HashlimitTable
    /// What this rule counts: of the flags only `bytes` and `rateMatch`. What makes an entry is the table's matter.
    public var mode: HashlimitSettings.Mode
    /// True for what exceeds the rate.
    public var isAbove: Bool

    public init(_ table: HashlimitTable, _ mode: HashlimitSettings.Mode, isAbove: Bool) {
        self.table = table
        self.mode = mode
        self.isAbove = isAbove
    }
}

extension Worker {
    /// - Parameter spoilt: set if the ports are cut off or the table has no room: such a packet is dropped at once.
    func matches(_ test: HashlimitTest, _ packet: Packet, _ spoilt: inout DropReason?) -> Bool {
        guard let key = HashlimitTable.Key(packet, test.table.settings) else {
            spoilt = .transportCut
            return false
        }
        switch test.table.settle(key, test.mode, length: packet.totalLength, now) {
        case .within: return !test.isAbove
        case .above: return test.isAbove
        case .full:
            spoilt = .hashlimitFull
            return false
        }
    }
}

extension HashlimitTable.Key {
    /// hashlimit_init_dst; nil if a port is wanted and cut off.
    fileprivate init?(_ packet: Packet, _ settings: HashlimitSettings) {
        let mode = settings.mode
        self.init()
        if mode.contains(.sourceAddress) { source = packet.source.rawValue & settings.sourceMask }
        if mode.contains(.destinationAddress) { destination = packet.destination.rawValue & settings.destinationMask }
        guard !mode.isDisjoint(with: [.sourcePort, .destinationPort]) else { return }
        // proto_ports_offset: for esp and ah the index of security parameters. The kernel looks there in later fragments as well.
        let offset: Int
        switch packet.ipProtocol {
        case .tcp, .udp, .udpLite, .dccp, .sctp, .esp: offset = 0
        case .ah: offset = 4
        default: return
        }
        guard packet.transportLength >= offset + 4 else { return nil }
        if mode.contains(.sourcePort) { sourcePort = packet.transport16(offset) }
        if mode.contains(.destinationPort) { destinationPort = packet.transport16(offset + 2) }
    }
}
