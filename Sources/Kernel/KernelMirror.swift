import CXDP
import Net

// A copy of what the kernel knows of IPv4, kept current.
//
// First the groups are joined, then everything is dumped, so that no change falls between. What the events tell from
// then on is of two kinds. Routes, links and neighbours are many, or change often, and their events say all there is
// to say: they are carried out one by one. Addresses, policy rules and nexthop objects are few, and their order or
// their effect on others is not in the event: one event, and all of them are read anew and compared.
//
// The kernel also removes and revives routes without a word, because a daemon could not bear a million messages when a
// link goes down: `fib_sync_down_dev`, `fib_sync_up`, `fib_sync_down_addr` and `nexthop_flush_dev` end in
// `fib_table_flush`, which tells nobody. So routes are read anew after a link that carries some changed its state or
// went, after an address went, and after nexthop objects changed while routes use any.
//
// A part that is read anew while it changes is read again; what then still comes is carried out on top, which is safe
// because carrying out a change twice is the same as once. After an overflow (ENOBUFS) every part is read anew. Before
// that, one request that needs the RTNL lock waits for whoever is in the middle of a change that was announced
// already: route dumps do not take the lock themselves (since Linux 6.9).

/// The kernel's links, IPv4 addresses, routes, policy rules and neighbours in the network namespace of the thread that
/// makes it. For one thread at a time.
public final class KernelMirror {
    /// The state after the last `receive`.
    public private(set) var state = KernelState()
    /// Whether the state is known to be the kernel's. If it is not, call `receive` again within about a second, also
    /// if nothing is there to be read: what was read was changing meanwhile.
    public var isSettled: Bool { stale.isEmpty }
    /// How often events were lost and everything was read anew.
    public private(set) var overflows = 0

    var reader = RouteReader()
    var ruleReadings: [RuleReading] = []
    var routeProblems: [RouteKey: String] = [:]
    /// Some route names a nexthop object.
    var usesNexthopObjects = false
    /// The parts to be read anew.
    var stale = Set(KernelState.Part.allCases)

    /// False until the first reading is done, whose changes nobody asks for.
    private var isFollowed = false
    private var events: NetlinkSocket
    private var requests: NetlinkSocket

    /// How often a part that changes while it is read is read again at once.
    private static let rounds = 4

    /// Subscribes, and reads everything.
    /// - Parameter receiveBuffer: bytes of events the kernel keeps between two calls of `receive`; more is an overflow.
    public init(receiveBuffer: Int32 = 16 << 20) throws(KernelError) {
        events = try NetlinkSocket()
        requests = try NetlinkSocket()
        try events.setReceiveBuffer(receiveBuffer)
        for group in [
            RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV4_RULE, RTNLGRP_NEXTHOP,
        ] {
            try events.join(group: group.rawValue)
        }
        var ignored: [KernelChange] = []
        try refresh(&ignored)
        isFollowed = true
    }

    /// Readable (POLLIN) when `receive` would find something.
    public var fileDescriptor: Int32 { events.fileDescriptor }

    /// What of the kernel's configuration the router cannot honour, sorted.
    public var unsupported: [Unsupported] {
        let routes = routeProblems.map { key, problem in
            Unsupported(subject: "ip route \(key.prefix), table \(key.table), metric \(key.metric)", reason: problem)
        }
        return (ruleReadings.flatMap(\.unsupported) + routes).sorted()
    }

    /// Reads all events that are there, without waiting, and says what changed. To follow, carry the changes out in
    /// their order as `KernelState.apply` does; `state` has them already.
    public func receive() throws(KernelError) -> [KernelChange] {
        var changes: [KernelChange] = []
        try drain(&changes, justRead: [])
        try refresh(&changes)
        return changes
    }

    // MARK: Events

    private func drain(_ changes: inout [KernelChange], justRead: Set<KernelState.Part>) throws(KernelError) {
        while true {
            switch try events.read(waiting: false) {
            case .empty: return
            case .overflow:
                overflows += 1
                stale = Set(KernelState.Part.allCases)
            case .messages(let messages):
                for message in messages {
                    guard let part = Self.part(of: message), !stale.contains(part) else { continue }
                    if justRead.contains(part) {
                        stale.insert(part)
                    } else {
                        take(message, of: part, &changes)
                    }
                }
            }
        }
    }

