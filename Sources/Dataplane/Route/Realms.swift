import Net
import Synchronization

// Realms (`ip route … realm`), which `-m realm` asks for: a number for the network that a route leads to, and one for that which a packet
// comes from, in the lower and the upper half of a word. The kernel keeps the word as the route's tclassid. Here is how it
// comes by it (rt_set_nexthop and set_class_tag in net/ipv4/route.c, fib_combine_itag in net/ipv4/fib_frontend.c):
//
// - the hop taken says what it says; a half that it leaves empty is the policy rule's that found it; what is then still empty is the
//   source's;
// - the source's word is the realm of the hop back to it, moved into the upper half, and the upper half of the rule that found that, moved into the lower;
// - what is for the host itself has only the source's word.

extension Routing {
    @inline(__always)
    var hasRealms: Bool { state[0].hasRealms.load(ordering: .relaxed) }

    /// One word, its empty halves filled from another.
    @inline(__always)
    func combinedRealms(_ first: UInt32, _ second: UInt32) -> UInt32 {
        (first & 0xFFFF != 0 ? first & 0xFFFF : second & 0xFFFF)
            | (first & 0xFFFF_0000 != 0 ? first & 0xFFFF_0000 : second & 0xFFFF_0000)
    }

    /// A decision on a packet from a port with what its source adds to the realms.
    func realmed(_ result: RouteResult, _ query: RouteQuery, _ settings: PortSettings) -> RouteResult {
        var result = result
        // Nobody asks where a packet without a source comes from.
        let source = query.source.isUnspecified ? 0 : sourceRealm(result, query, settings)
        result.realm = result.kind == .unicast ? combinedRealms(result.realm, source) : source
        return result
    }

    private func sourceRealm(_ result: RouteResult, _ query: RouteQuery, _ settings: PortSettings) -> UInt32 {
        let isGroup = result.kind == .broadcast || result.kind == .multicast
        let found = find(
            RouteQuery(
                destination: query.source, source: isGroup ? .any : query.destination,
                mark: settings.marksSourceCheck ? query.mark : 0, tos: query.tos,
                ingress: result.kind == .unicast ? result.egress : .host, ipProtocol: query.ipProtocol,
                sourcePort: query.destinationPort, destinationPort: query.sourcePort))
        guard found.code == .found else { return 0 }
        // A port without addresses takes every source for none that it knows.
        guard uses(query.ingress, memory.entries[found.entry]) || ports.hasAddresses(query.ingress) else { return 0 }
        let realm = memory.hops[found.hop].realm
        return (realm & 0xFFFF != 0 ? realm << 16 : found.realm << 16) | found.realm >> 16
    }
}
