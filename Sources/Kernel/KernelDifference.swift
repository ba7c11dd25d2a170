import Net

// How one state of the kernel becomes another. Events may be lost (ENOBUFS), and some changes the kernel does not
// announce at all; then everything is read anew and compared. The comparison is pure, so that it can be tested.

extension KernelState {
    /// The parts of the state that can be read anew on their own.
    enum Part: CaseIterable, Hashable {
        case links, addresses, nexthops, policy, routes, neighbors
    }

    /// The changes that lead from this state to `new`: `apply` of them gives `new`, up to the place of one link's
    /// addresses among another's. Links come first, removals before additions.
    public func changes(to new: KernelState) -> [KernelChange] {
        linkChanges(to: new) + addressChanges(to: new) + policyChanges(to: new) + routeChanges(to: new)
            + neighborChanges(to: new)
    }

    func linkChanges(to new: KernelState) -> [KernelChange] {
        let gone = links.keys.filter { new.links[$0] == nil }.sorted()
        let fresh = new.links.values.filter { links[$0.index] != $0 }.sorted { $0.index < $1.index }
        return gone.map { .linkRemoved($0) } + fresh.map { .link($0) }
    }

    func addressChanges(to new: KernelState) -> [KernelChange] {
        guard addresses != new.addresses else { return [] }
        let before = Dictionary(grouping: addresses, by: \.link)
        let after = Dictionary(grouping: new.addresses, by: \.link)
        return Self.groupChanges(
            before, after, removed: KernelChange.addressRemoved, added: KernelChange.address,
            order: { $0.rawValue < $1.rawValue })
    }

    func policyChanges(to new: KernelState) -> [KernelChange] {
        guard policy != new.policy else { return [] }
        let before = Dictionary(grouping: policy, by: \.priority)
        let after = Dictionary(grouping: new.policy, by: \.priority)
        return Self.groupChanges(
            before, after, removed: KernelChange.policyRemoved, added: KernelChange.policy, order: <)
    }

    func routeChanges(to new: KernelState) -> [KernelChange] {
        Self.groupChanges(
            routes, new.routes, removed: KernelChange.routeRemoved, added: KernelChange.route,
            order: {
                ($0.table, $0.prefix.address.rawValue, $0.prefix.length, $0.tos, $0.metric)
                    < ($1.table, $1.prefix.address.rawValue, $1.prefix.length, $1.tos, $1.metric)
            })
    }

    func neighborChanges(to new: KernelState) -> [KernelChange] {
        let order: (NeighborKey, NeighborKey) -> Bool = {
            ($0.link.rawValue, $0.address.rawValue) < ($1.link.rawValue, $1.address.rawValue)
        }
        let gone = neighbors.keys.filter { new.neighbors[$0] == nil }.sorted(by: order)
        let fresh = new.neighbors.filter { neighbors[$0.key] != $0.value }.keys.sorted(by: order)
        return gone.map { .neighborRemoved(link: $0.link, address: $0.address) }
            + fresh.compactMap { new.neighbors[$0].map(KernelChange.neighbor) }
    }

    /// The changes of ordered groups, all removals first.
    private static func groupChanges<Key: Hashable, Element: Hashable>(
        _ before: [Key: [Element]], _ after: [Key: [Element]], removed: (Element) -> KernelChange,
        added: (Element) -> KernelChange, order: (Key, Key) -> Bool
    ) -> [KernelChange] {
        var removals: [KernelChange] = []
        var additions: [KernelChange] = []
        var differing = before.keys.filter { after[$0] == nil }
        differing += after.filter { before[$0.key] != $0.value }.keys
        for key in differing.sorted(by: order) {
            let step = listChanges(from: before[key] ?? [], to: after[key] ?? [])
            removals += step.removed.map(removed)
            additions += step.added.map(added)
        }
        return removals + additions
    }

    /// How one list becomes another if elements can be taken out anywhere but put in only at the end.
    static func listChanges<Element: Hashable>(
        from before: [Element], to after: [Element]
    ) -> (removed: [Element], added: [Element]) {
        // Equal elements twice in a list cannot be told apart by who takes one out.
        guard before == after || Set(before).count == before.count else { return (before, after) }
        // What stays is the longest beginning of the new list that stands in the old one in this order.
        var removed: [Element] = []
        var kept = 0
        for element in before {
            if kept < after.count, element == after[kept] {
                kept += 1
            } else {
                removed.append(element)
            }
        }
        return (removed, Array(after[kept...]))
    }
}
