import Net
import Synchronization
import TestSupport
import Testing

@testable import Dataplane

@Suite("Sets (net/netfilter/ipset): elements come, go and expire")
struct SetTableTests {
    static let second: UInt64 = 1_000_000_000

    private static func set(_ kind: SetKind, capacity: Int = 65536, _ change: (inout SetShape) -> Void = { _ in }) -> SetMemory {
        var shape = SetShape(kind: kind, capacity: capacity)
        change(&shape)
        return SetMemory(shape, key: 0x0123_4567_89AB_CDEF)
    }

    @Test("an element is in a set once; taken out, it is gone", arguments: [
        SetKind.address, .network, .addressPort, .networkPort, .addressPortAddress,
    ])
    func once(_ kind: SetKind) {
        let set = Self.set(kind)
        let key = kind == .address ? SetKey(7) : kind == .network || kind == .addressPort ? SetKey(7, 24) : SetKey(7, 8, 9)
        #expect(set.add(SetRecord(key: key), replaces: false, at: 1) == .added)
        #expect(set.add(SetRecord(key: key), replaces: false, at: 1) == .exists)
        #expect(set.add(SetRecord(key: key), replaces: true, at: 1) == .replaced)
        #expect(set.count == 1 && set.record(of: key, at: 1)?.key == key)
        #expect(set.remove(key, at: 1) && !set.remove(key, at: 1))
        #expect(set.count == 0 && set.record(of: key, at: 1) == nil)
    }

