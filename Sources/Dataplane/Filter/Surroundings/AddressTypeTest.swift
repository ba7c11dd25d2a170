import Net
import Synchronization

/// `-m addrtype`: what routing says of a packet's addresses (addrtype_mt_v1 in net/netfilter/xt_addrtype.c).
public struct AddressTypeTest: Sendable {
    /// The interface that the question is confined to.
    public enum Confinement: UInt8, Sendable { case none, ingress, egress }

    /// Bits by RTN_…; 0 if it is not asked.
    public var sources: UInt16
    public var destinations: UInt16
    public var isNotSource: Bool
    public var isNotDestination: Bool
    public var confinement: Confinement

    public init(
        sources: UInt16 = 0, destinations: UInt16 = 0, isNotSource: Bool = false, isNotDestination: Bool = false,
        confinement: Confinement = .none
    ) {
        self.sources = sources
        self.destinations = destinations
        self.isNotSource = isNotSource
        self.isNotDestination = isNotDestination
        self.confinement = confinement
    }
}

extension Routing {
    /// The kind of an address, RTN_… (__inet_dev_addr_type in net/ipv4/fib_frontend.c).
    ///
    /// Only table local is asked, which is one with main until the policy rules are touched. A route that refuses is no answer: what
    /// a blackhole, unreachable, prohibit or throw route covers is unicast, so those kinds are never found, in the kernel as here.
    ///
    /// - Parameter port: if given, an address that belongs to another interface is unicast.
    func addressKind(_ address: IPv4Address, on port: PortIndex?) -> UInt16 {
        // ipv4_is_zeronet is 0.0.0.0 alone since 5.3.
        if address.isUnspecified || address.isLimitedBroadcast { return UInt16(RouteKind.broadcast.rawValue) }
        if address.isMulticast { return UInt16(RouteKind.multicast.rawValue) }
        let unicast = UInt16(RouteKind.unicast.rawValue)
        let local = state[0].localTable.load(ordering: .relaxed)
        let main = hasCustomRules ? 0 : state[0].mainTable.load(ordering: .relaxed)
        let found = findIn(local, merged: main, RouteQuery(destination: address), tos: 0)
        guard found.code == .found else { return unicast }
        let route = memory.entries[found.entry]
        if let port {
            // Loopback is no port.
            let wanted = port == .host ? PortIndex.none : port
            guard route.firstHop != 0, memory.hops[route.firstHop].load().port == wanted else { return unicast }
        }
        return UInt16(route.kind)
    }
}
