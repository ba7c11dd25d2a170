import Net
import Synchronization

/// A port as routing knows it: its number, and the kernel's number and name of the interface behind it.
public struct RoutingPort: Hashable, Sendable {
    public var port: PortIndex
    public var link: LinkIndex
    public var name: String
    public var settings: PortSettings

    public init(port: PortIndex, link: LinkIndex, name: String, settings: PortSettings = PortSettings()) {
        self.port = port
        self.link = link
        self.name = name
        self.settings = settings
    }
}

/// The slow side of routing: follows the kernel's changes and keeps what workers read up to date. One thread uses it.
///
/// Changes go into the shared tables in place, each as single atomic stores; what is replaced is handed to the closure
/// `retire`, which must run it on the writer's thread after every worker has ended the burst it was in. The memory lives
/// as long as the writer.
public final class RoutingWriter {
    private let retireLater: (@escaping () -> Void) -> Void
    private let portTable = PortTable()
    private let state = Slab<RoutingState>(count: 1)
    private let trie = TrieChunks()
    private let store = RouteStore()
    private let tables: RouteTables
    private let neighborWriter = NeighborWriter()

    private var tableOf: [UInt32: RouteTable] = [:]
    private var rules = PolicyRule.initial
    /// As the kernel's fib_has_custom_rules: once the rules have been touched, they are walked for good.
    private var hasCustomRules = false
    private var ports: [RoutingPort] = []
    private var links: [LinkIndex: Link] = [:]
    private var addresses = AddressBook()

    // What a batch of changes leaves to be done at its end.
    private var retired: [() -> Void] = []
    private var altered = false
    private var addressesChanged = false
    private var hopsChanged = false
    private var rulesChanged = false
    private var hasRulesWithRealms = false

    /// Changes that could not be carried out because a table of ours is full (more than 65,536 routing tables, 33 M
    /// different routes, 1 M neighbours). 0 on any sane machine.
    public private(set) var refused = 0

    /// - Parameter retire: takes what may run only after every worker has passed a burst boundary.
    public init(retire: @escaping (@escaping () -> Void) -> Void) {
        retireLater = retire
        tables = RouteTables(chunks: trie.words)
        state[0].localTable.store(table(Route.localTable)?.slot ?? 0, ordering: .relaxed)
        state[0].mainTable.store(table(Route.mainTable)?.slot ?? 0, ordering: .relaxed)
        state[0].defaultTable.store(table(Route.defaultTable)?.slot ?? 0, ordering: .relaxed)
    }

    /// What workers use. Good for as long as this writer lives.
    public var routing: Routing {
        Routing(ports: portTable, neighbors: neighborWriter.table, tables: tables, memory: store.memory, state: state)
    }

    /// Sets the ports there are; the list replaces the former one.
    public func setPorts(_ new: [RoutingPort]) {
        guard new != ports else { return }
        let gone = Set(ports.map(\.port)).subtracting(new.map(\.port))
        ports = new
        for port in gone {
            portTable.set(port, index: .none, link: nil, settings: PortSettings())
            retireSlab(portTable.setAddresses(port, [], hasAny: false))
        }
        for link in store.links.keys { store.links[link]?.port = .none }
        for port in ports {
            store.links[port.link, default: RouteStore.LinkState()].port = port.port
            publish(port)
        }
        neighborWriter.setPorts(Dictionary(ports.map { ($0.link, $0.port) }, uniquingKeysWith: { $1 }))
        addressesChanged = true
        hopsChanged = true
        rulesChanged = hasCustomRules
        altered = true
        finish()
    }

    /// Follows changes of the kernel's state, in their order.
    public func apply(_ changes: [KernelChange]) {
        for change in changes {
            switch change {
            case .link(let link): linkChanged(link)
            case .linkRemoved(let index): linkRemoved(index)
            case .address(let address): addressesChanged = addresses.add(address) || addressesChanged
            case .addressRemoved(let address): addressesChanged = addresses.remove(address) || addressesChanged
            case .route(let route): add(route)
            case .routeRemoved(let route): remove(route)
            case .policy(let rule): add(rule)
            case .policyRemoved(let rule): remove(rule)
            case .neighbor(let neighbor): if !neighborWriter.set(neighbor) { refused += 1 }
            case .neighborRemoved(let link, let address): neighborWriter.remove(link, address)
            }
        }
        finish()
    }

    /// Sets all policy rules, in the order of a dump: for the start, when rules may be missing that every namespace once
    /// had, and for a fresh start after changes were missed.
    public func setPolicy(_ all: [PolicyRule]) {
        guard all != rules else { return }
        rules = all.sorted { $0.priority < $1.priority }
        hasCustomRules = true
        rulesChanged = true
        finish()
    }

    /// Neighbours on ports that workers marked as used since the last call.
    public func takeUsedNeighbors() -> [Neighbor] { neighborWriter.takeUsed() }