    @Test("a set holds as many elements as it may, and one more when one has gone")
    func full() {
        let set = Self.set(.address, capacity: 3)
        for address in UInt32(1)...3 { #expect(set.add(SetRecord(key: SetKey(address)), replaces: false, at: 1) == .added) }
        #expect(set.add(SetRecord(key: SetKey(4)), replaces: false, at: 1) == .full)
        #expect(set.remove(SetKey(2), at: 1))
        #expect(set.add(SetRecord(key: SetKey(4)), replaces: false, at: 1) == .added)
        let none = Self.set(.address, capacity: 0)
        #expect(none.add(SetRecord(key: SetKey(4)), replaces: false, at: 1) == .full)
    }

    @Test("what has expired is not there, makes room, and is taken out by and by")
    func expiry() {
        let set = Self.set(.address, capacity: 2) { $0.timeout = 10 }
        var record = SetRecord(key: SetKey(1))
        record.expires = 5 * Self.second
        #expect(set.add(record, replaces: false, at: Self.second) == .added)
        record.key = SetKey(2)
        record.expires = 0
        #expect(set.add(record, replaces: false, at: Self.second) == .added)
        record.key = SetKey(3)
        #expect(set.add(record, replaces: false, at: 4 * Self.second) == .full)
        #expect(set.record(of: SetKey(1), at: 4 * Self.second) != nil)
        #expect(set.record(of: SetKey(1), at: 5 * Self.second) == nil)
        #expect(set.add(record, replaces: false, at: 5 * Self.second) == .added)
        #expect(set.count == 2 && set.record(of: SetKey(2), at: 1000 * Self.second) != nil)
        record.key = SetKey(2)
        record.expires = 6 * Self.second
        #expect(set.add(record, replaces: true, at: 5 * Self.second) == .replaced)
        set.maintain(at: 7 * Self.second) { $0() }
        #expect(set.count == 1)
    }

    @Test("the longest network decides, also where it says no")
    func networks() {
        let set = Self.set(.network)
        var record = SetRecord(key: SetKey(0x0A00_0000, 8))
        _ = set.add(record, replaces: false, at: 1)
        record.key = SetKey(0x0A01_0000, 16)
        record.isNomatch = true
        _ = set.add(record, replaces: false, at: 1)
        #expect(set.contains(address: 0x0A02_0000, 0, at: 1) == true)
        #expect(set.contains(address: 0x0A01_0203, 0, at: 1) == nil)
        #expect(set.contains(address: 0x0B01_0203, 0, at: 1) == false)
        #expect(set.remove(SetKey(0x0A01_0000, 16), at: 1))
        #expect(set.contains(address: 0x0A01_0203, 0, at: 1) == true)
    }

    @Test("the index grows under the elements")
    func growth() {
        let set = Self.set(.addressPort, capacity: 100_000)
        for address in UInt32(1)...100_000 {
            #expect(set.add(SetRecord(key: SetKey(address, address ^ 5)), replaces: false, at: 1) == .added)
            if address % 5000 == 0 { set.maintain(at: 1) { $0() } }
        }
        for address in UInt32(1)...100_000 where set.record(of: SetKey(address, address ^ 5), at: 1) == nil {
            Issue.record("\(address) is lost")
        }
        #expect(set.record(of: SetKey(7, 7), at: 1) == nil)
        var seen = 0
        set.forEach(at: 1) { _ in seen += 1 }
        #expect(seen == 100_000)
    }

    @Test("a million addresses take less than 40 bytes each, nets with time and counters less than 80")
    func million() {
        let addresses = Self.set(.address, capacity: 1 << 20)
        let nets = Self.set(.network, capacity: 1 << 20) {
            $0.timeout = 10
            $0.hasCounters = true
        }
        addresses.maintain(at: 1, expecting: 1_000_000) { $0() }
        nets.maintain(at: 1, expecting: 1_000_000) { $0() }
        for number in UInt32(0)..<1_000_000 {
            if number % 65536 == 0 {
                addresses.maintain(at: 1) { $0() }
                nets.maintain(at: 1) { $0() }
            }
            let address = 0x0A00_0000 &+ number &* 7
            guard addresses.add(SetRecord(key: SetKey(address)), replaces: false, at: 1) == .added,
                nets.add(SetRecord(key: SetKey(address, 32)), replaces: false, at: 1) == .added
            else {
                Issue.record("\(number) is refused")
                return
            }
        }
        #expect(addresses.count == 1_000_000 && nets.count == 1_000_000)
        print("bytes an element: hash:ip \(addresses.byteCount / 1_000_000), hash:net timeout counters \(nets.byteCount / 1_000_000)")
        #expect(addresses.byteCount < 40_000_000)
        #expect(nets.byteCount < 80_000_000)
        #expect(addresses.record(of: SetKey(0x0A00_0007), at: 1) != nil && addresses.record(of: SetKey(0x0A00_0008), at: 1) == nil)
    }

    @Test("threads add, take out and look up while the index grows: nothing is lost, nothing appears")
    func concurrency() {
        let set = Self.set(.addressPortAddress, capacity: 1 << 20) { $0.hasCounters = true }
        let epochs = Epochs(workerCount: 3)
        // Stays throughout.
        for number in UInt32(1)...1000 { _ = set.add(SetRecord(key: SetKey(number, number, number)), replaces: false, at: 1) }
        let wrong = Atomic<Int>(0)
        let working = Atomic<Int>(3)
        onThreads(4) { id in
            guard id < 3 else {
                // The slow side.
                var waiting: [(UInt64, @Sendable () -> Void)] = []
                while working.load(ordering: .acquiring) > 0 {
                    set.maintain(at: 1) { waiting.append((epochs.target(), $0)) }
                    while let first = waiting.first, epochs.isReached(first.0) {
                        first.1()
                        waiting.removeFirst()
                    }
                }
                for item in waiting { item.1() }
                return
            }
            let base = UInt32(id + 1) << 24
            var random = RandomSource(seed: UInt64(id) + 1)
            for round in UInt32(0)..<2000 {
                epochs.enter(id)
                for step in UInt32(0)..<20 {
                    let number = base + round * 20 + step
                    let key = SetKey(number, number ^ 1, number ^ 2)
                    let added = set.add(SetRecord(key: key), replaces: false, at: 1)
                    // Every other one goes again. Until the slow side comes by, the memory may be full.
                    if added == .added {
                        if set.record(of: key, at: 1) == nil { wrong.wrappingAdd(1, ordering: .relaxed) }
                        if number % 2 == 0, !set.remove(key, at: 1) { wrong.wrappingAdd(1, ordering: .relaxed) }
                    } else if added == .exists {
                        wrong.wrappingAdd(1, ordering: .relaxed)
                    }
                    let old = 1 + random.next(below: 1000)
                    if set.record(of: SetKey(old, old, old), at: 1) == nil { wrong.wrappingAdd(1, ordering: .relaxed) }
                    if set.record(of: SetKey(old, old, old &+ 1), at: 1) != nil { wrong.wrappingAdd(1, ordering: .relaxed) }
                }
                epochs.leave(id)
            }
            working.wrappingSubtract(1, ordering: .releasing)
        }
        #expect(wrong.load(ordering: .relaxed) == 0)
        var seen: Set<SetKey> = []
        var total = 0
        set.forEach(at: 1) { record in
            seen.insert(record.key)
            total += 1
            if record.key.a >= 1 << 24, record.key.a % 2 == 0 { Issue.record("\(record.key) was taken out") }
        }
        #expect(seen.count == total && total == set.count && total > 1000)
    }

    @Test("several workers add the same elements: each is added once, and no more than there is room for")
    func contention() {
        let set = Self.set(.address, capacity: 500)
        let added = Atomic<Int>(0)
        let refused = Atomic<Int>(0)
        onThreads(4) { _ in
            for address in UInt32(1)...1000 {
                switch set.add(SetRecord(key: SetKey(address)), replaces: false, at: 1) {
                case .added: added.wrappingAdd(1, ordering: .relaxed)
                case .full: refused.wrappingAdd(1, ordering: .relaxed)
                default: break
                }
            }
        }
        #expect(added.load(ordering: .relaxed) == 500 && set.count == 500)
        #expect(refused.load(ordering: .relaxed) >= 4 * 500 - 3 * 500)
    }
}
