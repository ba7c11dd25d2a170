import Net
import TestSupport
import Testing

@testable import Dataplane

@Suite("SET takes over what a set notes of a packet's address (net/netfilter/xt_set.c)")
struct SetActionTests {
    @Test("mark and priority, each only where it is asked for", arguments: [SetFlags.mapsMark, .mapsPriority, [.mapsMark, .mapsPriority]])
    func mapping(flags: SetFlags) throws {
        let bench = Bench()
        let memory = SetMemory(SetShape(kind: .address, capacity: 8), key: 1)
        var record = SetRecord(key: SetKey(0xCB00_7109))
        record.mark = SetMark(mark: 0x5, mask: 0xF, priority: 0x1000A, queue: 3)
        var shape = SetShape(kind: .address, capacity: 8)
        shape.hasMarks = true
        let noted = SetMemory(shape, key: 1)
        #expect(noted.add(record, replaces: false, at: 1) == .added)
        #expect(memory.add(SetRecord(key: record.key), replaces: false, at: 1) == .added)
        unsafe bench.workers[0].sets.set(3, noted)
        unsafe bench.workers[0].sets.set(4, memory)

        // 203.0.113.9 and another address, as destinations.
        for (last, slot) in [(UInt8(9), UInt16(3)), (9, 4), (8, 3)] {
            let bytes: [UInt8] = [0x45, 0, 0, 20, 0, 0, 0, 0, 64, 255, 0, 0, 10, 0, 0, 1, 203, 0, 113, last]
            var action = SetAction()
            action.mapped = slot
            action.mappedDimensions = 1
            action.flags = flags
            let (mark, priority) = withPacket(bytes) { packet in
                packet.mark = 0x33
                packet.priority = 7
                _ = unsafe bench.workers[0].apply(action, &packet)
                return (packet.mark, packet.priority)
            }
            let isNoted = last == 9 && slot == 3
            // A set without such notes says zero, and a mask of zero changes no mark.
            let isThere = last == 9
            #expect(mark == (isNoted && flags.contains(.mapsMark) ? 0x35 : 0x33), "\(last) \(slot)")
            #expect(priority == (isThere && flags.contains(.mapsPriority) ? isNoted ? 0x1000A : 0 : 7), "\(last) \(slot)")
        }
        withExtendedLifetime((memory, noted)) {}
    }
}
