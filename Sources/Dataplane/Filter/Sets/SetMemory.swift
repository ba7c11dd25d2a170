import Glibc
import Synchronization

/// A set as the slow side owns it: its memory lives as long as this object, which must be kept until no worker can look at it any more.
///
/// Functions that change elements may be called while workers use the set. One thread at a time calls `maintain`, `grow`, `setMembers`.
@safe public final class SetMemory: RuleState, @unchecked Sendable {
    let table: UnsafeMutablePointer<SetTable>
    public let shape: SetShape
    private let initialBuckets: Int
    private var nextExpiry = 0
    /// Set while workers may still be on their way from an index that was replaced.
    private let isGrowing = Atomic<Bool>(false)

    /// - Parameters:
    ///   - key: for the hash; random but in tests.
    ///   - elements: how many it is about to get; it has buckets for these to begin with, and grows beyond.
    public init(_ shape: SetShape, key: UInt64, expecting elements: Int = 0) {
        var shape = shape
        shape.capacity =
            switch shape.kind {
            case .addressMap, .portMap: shape.mapSize
            default: min(max(shape.capacity, 0), Self.largestCapacity)
            }
        self.shape = shape
        initialBuckets = Self.buckets(for: max(elements, min(shape.capacity, 4096)))
        unsafe table = .allocate(capacity: 1)
        unsafe table.initialize(to: SetTable(shape, key: key, buckets: initialBuckets))
    }

    deinit {
        unsafe table.pointee.deallocate()
        unsafe table.deinitialize(count: 1)
        unsafe table.deallocate()
    }

    /// Elements that a hash holds at the very most, whatever its `maxelem`.
    public static let largestCapacity = 1 << 28

    /// Four and a half of a bucket's eleven slots are taken on average when it is doubled eightfold.
    private static func buckets(for elements: Int) -> Int {
        var buckets = 64
        while buckets * 4 < elements { buckets *= 2 }
        return buckets
    }

    // MARK: Elements

    public enum Addition: Sendable { case added, replaced, exists, full }

    /// - Parameters:
    ///   - record: its key is within the range of a map.
    ///   - replaces: what is noted of an element that is there already is set anew.
    ///   - now: CLOCK_MONOTONIC in nanoseconds.
    public func add(_ record: SetRecord, replaces: Bool, at now: UInt64) -> Addition {
        switch unsafe table.pointee.add(record, replaces: replaces, now) {
        case .added: .added
        case .replaced: .replaced
        case .exists: .exists
        case .full: .full
        }
    }

    /// - Returns: whether it was there.
    @discardableResult
    public func remove(_ element: SetKey, at now: UInt64) -> Bool { unsafe table.pointee.remove(element, now) }

    /// What is noted of an element; nil if it is not there.
    public func record(of element: SetKey, at now: UInt64) -> SetRecord? {
        if shape.kind == .list {
            var found: SetRecord?
            forEach(at: now) { if $0.key.a == element.a { found = $0 } }
            return found
        }
        let entry = unsafe table.pointee.find(element, now)
        return entry == 0 ? nil : unsafe table.pointee.entries.record(element, entry)
    }

    /// Whether an address is in a set of networks, by the longest network that has it: true, false, or nil if that network is marked
    /// `nomatch`.
    public func contains(address: UInt32, _ second: UInt32, at now: UInt64) -> Bool? {
        let outcome = unsafe table.pointee.longest(address, second, now) { _ in true }
        return outcome == .nomatch ? nil : outcome == .match
    }

    /// Visits all elements that have not expired. The set may be changed meanwhile, but not by `visit`.
    public func forEach(at now: UInt64, _ visit: (SetRecord) -> Void) { unsafe table.pointee.forEach(now, visit) }

    /// Elements, with those whose time is over and that were not yet taken out.
    public var count: Int { unsafe table.pointee.entries.count }
    /// Elements that packets would have added if there had been room.
    public var refused: UInt64 { unsafe table.pointee.refused.load(ordering: .relaxed) }
    /// Bytes of memory in use.
    public var byteCount: Int {
        unsafe table.pointee.entries.byteCount + (shape.kind.isMap ? (shape.mapSize + 7) / 8 : 0)
            + (shape.kind.isMap || shape.kind == .list ? 0 : table.pointee.index.byteCount) + MemoryLayout<SetTable>.size
    }

    // MARK: Lists

    /// Replaces the members of a list. Members that stay keep what they have counted.
    ///
    /// - Parameter retire: has its argument called when every worker has passed a burst boundary.
    public func setMembers(_ members: [SetRecord], retire: (@escaping @Sendable () -> Void) -> Void) {
        var earlier: [UInt32: UInt32] = [:]
        unsafe table.pointee.forEachMember { entry in
            unsafe earlier[table.pointee.entries.key(of: entry).a] = entry
            return true
        }
        var size = 1
        while size < members.count + 1 { size *= 2 }
        let order = Slab<UInt32>(count: size)
        for (place, member) in members.prefix(shape.capacity).enumerated() {
            if let entry = earlier.removeValue(forKey: member.key.a) {
                unsafe table.pointee.entries.note(member, on: entry, isNew: false)
                order[place] = entry
            } else {
                let entry = unsafe table.pointee.entries.take()
                guard entry != 0 else { break }
                unsafe table.pointee.entries.write(member.key, isNomatch: false, to: entry)
                unsafe table.pointee.entries.note(member, on: entry, isNew: true)
                order[place] = entry
            }
        }
        let old = unsafe table.pointee.order.load()
        unsafe table.pointee.order.store(order)
        let gone = Array(earlier.values)
        retire { [self] in
            old?.deallocate()
            for entry in gone { unsafe table.pointee.entries.give(entry) }
        }
    }

    // MARK: Upkeep

    /// What must be done now and then: memory for more elements, a larger index, a few expired elements taken out.
    ///
    /// - Parameters:
    ///   - expecting: elements that are about to be added.
    ///   - retire: has its argument called when every worker has passed a burst boundary.
    public func maintain(
        at now: UInt64, expecting elements: Int = 0, retire: (@escaping @Sendable () -> Void) -> Void
    ) {
        unsafe table.pointee.entries.reserve()
        nextExpiry = unsafe table.pointee.expire(from: nextExpiry, count: 8192, now)
        guard !shape.kind.isMap, shape.kind != .list, !isGrowing.load(ordering: .acquiring) else { return }
        let wanted = min(count + elements, shape.capacity)
        let buckets = unsafe table.pointee.index.bucketCount
        guard wanted > buckets * 6 || elements > 0 && wanted > buckets * 5 else { return }
        let larger = max(Self.buckets(for: wanted), buckets * 2)
        isGrowing.store(true, ordering: .relaxed)
        let release = unsafe table.pointee.index.grow(to: larger) { [table] entry in
            unsafe table.pointee.hash(table.pointee.entries.key(of: entry))
        }
        retire { [self] in
            release()
            unsafe table.pointee.index.settle()
            isGrowing.store(false, ordering: .releasing)
        }
    }
}