    private static func part(of message: NetlinkMessage) -> KernelState.Part? {
        switch message.kind {
        case Int(RTM_NEWLINK), Int(RTM_DELLINK): .links
        case Int(RTM_NEWADDR), Int(RTM_DELADDR): .addresses
        case Int(RTM_NEWROUTE), Int(RTM_DELROUTE): .routes
        case Int(RTM_NEWRULE), Int(RTM_DELRULE): .policy
        case Int(RTM_NEWNEIGH), Int(RTM_DELNEIGH): .neighbors
        case Int(RTM_NEWNEXTHOP), Int(RTM_DELNEXTHOP): .nexthops
        default: nil
        }
    }

    private func take(_ message: NetlinkMessage, of part: KernelState.Part, _ changes: inout [KernelChange]) {
        switch part {
        case .addresses, .policy, .nexthops: stale.insert(part)
        case .links: takeLink(message, &changes)
        case .neighbors: takeNeighbor(message, &changes)
        case .routes:
            let step = message.kind == Int(RTM_NEWROUTE) ? addRoute(message) : removeRoute(message)
            guard let step else { return }
            record(step, &changes)
        }
    }

    private func takeLink(_ message: NetlinkMessage, _ changes: inout [KernelChange]) {
        if message.kind == Int(RTM_NEWLINK) {
            guard let link = Link(message), state.links[link.index] != link else { return }
            record([.link(link)], &changes)
        } else if let index = Link.removed(message), state.links[index] != nil {
            record([.linkRemoved(index)], &changes)
        }
    }

    private func takeNeighbor(_ message: NetlinkMessage, _ changes: inout [KernelChange]) {
        guard let neighbor = Neighbor(message) else { return }
        let key = NeighborKey(link: neighbor.link, address: neighbor.address)
        if message.kind == Int(RTM_NEWNEIGH), neighbor.isWorthKeeping {
            guard state.neighbors[key] != neighbor else { return }
            record([.neighbor(neighbor)], &changes)
        } else if state.neighbors[key] != nil {
            record([.neighborRemoved(link: neighbor.link, address: neighbor.address)], &changes)
        }
    }

    /// Makes changes part of the state, and finds what they silently entail.
    private func record(_ step: [KernelChange], _ changes: inout [KernelChange]) {
        for change in step {
            if !stale.contains(.routes), mayMoveRoutes(change) { stale.insert(.routes) }
            state.apply(change)
        }
        changes += step
    }

    /// Whether the kernel may remove, kill or revive routes along with this change, without saying so. Asked before
    /// the change is part of the state.
    private func mayMoveRoutes(_ change: KernelChange) -> Bool {
        switch change {
        case .link(let link):
            guard let before = state.links[link.index] else { return false }
            guard before.isUp != link.isUp || before.isRunning != link.isRunning else { return false }
            return hasRoute { $0.hops.contains { $0.link == link.index } }
        case .linkRemoved(let index):
            return hasRoute { $0.hops.contains { $0.link == index } }
        case .addressRemoved(let address):
            return hasRoute { route in
                route.preferredSource == address.prefix.address || route.hops.contains { $0.link == address.link }
            }
        default: return false
        }
    }

    private func hasRoute(_ condition: (Route) -> Bool) -> Bool {
        state.routes.values.contains { $0.contains(where: condition) }
    }

    // MARK: Reading anew

    private func refresh(_ changes: inout [KernelChange]) throws(KernelError) {
        for round in 1...Self.rounds where !stale.isEmpty {
            let parts = stale
            try waitForLock()
            // In the order of `allCases`: what a part needs of another stands before it, and what makes routes stale
            // while it is read is followed by them.
            for part in KernelState.Part.allCases where stale.contains(part) {
                stale.remove(part)
                let end = try reread(part, &changes)
                if end == .interrupted { stale.insert(part) }
            }
            // In the last round the events stay in the socket, where they make it readable.
            if round < Self.rounds { try drain(&changes, justRead: parts) }
        }
    }

    /// Returns when nobody is in the middle of a change that holds the RTNL lock.
    private func waitForLock() throws(KernelError) {
        var request = NetlinkRequest("ask for the loopback link", kind: Int(RTM_GETLINK), flags: NLM_F_ACK)
        request.append(UInt32(0))
        request.append(UInt32(1))
        request.append(UInt64(0))
        do throws(KernelError) {
            try requests.request(request)
        } catch  where error.code == ENODEV {
            // Only the waiting mattered.
        }
    }