    /// All routes, to be looked at later and elsewhere.
    public var routeList: RouteList {
        var list = RouteList()
        list.places.reserveCapacity(prefixCount)
        for (id, table) in tableOf {
            table.forEach { network, length, head in
                list.places.append(RouteList.Place(table: id, network: network, length: length, head: head))
                if list.chains[head] == nil { list.chains[head] = store.aliases(of: head) }
            }
        }
        return list
    }

    /// Every neighbour that the kernel told of, on ports or not.
    public var neighbors: [Neighbor] { neighborWriter.all }
    /// The policy rules in the order of their evaluation.
    public var policyRules: [PolicyRule] { rules }
    /// Number of prefixes in all tables.
    public var prefixCount: Int { tableOf.values.reduce(0) { $0 + $1.count } }
    /// Number of different route chains, which prefixes share.
    public var chainCount: Int { store.chainCount }
    /// Bytes mapped for routes: indices, tries, chains and hops.
    public var mappedBytes: Int {
        tableOf.values.reduce(0) { $0 + $1.mappedBytes } + trie.words.mappedBytes + store.memory.entries.mappedBytes
            + store.memory.hops.mappedBytes
    }

    deinit {
        tableOf.removeAll()
        state[0].rules.load()?.deallocate()
        state.deallocate()
        tables.tables.deallocate()
        portTable.deallocate()
    }
}

// Links and ports.
extension RoutingWriter {
    private func linkChanged(_ link: Link) {
        let former = links.updateValue(link, forKey: link.index)
        guard former != link else { return }
        altered = true
        for port in ports where port.link == link.index { publish(port) }
        if link.name == "lo" { portTable.setLoopbackGroup(link.group) }
        var now = store.links[link.index, default: RouteStore.LinkState()]
        now.isDown = !link.isUp
        now.isGone = false
        setState(link.index, now)
    }

    private func linkRemoved(_ index: LinkIndex) {
        guard links.removeValue(forKey: index) != nil else { return }
        altered = true
        for port in ports where port.link == index { publish(port) }
        var now = store.links[index, default: RouteStore.LinkState()]
        now.isGone = true
        setState(index, now)
        addressesChanged = addresses.removeLink(index) || addressesChanged
        neighborWriter.removeLink(index)
    }

    /// Takes out the routes that a link's going takes with it; what is left in multipath routes goes on at the end of
    /// the batch.
    private func setState(_ link: LinkIndex, _ new: RouteStore.LinkState) {
        let old = store.links.updateValue(new, forKey: link) ?? RouteStore.LinkState()
        guard old.isDown != new.isDown || old.isGone != new.isGone else { return }
        hopsChanged = true
        guard new.isDown || new.isGone else { return }
        let affected = store.chainsWithDeadRoutes()
        guard !affected.isEmpty else { return }
        for table in tableOf.values {
            var prefixes: [(network: UInt32, length: UInt32, head: UInt32)] = []
            table.forEach { if affected.contains($2) { prefixes.append(($0, $1, $2)) } }
            for prefix in prefixes {
                let left = store.aliases(of: prefix.head).filter { !store.isFlushed($0) }
                replace(left, prefix.network, prefix.length, former: prefix.head, in: table)
            }
        }
    }

    private func publish(_ port: RoutingPort) {
        portTable.set(port.port, index: port.link, link: links[port.link], settings: port.settings)
    }
}

// Routes.
extension RoutingWriter {
    private func table(_ id: UInt32) -> RouteTable? {
        if let table = tableOf[id] { return table }
        // Table numbers are used again neither by the kernel's users nor here.
        guard tableOf.count + 1 < RouteTables.limit else { return nil }
        let table = RouteTable(
            id: id, slot: UInt32(tableOf.count + 1), tables: tables, trie: trie,
            retire: { [unowned self] in self.retired.append($0) })
        tableOf[id] = table
        return table
    }

    private func add(_ route: Route) {
        guard let table = table(route.table) else {
            refused += 1
            return
        }
        var alias = RouteAlias(route)
        // A gateway that is an address of our own means "on the link": its next hop gets scope host, and rt_set_nexthop
        // heeds gateways of scope link alone.
        for i in alias.hops.indices {
            if let gateway = alias.hops[i].gateway, addresses.contains(gateway) || gateway.isUnspecified {
                alias.hops[i].gateway = nil
            }
        }
        let prefix = route.prefix.network
        let network = prefix.address.rawValue
        let length = UInt32(prefix.length)
        let former = table.route(network, length)
        var aliases = store.aliases(of: former)
        if let same = aliases.firstIndex(where: { $0.tos == alias.tos && $0.metric == alias.metric }) {
            guard aliases[same] != alias else { return }
            aliases[same] = alias
        } else {
            let place = aliases.firstIndex { RouteAlias.precedes(alias, $0) } ?? aliases.count
            aliases.insert(alias, at: place)
        }
        replace(aliases, network, length, former: former, in: table)
        // RTPROT_KERNEL
        if route.table == Route.localTable, route.origin != 2 {
            state[0].hasCustomLocalRoutes.store(true, ordering: .relaxed)
        }
    }

