import Net

/// The addresses of all links, in the order the kernel keeps them.
struct AddressBook {
    private var lists: [LinkIndex: [LinkAddress]] = [:]
    /// How many links bear an address.
    private var bearers: [UInt32: Int] = [:]

    /// Every address there is.
    var all: Set<UInt32> { Set(bearers.keys) }

    func contains(_ address: IPv4Address) -> Bool { bearers[address.rawValue] != nil }
    func hasAny(_ link: LinkIndex) -> Bool { !(lists[link] ?? []).isEmpty }

    /// Adds or changes an address. Secondary addresses come last; a primary one comes after the primary ones of its scope
    /// or a narrower one (__inet_insert_ifa).
    /// - Returns: whether anything changed.
    mutating func add(_ address: LinkAddress) -> Bool {
        var list = lists[address.link] ?? []
        if let same = list.firstIndex(where: { $0.prefix == address.prefix }) {
            guard list[same] != address else { return false }
            if list[same].isSecondary == address.isSecondary, list[same].scope == address.scope {
                list[same] = address
                lists[address.link] = list
                return true
            }
            list.remove(at: same)
        } else {
            bearers[address.prefix.address.rawValue, default: 0] += 1
        }
        var place = list.count
        if !address.isSecondary {
            place = (list.lastIndex { !$0.isSecondary && $0.scope >= address.scope } ?? -1) + 1
        }
        list.insert(address, at: place)
        lists[address.link] = list
        return true
    }

    mutating func remove(_ address: LinkAddress) -> Bool {
        guard let place = lists[address.link]?.firstIndex(where: { $0.prefix == address.prefix }) else { return false }
        lists[address.link]?.remove(at: place)
        drop(address.prefix.address)
        return true
    }

    mutating func removeLink(_ link: LinkIndex) -> Bool {
        guard let list = lists.removeValue(forKey: link), !list.isEmpty else { return false }
        for address in list { drop(address.prefix.address) }
        return true
    }

    /// A link's primary addresses, from which sources are chosen.
    func primary(of link: LinkIndex) -> [SourceAddress] {
        (lists[link] ?? []).filter { !$0.isSecondary }.map {
            SourceAddress(address: $0.prefix.address.rawValue, mask: $0.prefix.mask.rawValue, scope: $0.scope)
        }
    }

    /// All links' primary addresses; `lo` is link 1 and comes first, as the kernel has it.
    var primaryEverywhere: [SourceAddress] { lists.keys.sorted().flatMap(primary) }

    private mutating func drop(_ address: IPv4Address) {
        guard let count = bearers[address.rawValue] else { return }
        bearers[address.rawValue] = count > 1 ? count - 1 : nil
    }
}
