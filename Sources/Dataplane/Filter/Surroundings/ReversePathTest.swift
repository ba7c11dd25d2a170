import Net

/// `-m rpfilter`: whether the way back to a packet's source is one it may have come by (net/ipv4/netfilter/ipt_rpfilter.c).
public struct ReversePathTest: Sendable {
    public struct Options: OptionSet, Sendable {
        public var rawValue: UInt8
        @inline(__always)
        public init(rawValue: UInt8) { self.rawValue = rawValue }
        /// Any interface will do.
        public static let loose = Options(rawValue: 1 << 0)
        /// The packet's mark takes part in the search.
        public static let marked = Options(rawValue: 1 << 1)
        public static let acceptsLocal = Options(rawValue: 1 << 2)
        /// Match what fails.
        public static let inverted = Options(rawValue: 1 << 3)
    }

    public var options: Options

    public init(_ options: Options) { self.options = options }
}

extension Routing {
    /// rpfilter_mt, before `--invert`.
    func reversePath(of packet: Packet, _ test: ReversePathTest) -> Bool {
        if packet.ingress == .host { return true }
        let destination = packet.destination
        if packet.source.isUnspecified, destination.isLimitedBroadcast || destination.rawValue >> 8 == 0xE0_0000 {
            // A host that is still looking for its address.
            return true
        }
        let isGroup = destination.isMulticast || destination.isLimitedBroadcast
        let found = find(
            RouteQuery(
                destination: packet.source, source: isGroup ? .any : destination,
                mark: test.options.contains(.marked) ? packet.mark : 0, tos: packet.tos))
        guard found.code == .found else { return false }
        let route = memory.entries[found.entry]
        switch route.kind {
        case RouteKind.unicast.rawValue: break
        case RouteKind.local.rawValue where test.options.contains(.acceptsLocal): break
        default: return false
        }
        return test.options.contains(.loose) || uses(packet.ingress, route)
    }
}
