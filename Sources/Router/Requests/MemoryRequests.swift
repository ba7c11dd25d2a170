import Control
import Dataplane
import Net
import Synchronization

// What rules remember under a name: the lists of `recent`, the tables of `hashlimit`. They are looked up with the router's lock held
// and read without it; whoever holds one keeps its memory.

extension RequestHandler {
    func recentLists() -> [RecentListRow] {
        named(RecentList.self).map { name, list in
            RecentListRow(
                name: name, count: list.table.count, max: list.table.capacity, stamps: list.table.stampsPerEntry,
                mask: list.table.mask)
        }
    }

    /// The entries of a list, the one unused longest first.
    func recentEntries(_ name: String) throws(Failure) -> [RecentEntryRow] {
        try recentList(name).table.records().map { record in
            RecentEntryRow(
                address: record.address, ttl: record.ttl, lastSeen: record.lastSeen, oldestPacket: record.index,
                stamps: record.stamps)
        }
    }

    /// - Returns: how many entries it concerned.
    func edit(_ edit: RecentEdit) throws(Failure) -> Done {
        let table = try recentList(edit.list).table
        func address() throws(Failure) -> IPv4Address {
            guard let address = edit.address else { throw Failure("\(edit.action.rawValue) needs an address") }
            return address
        }
        switch edit.action {
        case .add:
            table.add(try address(), at: MonotonicClock.now())
            return Done(count: 1)
        case .remove: return Done(count: table.remove(try address()) ? 1 : 0)
        case .flush: return Done(count: table.flush())
        }
    }

    func hashlimitTables() -> [HashlimitTableRow] {
        named(HashlimitStore.self).map { name, store in
            HashlimitTableRow(
                name: name, count: store.table.count, max: Int(store.table.settings.maximum),
                buckets: Int(store.table.settings.buckets))
        }
    }

    func hashlimitEntries(_ name: String) throws(Failure) -> [HashlimitEntryRow] {
        guard let store = named(HashlimitStore.self).first(where: { $0.name == name })?.state else {
            throw Failure("no rule names a hashlimit table \"\(name)\"")
        }
        // Held until all is read.
        return withExtendedLifetime(store) {
            store.table.records(at: MonotonicClock.now()).map { record in
                HashlimitEntryRow(
                    expires: record.seconds, source: record.source, sourcePort: record.sourcePort,
                    destination: record.destination, destinationPort: record.destinationPort, credit: record.credit,
                    creditCap: record.capacity, cost: record.cost)
            }
        }
    }

    private func recentList(_ name: String) throws(Failure) -> RecentList {
        guard let list = named(RecentList.self).first(where: { $0.name == name })?.state else {
            throw Failure("no rule names a recent list \"\(name)\"")
        }
        return list
    }

    /// By name.
    private func named<State: RuleState>(_ kind: State.Type) -> [(name: String, state: State)] {
        core.lock.withLock { _ in core.book.states.all(kind) }.sorted { $0.name < $1.name }
    }
}
