import Net

/// How a set was made.
public struct SetOptions: Hashable, Sendable {
    /// Buckets a hash starts with, a power of two.
    public var hashSize: UInt32 = 1024
    /// Elements a hash holds at most.
    public var maxElements: UInt32 = 65536
    public var bucketSize: UInt8 = 12
    /// The hash's key; nil lets it be chosen at random.
    public var initialValue: UInt32?
    /// Addresses of one prefix of this length, 1 to 32, are one element; nil is 32.
    public var netmask: UInt8?
    /// Seconds an element lives unless it says otherwise, 0 for ever; nil if elements have no timeouts.
    public var timeout: UInt32?
    public var hasCounters = false
    public var hasComments = false
    /// Elements carry a mark, a priority and a queue for `--map-set`.
    public var hasMarks = false
    /// A full hash takes new elements in place of old ones.
    public var forcesAdd = false
    /// Addresses of a bitmap:ip.
    public var addresses: ClosedRange<IPv4Address> = IPv4Address.any...IPv4Address.any
    /// Ports of a bitmap:port.
    public var ports: ClosedRange<UInt16> = 0...0
    /// Sets a list:set holds at most, at least 4.
    public var listSize: UInt32 = 8

    public init() {}
}

/// What rules take over from an element with `--map-set`.
public struct SetMarks: Hashable, Sendable {
    public var mark: MaskedValue?
    /// `MAJOR:MINOR` of a class.
    public var priority: UInt32?
    public var queue: UInt16?

    public init(mark: MaskedValue? = nil, priority: UInt32? = nil, queue: UInt16? = nil) {
        self.mark = mark
        self.priority = priority
        self.queue = queue
    }
}

/// An element of a set with what is noted of it.
public struct SetElement: Hashable, Sendable {
    public var entry: SetEntry
    /// The network's packets do not match, though they lie in a larger one that is in the set.
    public var isNomatch: Bool
    /// Seconds left, 0 for ever; nil if the set has no timeouts.
    public var timeout: UInt32?
    /// nil if the set does not count.
    public var counters: RuleCounters?
    public var comment: String?
    public var marks: SetMarks?

    public init(
        _ entry: SetEntry, isNomatch: Bool = false, timeout: UInt32? = nil, counters: RuleCounters? = nil,
        comment: String? = nil, marks: SetMarks? = nil
    ) {
        self.entry = entry
        self.isNomatch = isNomatch
        self.timeout = timeout
        self.counters = counters
        self.comment = comment
        self.marks = marks
    }
}

/// A set: its type, its options and its elements, each of which is in it once.
public struct IPSet: Hashable, Sendable {
    public var name: String
    public let type: SetType
    public var options: SetOptions
    /// In the order they were added, unless one was taken out; of a list:set always in the list's order.
    public private(set) var elements: [SetElement] = []
    private var places: [SetEntry: Int] = [:]

    public init(name: String, type: SetType, options: SetOptions = SetOptions()) {
        self.name = name
        self.type = type
        self.options = options
    }

    public subscript(entry: SetEntry) -> SetElement? { places[entry].map { elements[$0] } }

    public func contains(_ entry: SetEntry) -> Bool { places[entry] != nil }

    /// Adds an element, or puts it in place of the one with the same entry.
    public mutating func update(_ element: SetElement) {
        if let place = places[element.entry] {
            elements[place] = element
        } else {
            places[element.entry] = elements.count
            elements.append(element)
        }
    }

    /// Adds an element to a list:set at a place, counted from 0.
    mutating func insert(_ element: SetElement, at place: Int) {
        elements.insert(element, at: place)
        number(from: place)
    }

    /// - Returns: whether it was there.
    @discardableResult
    public mutating func remove(_ entry: SetEntry) -> Bool {
        guard let place = places.removeValue(forKey: entry) else { return false }
        if type == .listSet {
            elements.remove(at: place)
            number(from: place)
        } else {
            // Order means nothing in a hash: the last element fills the gap.
            let last = elements.removeLast()
            if place < elements.count {
                elements[place] = last
                places[last.entry] = place
            }
        }
        return true
    }

    public mutating func removeAll() {
        elements = []
        places = [:]
    }

    private mutating func number(from start: Int) {
        for place in start..<elements.count { places[elements[place].entry] = place }
    }
}

/// All sets, in the order they were made.
public struct SetCollection: Hashable, Sendable {
    public private(set) var sets: [IPSet] = []
    private var places: [String: Int] = [:]

    public init() {}

    public subscript(name: String) -> IPSet? {
        get { places[name].map { sets[$0] } }
        _modify {
            var value: IPSet?
            if let place = places[name] {
                // Taken out while it is changed, so that its elements are not copied.
                value = sets[place]
                sets[place] = IPSet(name: name, type: .hashIP)
                yield &value
                if let value { sets[place] = value } else { removeSet(at: place) }
            } else {
                yield &value
                if let value { append(value) }
            }
        }
    }

    mutating func append(_ set: IPSet) {
        places[set.name] = sets.count
        sets.append(set)
    }

    private mutating func removeSet(at place: Int) {
        sets.remove(at: place)
        renumber()
    }

    private mutating func renumber() {
        places = Dictionary(uniqueKeysWithValues: sets.enumerated().map { ($0.element.name, $0.offset) })
    }

    mutating func removeAll() {
        sets = []
        places = [:]
    }

    /// Gives a set another name, in lists that hold it too.
    mutating func rename(_ old: String, to new: String) {
        guard let place = places[old] else { return }
        sets[place].name = new
        for index in sets.indices where sets[index].type == .listSet {
            if let element = sets[index][.set(old)], let at = sets[index].elements.firstIndex(of: element) {
                sets[index].remove(.set(old))
                var renamed = element
                renamed.entry = .set(new)
                sets[index].insert(renamed, at: at)
            }
        }
        renumber()
    }

    /// Lets two sets of one type change places under their names.
    mutating func swap(_ first: String, _ second: String) {
        guard let a = places[first], let b = places[second] else { return }
        sets.swapAt(a, b)
        sets[a].name = first
        sets[b].name = second
    }

    /// Names of the sets that list this one.
    public func lists(holding name: String) -> [String] {
        sets.filter { $0.type == .listSet && $0.contains(.set(name)) }.map(\.name)
    }
}
