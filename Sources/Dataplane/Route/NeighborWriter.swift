import Net

/// The writer's side of the neighbour table. It keeps what the kernel said of every link, because a link may become a
/// port later, and puts into the shared table what concerns ports.
final class NeighborWriter {
    let table = NeighborTable()

    private struct Key: Hashable {
        var link: LinkIndex
        var address: IPv4Address
    }
    private struct Place {
        var number: UInt32
        var port: PortIndex
    }
    private var known: [Key: Neighbor] = [:]
    private var places: [Key: Place] = [:]
    private var portOf: [LinkIndex: PortIndex] = [:]
    private var pool = IndexPool(limit: NeighborTable.limit)
    private var graves = 0
    private var altered = false

    /// Numbers that readers may still hold.
    var retired: [UInt32] = []
    var retiredSlabs: [() -> Void] = []

    var all: [Neighbor] { Array(known.values) }

    /// Whether a decision could come out otherwise than before: a usable neighbour moved, vanished or became unusable.
    /// That an unknown one became usable alters nothing that was decided.
    func takeAltered() -> Bool {
        defer { altered = false }
        return altered
    }

    /// - Returns: false if the table is full.
    func set(_ neighbor: Neighbor) -> Bool {
        let key = Key(link: neighbor.link, address: neighbor.address)
        known[key] = neighbor
        guard let port = portOf[neighbor.link] else { return true }
        return publish(key, neighbor, port)
    }

    func remove(_ link: LinkIndex, _ address: IPv4Address) {
        let key = Key(link: link, address: address)
        known[key] = nil
        withdraw(key)
    }

    func removeLink(_ link: LinkIndex) {
        for key in known.keys.filter({ $0.link == link }) { remove(key.link, key.address) }
    }

    func setPorts(_ new: [LinkIndex: PortIndex]) {
        let old = portOf
        portOf = new
        for (key, neighbor) in known where old[key.link] != new[key.link] {
            withdraw(key)
            if let port = new[key.link] { _ = publish(key, neighbor, port) }
        }
    }

    /// Neighbours marked as used, whose period ends.
    func takeUsed() -> [Neighbor] {
        places.compactMap { table.takeUsed($0.value.number) ? known[$0.key] : nil }
    }

    /// Lets a removed neighbour's number be used again, once no reader can hold it.
    func recycle(_ number: UInt32) { pool.give(number) }

    private func publish(_ key: Key, _ neighbor: Neighbor, _ port: PortIndex) -> Bool {
        let isPromise = neighbor.mac == nil && neighbor.state.isUsable
        let new = NeighborState(mac: neighbor.mac ?? .zero, state: isPromise ? .incomplete : neighbor.state)
        if let place = places[key] {
            let old = table.setState(place.number, new)
            if old.isUsable, old.mac != new.mac || !new.isUsable { altered = true }
            return true
        }
        guard let number = pool.take() else { return false }
        table.entries.reserve(number)
        table.setKey(number, port, key.address)
        _ = table.takeUsed(number)
        table.setState(number, new)
        places[key] = Place(number: number, port: port)
        if (places.count + graves) * 2 > table.indexSize {
            rebuild()
        } else if table.link(number, port, key.address) {
            graves -= 1
        }
        return true
    }

    private func withdraw(_ key: Key) {
        guard let place = places.removeValue(forKey: key) else { return }
        table.unlink(place.number, place.port, key.address)
        graves += 1
        table.setState(place.number, NeighborState(mac: .zero, state: .none))
        // The number will be another's, also if this one never answered: nobody may go on with it.
        altered = true
        retired.append(place.number)
    }

    private func rebuild() {
        var size = 64
        while size < places.count * 4 { size *= 2 }
        let old = table.rebuild(
            size: size, places.map { (number: $0.value.number, port: $0.value.port, address: $0.key.address) })
        graves = 0
        if let old { retiredSlabs.append { old.deallocate() } }
    }

    deinit { table.deallocate() }
}
