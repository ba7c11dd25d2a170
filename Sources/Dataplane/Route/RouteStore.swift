import Net
import Synchronization

/// One route of a prefix as the writer keeps it: everything but the table and the prefix.
struct RouteAlias: Hashable {
    var tos: UInt8
    var metric: UInt32
    var kind: RouteKind
    var scope: UInt8
    var origin: UInt8
    var preferredSource: IPv4Address?
    var mtu: Int
    var hops: [RouteHop]

    init(_ route: Route) {
        tos = route.tos
        metric = route.metric
        kind = route.kind
        scope = route.scope
        origin = route.origin
        preferredSource = route.preferredSource
        mtu = route.mtu
        hops = route.hops
    }

    func route(table: UInt32, prefix: IPv4Prefix) -> Route {
        Route(
            table: table, prefix: prefix, tos: tos, metric: metric, kind: kind, scope: scope, origin: origin,
            preferredSource: preferredSource, mtu: mtu, hops: hops)
    }

    /// The kernel's order of a prefix's routes (fib_find_alias): higher tos first, then lower metric.
    static func precedes(_ a: RouteAlias, _ b: RouteAlias) -> Bool {
        a.tos != b.tos ? a.tos > b.tos : a.metric < b.metric
    }
}

/// The writer's side of routes: chains of aliases, each stored once however many prefixes share it. A full Internet table
/// has a million prefixes and a few hundred different chains.
final class RouteStore {
    let memory = RouteMemory()
    private var entryPool = IndexPool(limit: RouteMemory.limit)
    private var hopPool = IndexPool(limit: RouteMemory.limit)
    private var heads: [[RouteAlias]: UInt32] = [:]
    private var chains: [UInt32: (aliases: [RouteAlias], users: Int)] = [:]
    /// Heads of chains that no prefix leads to any more.
    var retired: [UInt32] = []

    /// What a link does to hops through it.
    struct LinkState {
        var port = PortIndex.none
        var isDown = false
        var isGone = false
    }
    var links: [LinkIndex: LinkState] = [:]

    var chainCount: Int { chains.count }
    /// How many chains name realms.
    private(set) var realmChainCount = 0

    func aliases(of head: UInt32) -> [RouteAlias] { chains[head]?.aliases ?? [] }

    /// The head of a chain with these aliases, one user added; nil if no memory index is left.
    func acquire(_ aliases: [RouteAlias]) -> UInt32? {
        if let head = heads[aliases] {
            chains[head]?.users += 1
            return head
        }
        let hopCount = aliases.reduce(0) { $0 + $1.hops.count }
        guard entryPool.available >= aliases.count, hopPool.available >= hopCount else { return nil }
        var head: UInt32 = 0
        for alias in aliases.reversed() { head = build(alias, next: head) }
        heads[aliases] = head
        chains[head] = (aliases, 1)
        if Self.namesRealms(aliases) { realmChainCount += 1 }
        return head
    }

    /// One user fewer; the last one retires the chain.
    func release(_ head: UInt32) {
        guard let chain = chains[head] else { return }
        if chain.users > 1 {
            chains[head]?.users -= 1
        } else {
            heads[chain.aliases] = nil
            chains[head] = nil
            retired.append(head)
            if Self.namesRealms(chain.aliases) { realmChainCount -= 1 }
        }
    }

    private static func namesRealms(_ aliases: [RouteAlias]) -> Bool {
        aliases.contains { $0.hops.contains { $0.realm != 0 } }
    }

    /// Gives the memory of a retired chain back, once no reader can hold it.
    func recycle(_ head: UInt32) {
        var entry = head
        while entry != 0 {
            var hop = memory.entries[entry].firstHop
            while hop != 0 {
                hopPool.give(hop)
                hop = memory.hops[hop].next
            }
            entryPool.give(entry)
            entry = memory.entries[entry].next
        }
    }

    /// Carries a change of `links` into every hop.
    func refreshHops() {
        for (head, chain) in chains {
            var entry = head
            for alias in chain.aliases {
                refresh(alias, at: memory.entries[entry].firstHop)
                entry = memory.entries[entry].next
            }
        }
    }

    /// Heads of the chains in which a route lost all its hops to links that went down or away. The kernel takes such
    /// routes out without telling (fib_sync_down_dev, fib_flush).
    func chainsWithDeadRoutes() -> Set<UInt32> {
        Set(chains.lazy.filter { $0.value.aliases.contains(where: self.isFlushed) }.map(\.key))
    }

    func isFlushed(_ alias: RouteAlias) -> Bool {
        !alias.hops.isEmpty && alias.hops.allSatisfy { isCut(alias, $0) }
    }

    /// Local routes outlive their link's going down, but not its removal: their hop has scope "nowhere", which
    /// fib_sync_down_dev spares.
    private func isCut(_ alias: RouteAlias, _ hop: RouteHop) -> Bool {
        guard let link = links[hop.link] else { return false }
        return link.isGone || link.isDown && alias.kind != .local
    }

    private func build(_ alias: RouteAlias, next: UInt32) -> UInt32 {
        var firstHop: UInt32 = 0
        for hop in alias.hops.reversed() {
            guard let index = hopPool.take() else { preconditionFailure("counted before") }
            memory.hops.reserve(index)
            memory.hops[index].gateway = hop.gateway?.rawValue ?? 0
            memory.hops[index].next = firstHop
            memory.hops[index].realm = hop.realm
            firstHop = index
        }
        guard let index = entryPool.take() else { preconditionFailure("counted before") }
        memory.entries.reserve(index)
        memory.entries[index] = RouteEntry(
            next: next, firstHop: firstHop, preferredSource: alias.preferredSource?.rawValue ?? 0,
            mtu: UInt32(clamping: alias.mtu), hopCount: UInt16(clamping: alias.hops.count), kind: alias.kind.rawValue,
            tos: alias.tos, scope: alias.scope)
        refresh(alias, at: firstHop)
        return index
    }

    private func refresh(_ alias: RouteAlias, at first: UInt32) {
        let states = alias.hops.map { hop in
            NextHop.State(port: links[hop.link]?.port ?? .none, isAlive: !hop.isDead && !isCut(alias, hop))
        }
        let bounds = multipathBounds(zip(alias.hops, states).map { (max($0.weight, 1), $1.isAlive) })
        var hop = first
        for (state, bound) in zip(states, bounds) {
            memory.hops[hop].store(state)
            memory.hops[hop].upperBound.store(bound, ordering: .relaxed)
            hop = memory.hops[hop].next
        }
    }

    deinit { memory.deallocate() }
}