    private func reread(_ part: KernelState.Part, _ changes: inout [KernelChange]) throws(KernelError)
        -> NetlinkSocket.DumpEnd
    {
        var new = KernelState()
        let end: NetlinkSocket.DumpEnd
        switch part {
        case .links:
            (new.links, end) = try requests.dump(Self.dumpRequest(.links), into: [:]) { links, message in
                if let link = Link(message) { links[link.index] = link }
            }
            record(state.linkChanges(to: new), &changes)
        case .addresses:
            (new.addresses, end) = try requests.dump(Self.dumpRequest(.addresses), into: []) { addresses, message in
                if let address = LinkAddress(message) { addresses.append(address) }
            }
            record(state.addressChanges(to: new), &changes)
            state.addresses = new.addresses
        case .nexthops: end = try rereadNexthops()
        case .policy:
            (ruleReadings, end) = try requests.dump(Self.dumpRequest(.policy), into: []) { rules, message in
                if let rule = RuleReading(message) { rules.append(rule) }
            }
            new.policy = ruleReadings.filter(\.problems.isEmpty).map(\.rule)
            record(state.policyChanges(to: new), &changes)
        case .routes: end = try rereadRoutes(&changes)
        case .neighbors:
            (new.neighbors, end) = try requests.dump(Self.dumpRequest(.neighbors), into: [:]) { neighbors, message in
                guard let neighbor = Neighbor(message), neighbor.isWorthKeeping else { return }
                neighbors[NeighborKey(link: neighbor.link, address: neighbor.address)] = neighbor
            }
            record(state.neighborChanges(to: new), &changes)
        }
        return end
    }

    private func rereadNexthops() throws(KernelError) -> NetlinkSocket.DumpEnd {
        let (objects, end) = try requests.dump(Self.dumpRequest(.nexthops), into: [UInt32: Nexthop]()) {
            objects, message in
            if let nexthop = Nexthop(message) { objects[nexthop.id] = nexthop }
        }
        // Also when the objects are the same: routes may have gone with one that is back already.
        if usesNexthopObjects { stale.insert(.routes) }
        reader.nexthops.objects = objects
        return end
    }

    private func rereadRoutes(_ changes: inout [KernelChange]) throws(KernelError) -> NetlinkSocket.DumpEnd {
        var reader = RouteReader()
        reader.nexthops = self.reader.nexthops
        let (dump, end) = try requests.dump(Self.dumpRequest(.routes), into: RouteDump()) { dump, message in
            guard let reading = reader.read(message) else { return }
            dump.add(reading)
        }
        self.reader = reader
        var new = KernelState()
        new.routes = dump.routes
        if isFollowed { changes += state.routeChanges(to: new) }
        // Not through `record`: a million changes carried out one by one would cost more than taking the new table.
        state.routes = dump.routes
        routeProblems = dump.problems
        usesNexthopObjects = dump.usesNexthopObjects
        return end
    }

    private static func dumpRequest(_ part: KernelState.Part) -> NetlinkRequest {
        let (kind, size, family): (Int, Int, Int32) =
            switch part {
            case .links: (Int(RTM_GETLINK), 16, AF_UNSPEC)
            case .addresses: (Int(RTM_GETADDR), 8, AF_INET)
            case .nexthops: (Int(RTM_GETNEXTHOP), 8, AF_UNSPEC)
            case .policy: (Int(RTM_GETRULE), 12, AF_INET)
            case .routes: (Int(RTM_GETROUTE), 12, AF_INET)
            case .neighbors: (Int(RTM_GETNEIGH), 12, AF_INET)
            }
        var request = NetlinkRequest("read the kernel's \(part)", kind: kind, flags: NLM_F_DUMP)
        request.append(UInt8(truncatingIfNeeded: family))
        for _ in 1..<size { request.append(UInt8(0)) }
        // A link's counters are most of its message, and nobody here reads them.
        if part == .links { request.attribute(Int(IFLA_EXT_MASK), UInt32(RTEXT_FILTER_SKIP_STATS)) }
        return request
    }
}

/// The routes of one dump.
private struct RouteDump {
    var routes: [RouteKey: [Route]] = [:]
    var problems: [RouteKey: String] = [:]
    var usesNexthopObjects = false

    mutating func add(_ reading: RouteReader.Reading) {
        let key = RouteKey(reading.route)
        // An inconsistent dump may say a route twice; the kernel itself never has one twice.
        guard routes[key]?.contains(reading.route) != true else { return }
        routes[key, default: []].append(reading.route)
        if let problem = reading.problem { problems[key] = problem }
        if reading.usesNexthopObject { usesNexthopObjects = true }
    }
}

extension Neighbor {
    /// Entries without a state, and those the kernel makes for itself without an event (its own, multicast and
    /// broadcast addresses: `arp_constructor`), are no neighbours anyone could send to.
    fileprivate var isWorthKeeping: Bool {
        switch state {
        case .none: false
        case .noarp: mac.map { !$0.isGroup && $0 != .zero } ?? false
        default: true
        }
    }
}
