extension Packet {
    /// The option kinds that route a packet by its sender's list (RFC 791, 3.1).
    private static let looseSourceRoute: UInt8 = 131
    private static let strictSourceRoute: UInt8 = 137

    /// Walks the IP options: malformed ones spoil the packet (ip_options_compile in net/ipv4/ip_options.c), and source routing is
    /// refused, as `accept_source_route=0` says. All others pass as they are; record route and timestamp are not filled in.
    func checkOptions() -> DropReason? {
        var offset = Offset.ipHeader
        while offset < headerLength {
            let kind = ip8(offset)
            if kind == 0 { return nil }
            if kind == 1 {
                offset += 1
                continue
            }
            guard offset + 1 < headerLength else { return .ipOptions }
            let length = Int(ip8(offset + 1))
            guard length >= 2, offset + length <= headerLength else { return .ipOptions }
            if kind == Self.looseSourceRoute || kind == Self.strictSourceRoute { return .sourceRoute }
            offset += length
        }
        return nil
    }
}
