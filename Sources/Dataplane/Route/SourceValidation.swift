import Net
import Synchronization

/// What a source check says (fib_validate_source).
public enum SourceVerdict: UInt8, Sendable {
    case valid
    /// Valid, and the source is on the link of the ingress port: one who might be told of a better first hop.
    case onLink
    /// The source cannot be one, or is an address of our own that came from outside (EINVAL).
    case martian
    /// Strict: the way back leads out elsewhere; loose: there is none (EXDEV).
    case reversePath
}

extension Routing {
    /// Whether a packet from `source` may have come in on `ingress` (fib_validate_source in net/ipv4/fib_frontend.c).
    /// - Parameters:
    ///   - destination: 0.0.0.0 for broadcast and multicast.
    ///   - egress: where the packet is to leave, `.host` if it is for the host, `.none` if by a link that is no port.
    ///   - mark: the packet's; it counts only where the port's settings say so (`src_valid_mark`).
    ///   - ipProtocol: with the packet's ports, for policy rules that ask for them; they are swapped here.
    public func validateSource(
        _ source: IPv4Address, destination: IPv4Address, ingress: PortIndex, egress: PortIndex = .host, tos: UInt8 = 0,
        mark: UInt32 = 0, mode: SourceCheck, ipProtocol: IPProtocol = IPProtocol(rawValue: 0), sourcePort: UInt16 = 0,
        destinationPort: UInt16 = 0
    ) -> SourceVerdict {
        let settings = ports.settings(ingress)
        // Where realms are in use the kernel always looks the source up, for its realm.
        if mode == .off, !hasRealms, ingress != egress || !settings.sendsRedirects {
            if settings.acceptsLocalSource { return .valid }
            // With the tables as the kernel made them, the list of addresses says all that a lookup could.
            if !hasCustomLocalRoutesOrRules { return ports.isLocal(source) ? .martian : .valid }
        }
        let back = RouteQuery(
            destination: source, source: destination, mark: settings.marksSourceCheck ? mark : 0, tos: tos,
            ingress: egress, ipProtocol: ipProtocol, sourcePort: destinationPort, destinationPort: sourcePort)
        let found = find(back)
        guard found.code == .found else { return mode == .off ? .valid : .reversePath }
        let route = memory.entries[found.entry]
        let isLocal = route.kind == RouteKind.local.rawValue
        guard route.kind == RouteKind.unicast.rawValue || isLocal && settings.acceptsLocalSource else {
            return .martian
        }
        if uses(ingress, route) { return memory.hops[found.hop].gateway == 0 ? .onLink : .valid }
        guard ports.hasAddresses(ingress) else { return mode == .off ? .valid : .reversePath }
        return mode == .strict ? .reversePath : .valid
    }

    /// Whether any hop of a route leads out of a port; a dead one will do too (fib_info_nh_uses_dev).
    @inline(__always)
    func uses(_ port: PortIndex, _ route: RouteEntry) -> Bool {
        var hop = route.firstHop
        while hop != 0 {
            if memory.hops[hop].load().port == port { return true }
            hop = memory.hops[hop].next
        }
        return false
    }

    @inline(__always)
    private var hasCustomLocalRoutesOrRules: Bool {
        state[0].rules.load() != nil || state[0].hasCustomLocalRoutes.load(ordering: .relaxed)
    }

    /// Decides where a packet from a port goes and judges its addresses, in the order of ip_route_input_slow and
    /// ip_route_input_mc, by the port's settings.
    /// - Returns: besides what `lookup` gives, `martianSource`, `martianDestination` and `reversePath`.
    public func receive(_ query: RouteQuery) -> RouteResult {
        let source = query.source
        let destination = query.destination
        let settings = ports.settings(query.ingress)
        if source.isMulticast || source.isLimitedBroadcast { return RouteResult(.martianSource) }
        if destination.isMulticast {
            if source.isLoopback, !settings.routesLoopback { return RouteResult(.martianSource) }
            if source.isUnspecified {
                let isLinkLocalGroup = destination.rawValue >> 8 == 0xE0_0000
                return RouteResult(isLinkLocalGroup || query.ipProtocol == .igmp ? .multicast : .martianSource)
            }
            return judged(RouteResult(.multicast), query, settings)
        }
        if destination.isLimitedBroadcast || destination.isUnspecified && source.isUnspecified {
            return source.isUnspecified ? RouteResult(.broadcast) : judged(RouteResult(.broadcast), query, settings)
        }
        // 0.0.0.0 alone: the rest of 0.0.0.0/8 has been an ordinary network for the kernel since 5.3 (ipv4_is_zeronet).
        if source.isUnspecified { return RouteResult(.martianSource) }
        if destination.isUnspecified { return RouteResult(.martianDestination) }
        if destination.isLoopback {
            if !settings.routesLoopback { return RouteResult(.martianDestination) }
        } else if source.isLoopback, !settings.routesLoopback {
            return RouteResult(.martianSource)
        }
        return judged(lookup(query), query, settings)
    }

    /// A decision, unless the source check forbids it. What is not delivered anywhere is not checked.
    private func judged(_ result: RouteResult, _ query: RouteQuery, _ settings: PortSettings) -> RouteResult {
        let isGroup: Bool
        switch result.kind {
        case .unicast, .local, .egressNotAPort: isGroup = false
        case .broadcast, .multicast: isGroup = true
        default: return result
        }
        let verdict = validateSource(
            query.source, destination: isGroup ? .any : query.destination, ingress: query.ingress,
            egress: result.kind == .unicast || result.kind == .egressNotAPort ? result.egress : .host, tos: query.tos,
            mark: query.mark,
            mode: settings.sourceCheck, ipProtocol: query.ipProtocol, sourcePort: query.sourcePort,
            destinationPort: query.destinationPort)
        switch verdict {
        case .valid, .onLink: return hasRealms ? realmed(result, query, settings) : result
        case .martian: return RouteResult(.martianSource)
        case .reversePath: return RouteResult(.reversePath)
        }
    }
}