    private func remove(_ route: Route) {
        guard let table = tableOf[route.table] else { return }
        let network = route.prefix.network.address.rawValue
        let length = UInt32(route.prefix.length)
        let former = table.route(network, length)
        guard former != 0 else { return }
        var aliases = store.aliases(of: former)
        guard let place = aliases.firstIndex(where: { $0.tos == route.tos && $0.metric == route.metric }) else {
            return
        }
        // The removal of an entry that another one has replaced already.
        let links = Set(route.hops.map(\.link))
        if !links.isEmpty, !aliases[place].hops.isEmpty, links.isDisjoint(with: aliases[place].hops.map(\.link)) {
            return
        }
        let gateways = Set(route.hops.compactMap(\.gateway))
        let ours = Set(aliases[place].hops.compactMap(\.gateway))
        if !gateways.isEmpty, !ours.isEmpty, gateways.isDisjoint(with: ours) { return }
        aliases.remove(at: place)
        replace(aliases, network, length, former: former, in: table)
    }

    private func replace(
        _ aliases: [RouteAlias], _ network: UInt32, _ length: UInt32, former: UInt32, in table: RouteTable
    ) {
        if aliases.isEmpty {
            table.remove(network, length)
        } else {
            guard let head = store.acquire(aliases) else {
                refused += 1
                return
            }
            guard table.set(network, length, route: head) else {
                refused += 1
                store.release(head)
                return
            }
        }
        if former != 0 { store.release(former) }
        altered = true
    }
}

// Policy rules.
extension RoutingWriter {
    private func add(_ rule: PolicyRule) {
        // A dump names the initial three, which are here already; of other rules a second one would change nothing.
        if rules.contains(rule) { return }
        // Rules of one priority stand in the order in which they came.
        rules.insert(rule, at: rules.firstIndex { $0.priority > rule.priority } ?? rules.count)
        hasCustomRules = true
        rulesChanged = true
    }

    private func remove(_ rule: PolicyRule) {
        guard let place = rules.firstIndex(of: rule) else { return }
        rules.remove(at: place)
        hasCustomRules = true
        rulesChanged = true
    }

    private func publishRules() {
        hasRulesWithRealms = rules.contains { $0.realm != 0 }
        let names = Dictionary(ports.map { ($0.name, $0.port) }, uniquingKeysWith: { $1 })
        let block = CompiledPolicyRule.compile(
            rules,
            tableSlot: { id in
                guard let table = table(id) else {
                    refused += 1
                    return 0
                }
                return table.slot
            },
            interface: { $0 == "lo" ? .host : names[$0] })
        let old = state[0].rules.load()
        state[0].rules.store(block)
        retireSlab(old)
    }
}

// The end of a batch.
extension RoutingWriter {
    private func finish() {
        if hopsChanged {
            hopsChanged = false
            store.refreshHops()
            altered = true
        }
        if addressesChanged {
            addressesChanged = false
            publishAddresses()
            altered = true
        }
        if rulesChanged {
            rulesChanged = false
            publishRules()
            altered = true
        }
        if neighborWriter.takeAltered() { altered = true }
        state[0].hasRealms.store(
            store.realmChainCount > 0 || hasRulesWithRealms, ordering: .relaxed)
        if altered {
            altered = false
            // After the changes, so that whoever decides by the old state does so under the old number.
            state[0].generation.wrappingAdd(1, ordering: .releasing)
        }
        retireAll()
    }

    private func publishAddresses() {
        for port in ports {
            retireSlab(
                portTable.setAddresses(
                    port.port, addresses.primary(of: port.link), hasAny: addresses.hasAny(port.link)))
        }
        let old = portTable.setEverywhere(addresses.primaryEverywhere, local: addresses.all)
        retireSlab(old.0)
        retireSlab(old.1)
    }

    private func retireSlab<Element: ~Copyable>(_ slab: Slab<Element>?) {
        if let slab { retired.append { slab.deallocate() } }
    }

    private func retireAll() {
        let chunks = trie.retired
        let chains = store.retired
        let neighborNumbers = neighborWriter.retired
        retired += neighborWriter.retiredSlabs
        let others = retired
        trie.retired = []
        store.retired = []
        neighborWriter.retired = []
        neighborWriter.retiredSlabs = []
        retired = []
        guard !(chunks.isEmpty && chains.isEmpty && neighborNumbers.isEmpty && others.isEmpty) else { return }
        retireLater { [self] in
            for chunk in chunks { trie.pool.give(chunk) }
            for head in chains { store.recycle(head) }
            for number in neighborNumbers { neighborWriter.recycle(number) }
            for other in others { other() }
        }
    }
}
