extension Packet {
    /// The option kinds that route a packet by its sender's list (RFC 791, 3.1).
    private static let looseSourceRoute: UInt8 = 131
    private static let strictSourceRoute: UInt8 = 137

    /// Walks the IP options: malformed ones spoil the packet (ip_options_compile in net/ipv4/ip_options.c), and source routing is
    /// refused, as `accept_source_route=0` says. All others pass as they are; record route and timestamp are not filled in.
    func checkOptions() -> DropReason? {
        var options = ipOptions
        while let option = options.next() {
            if option.kind == Self.looseSourceRoute || option.kind == Self.strictSourceRoute { return .sourceRoute }
        }
        return options.isMalformed ? .ipOptions : nil
    }
}
